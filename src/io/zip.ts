/** Zip archives, read under bounds: names that lead nowhere else, sizes checked before anything is unpacked. */

import { Inflate } from "fflate"
import { crc32 } from "./checksum.ts"

/** A file in an archive. */
export interface ZipEntry {
  /** Path in the archive, with `/` between its parts; it never begins with one, and no part of it is `..`. */
  readonly name: string
  /** Bytes when unpacked. */
  readonly size: number
  /** Its content, unpacked and checked. */
  read(): Uint8Array<ArrayBuffer>
}

/** How {@link readZip} reads. */
export interface ZipOptions {
  /** What errors begin with, such as a path; default `zip`. */
  where?: string
  /** Most bytes of all files together when unpacked; default 2^31. */
  maxBytes?: number
  /** Most files; default 1,000,000. */
  maxFiles?: number
}

/** Deflate cannot shrink data to less than this part of its size. */
const maxRatio = 1032

/** Compressed bytes a step. */
const step = 16384

/**
 * The files of a zip archive, in the order of its directory; folders are left out. Nothing is unpacked until it is read.
 * Stored and deflated files are known, encryption and archives over 4 GB are not.
 * Source: PKWARE APPNOTE 6.3.10, sections 4.3 and 4.4.
 *
 * @throws RangeError `where: ...` when it is no archive, its directory is damaged or promises too much, or a name is not
 * safe to use as a path. Reading a file throws when it is damaged.
 */
export function readZip(
  bytes: Uint8Array,
  { where = "zip", maxBytes = 2 ** 31, maxFiles = 1_000_000 }: ZipOptions = {},
): ZipEntry[] {
  const fail = (what: string): RangeError => new RangeError(`${where}: ${what}`)
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const end = endOf(view, fail)
  const count = view.getUint16(end + 10, true)
  const start = view.getUint32(end + 16, true)
  const stop = start + view.getUint32(end + 12, true)
  if (count === 0xffff || start === 0xffffffff) throw fail("an archive of over 4 GB or 65,534 files is not read")
  if (stop > end) throw fail(`directory ends at byte ${stop}, expected at most ${end} (is it truncated?)`)
  if (count > maxFiles) throw fail(`${count} files, expected at most ${maxFiles}`)
  const entries: ZipEntry[] = []
  const names = new Set<string>()
  let total = 0
  let at = start
  for (let n = 0; n < count; n++) {
    if (at + 46 > stop || view.getUint32(at, true) !== 0x02014b50) throw fail(`directory is damaged at byte ${at}`)
    const flags = view.getUint16(at + 8, true)
    const method = view.getUint16(at + 10, true)
    const sum = view.getUint32(at + 16, true)
    const [packed, size] = [view.getUint32(at + 20, true), view.getUint32(at + 24, true)]
    const next = at + 46 + view.getUint16(at + 28, true) + view.getUint16(at + 30, true) + view.getUint16(at + 32, true)
    if (next > stop) throw fail(`directory is damaged at byte ${at}`)
    const name = nameOf(bytes.subarray(at + 46, at + 46 + view.getUint16(at + 28, true)), fail)
    const header = view.getUint32(at + 42, true)
    at = next
    if (name.endsWith("/")) continue
    const quoted = JSON.stringify(name)
    if (names.has(name)) throw fail(`${quoted} is there twice`)
    names.add(name)
    if ((flags & 1) !== 0) throw fail(`${quoted} is encrypted`)
    if (method !== 0 && method !== 8) throw fail(`${quoted} is packed by method ${method}, expected 0 or 8`)
    if (method === 0 ? packed !== size : size > packed * maxRatio) {
      throw fail(`${quoted} promises ${size} bytes from ${packed}`)
    }
    total += size
    if (total > maxBytes) throw fail(`files of more than ${maxBytes} bytes`)
    entries.push({ name, size, read: () => unpack({ bytes, view, header, packed, size, method, sum, quoted, fail }) })
  }
  return entries
}

type Fail = (what: string) => RangeError

/** Where the record at the end of the archive is; a comment of up to 65,535 bytes may follow it. */
function endOf(view: DataView, fail: Fail): number {
  const length = view.byteLength
  for (let at = length - 22; at >= Math.max(0, length - 22 - 0xffff); at--) {
    if (view.getUint32(at, true) === 0x06054b50 && view.getUint16(at + 20, true) === length - at - 22) return at
  }
  throw fail("no directory at the end (is this a zip archive, and whole?)")
}

function nameOf(bytes: Uint8Array, fail: Fail): string {
  const name = new TextDecoder().decode(bytes)
  const parts = name.split("/")
  const isUnsafe = name === "" || name.startsWith("/") || /[\\\0]|^[A-Za-z]:/.test(name) || parts.includes("..")
  if (isUnsafe) throw fail(`${JSON.stringify(name.slice(0, 100))} is no name for a file in a folder`)
  return name
}

interface Packed {
  readonly bytes: Uint8Array
  readonly view: DataView
  readonly header: number
  readonly packed: number
  readonly size: number
  readonly method: number
  readonly sum: number
  readonly quoted: string
  readonly fail: Fail
}

function unpack({ bytes, view, header, packed, size, method, sum, quoted, fail }: Packed): Uint8Array<ArrayBuffer> {
  if (header + 30 > bytes.length || view.getUint32(header, true) !== 0x04034b50) {
    throw fail(`${quoted} is not at byte ${header}`)
  }
  const start = header + 30 + view.getUint16(header + 26, true) + view.getUint16(header + 28, true)
  if (start + packed > bytes.length) throw fail(`${quoted} ends at byte ${start + packed}, file has ${bytes.length}`)
  const content = bytes.subarray(start, start + packed)
  const out = method === 0 ? new Uint8Array(content) : inflated(content, size, quoted, fail)
  if (crc32(out) !== sum) throw fail(`${quoted} does not agree with its checksum`)
  return out
}

function inflated(content: Uint8Array, size: number, quoted: string, fail: Fail): Uint8Array<ArrayBuffer> {
  const out = new Uint8Array(size)
  let at = 0
  let isLong = false
  const stream = new Inflate((chunk) => {
    isLong ||= at + chunk.length > size
    if (!isLong) out.set(chunk, at)
    at += chunk.length
  })
  for (let from = 0; from < content.length && !isLong; from += step) {
    try {
      stream.push(content.subarray(from, from + step))
    } catch (cause) {
      throw fail(`${quoted} is damaged (${cause instanceof Error ? cause.message : cause})`)
    }
    if (at === size && content.length - from > step) isLong = true
  }
  if (isLong || at !== size)
    throw fail(`${quoted} is ${isLong ? "longer" : "shorter"} than the ${size} bytes it promises`)
  return out
}
