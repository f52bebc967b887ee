/** Gzip files read under a bound: nothing is decompressed beyond what the caller expects, and damage is noticed. */

import { Inflate } from "fflate"
import { crc32 } from "./checksum.ts"

/** Deflate cannot shrink data to less than this part of its size, so a file that promises more is false. */
const maxRatio = 1032

/** Compressed bytes a step: at most 17 MB come out of one. */
const step = 16384

/** Whether bytes begin as a gzip file does. */
export function isGzip(bytes: Uint8Array): boolean {
  return bytes.length >= 2 && bytes[0] === 0x1f && bytes[1] === 0x8b
}

/**
 * The first `length` bytes of a gzip file's content (fewer where it is shorter), unchecked.
 *
 * @throws RangeError `where: ...` when the file is damaged before that.
 */
export function gunzipHead(bytes: Uint8Array, length: number, where = "gzip"): Uint8Array {
  const out = new Uint8Array(length)
  let at = 0
  inflate(body(bytes, where), where, (chunk) => {
    const part = chunk.subarray(0, length - at)
    out.set(part, at)
    at += part.length
    return at < length
  })
  return out.subarray(0, at)
}

/**
 * The content of a gzip file of one member (RFC 1952), which must be exactly `length` bytes and agree with its checksum.
 *
 * @throws RangeError `where: ...` when it is not gzip, is truncated or damaged, or has another length; before anything is
 * allocated where the file is too short to hold that much.
 */
export function gunzip(bytes: Uint8Array, length: number, where = "gzip"): Uint8Array<ArrayBuffer> {
  const deflated = body(bytes, where)
  const view = new DataView(bytes.buffer, bytes.byteOffset + bytes.length - 8, 8)
  const stated = view.getUint32(4, true)
  if (stated !== length % 2 ** 32 || length > deflated.length * maxRatio) {
    throw new RangeError(
      `${where}: compressed file ends as one of ${stated} bytes, its header promises ${length} (is it truncated?)`,
    )
  }
  const out = new Uint8Array(length)
  let at = 0
  inflate(deflated, where, (chunk, left) => {
    if (at + chunk.length > length || (at + chunk.length === length && left > step)) {
      throw new RangeError(`${where}: compressed file holds more than the ${length} bytes its header promises`)
    }
    out.set(chunk, at)
    at += chunk.length
    return true
  })
  if (at < length) {
    throw new RangeError(`${where}: compressed file ends after ${at} of ${length} bytes (is it truncated?)`)
  }
  if (crc32(out) !== view.getUint32(0, true)) {
    throw new RangeError(`${where}: compressed file does not agree with its checksum (fetch it again)`)
  }
  return out
}

/**
 * The content of a gzip file whose length is not known from elsewhere: as long as its last four bytes say, at most `maxBytes`.
 *
 * @throws RangeError `where: ...` as {@link gunzip}, or when it says that it is longer.
 */
export function gunzipAll(
  bytes: Uint8Array,
  { where = "gzip", maxBytes = 2 ** 31 }: { where?: string; maxBytes?: number } = {},
): Uint8Array<ArrayBuffer> {
  if (!isGzip(bytes) || bytes.length < 18) throw new RangeError(`${where}: not a gzip file`)
  const length = new DataView(bytes.buffer, bytes.byteOffset + bytes.length - 4, 4).getUint32(0, true)
  if (length > maxBytes) throw new RangeError(`${where}: content of ${length} bytes, expected at most ${maxBytes}`)
  return gunzip(bytes, length, where)
}

/** The deflate stream between the header and the trailer. */
function body(bytes: Uint8Array, where: string): Uint8Array {
  if (!isGzip(bytes) || bytes[2] !== 8) throw new RangeError(`${where}: not a gzip file`)
  const flags = bytes[3]
  let at = 10
  if (flags & 4) at += 2 + (bytes[10] | (bytes[11] << 8))
  for (let names = ((flags >> 3) & 1) + ((flags >> 4) & 1); names > 0 && at < bytes.length; at++) {
    if (bytes[at] === 0) names--
  }
  if (flags & 2) at += 2
  if (at + 8 > bytes.length) throw new RangeError(`${where}: compressed file is truncated in its header`)
  return bytes.subarray(at, bytes.length - 8)
}

/** Feeds a deflate stream in steps to `take`, with how much of it is left, until that returns false. */
function inflate(deflated: Uint8Array, where: string, take: (chunk: Uint8Array, left: number) => boolean): void {
  let chunk: Uint8Array = new Uint8Array(0)
  const stream = new Inflate((data) => {
    chunk = data
  })
  for (let from = 0; from < deflated.length; from += step) {
    try {
      stream.push(deflated.subarray(from, from + step))
    } catch (cause) {
      const message = cause instanceof Error ? cause.message : String(cause)
      throw new RangeError(`${where}: compressed data is damaged (${message})`, { cause })
    }
    if (!take(chunk, Math.max(0, deflated.length - from - step))) return
  }
}
