/** Pictures in folders (Node only): finding them, reading their headers, and decoding them in worker threads. */
import { closeSync, opendirSync, openSync, readFileSync, readSync, statSync } from "node:fs"
import { availableParallelism } from "node:os"
import { join } from "node:path"
import { Worker } from "node:worker_threads"
import { decodePicture, headerBytes, type PictureHeader, readPictureHeader } from "./picture.ts"
import { type PictureForm, scaled } from "./scale.ts"

/** Largest file that is read as a picture. */
const maxBytes = 2 ** 29

/** Pictures to read. */
export interface DecodeCall {
  readonly id: number
  readonly paths: readonly string[]
  readonly form: PictureForm
}

/** What came of them: bytes [channels, height, width], or what is wrong with the file. */
export interface DecodeAnswer {
  readonly id: number
  readonly pictures: readonly (Uint8Array | string)[]
}

/** The picture in a file in the form that is wanted, or what is wrong with it. */
export function readPicture(path: string, form: PictureForm): Uint8Array | string {
  try {
    const { size } = statSync(path)
    if (size > maxBytes) return `${path}: file of ${size} bytes, expected at most ${maxBytes}`
    return scaled(decodePicture(new Uint8Array(readFileSync(path))), form)
  } catch (error) {
    return `${path}: ${(error as Error).message}`
  }
}

/**
 * What a picture's file says of itself.
 *
 * @throws RangeError `path: ...` when it is no picture, damaged there, or too large.
 */
export function readHeader(path: string): PictureHeader {
  try {
    const file = openSync(path, "r")
    try {
      // Most headers are at the very beginning; an embedded profile or thumbnail may push one back.
      const first = read(file, 4096)
      try {
        return readPictureHeader(first)
      } catch (error) {
        if (first.length < 4096) throw error
        return readPictureHeader(read(file, headerBytes))
      }
    } finally {
      closeSync(file)
    }
  } catch (error) {
    throw new RangeError(`${path}: ${(error as Error).message}`, { cause: error })
  }
}

/** The first bytes of a file. */
function read(file: number, count: number): Uint8Array {
  const bytes = new Uint8Array(count)
  return bytes.subarray(0, readSync(file, bytes, 0, count, 0))
}

/** Paths of many files, in about as many bytes as their names have. */
export interface Paths {
  readonly length: number
  at(i: number): string
  /** Number of the folder a file is in, for all files; `folders` has their paths below the root. */
  readonly folder: Int32Array
  readonly folders: readonly string[]
}

/**
 * The PNG and JPEG files below a folder, by their names' endings, in an order that depends on names alone: folders in order,
 * files in each. Hidden files and folders are passed over, links to folders are not followed.
 */
export async function scan(root: string): Promise<Paths> {
  const folders: string[] = []
  const perFolder: { names: Uint8Array; starts: Uint32Array }[] = []
  const waiting = [""]
  let seen = 0
  for (let folder = waiting.pop(); folder !== undefined; folder = waiting.pop()) {
    const names: string[] = []
    const below: string[] = []
    const handle = opendirSync(join(root, folder), { bufferSize: 4096 })
    try {
      for (let entry = handle.readSync(); entry !== null; entry = handle.readSync()) {
        if (++seen % 50_000 === 0) await new Promise(setImmediate)
        if (entry.name.startsWith(".")) continue
        if (entry.isDirectory()) below.push(folder === "" ? entry.name : `${folder}/${entry.name}`)
        else if (/\.(png|jpe?g)$/i.test(entry.name)) names.push(entry.name)
      }
    } finally {
      handle.closeSync()
    }
    // The last put there comes first.
    waiting.push(...below.sort().reverse())
    if (names.length === 0) continue
    folders.push(folder)
    perFolder.push(packed(names.sort()))
  }
  const length = perFolder.reduce((n, { starts }) => n + starts.length - 1, 0)
  const folder = new Int32Array(length)
  const firsts = new Int32Array(folders.length)
  let at = 0
  for (const [f, { starts }] of perFolder.entries()) {
    firsts[f] = at
    folder.fill(f, at, at + starts.length - 1)
    at += starts.length - 1
  }
  const decoder = new TextDecoder()
  return {
    length,
    folder,
    folders,
    at: (i) => {
      const f = folder[i]
      const { names, starts } = perFolder[f]
      const own = i - firsts[f]
      return join(root, folders[f], decoder.decode(names.subarray(starts[own], starts[own + 1])))
    },
  }
}

function packed(names: readonly string[]): { names: Uint8Array; starts: Uint32Array } {
  const starts = new Uint32Array(names.length + 1)
  for (const [i, name] of names.entries()) starts[i + 1] = starts[i] + Buffer.byteLength(name)
  const out = Buffer.alloc(starts[names.length])
  for (const [i, name] of names.entries()) out.write(name, starts[i])
  return { names: new Uint8Array(out), starts }
}

/** Threads that decode. */
export interface DecodePool {
  read(paths: readonly string[], form: PictureForm): Promise<DecodeAnswer["pictures"]>
}

/**
 * A pool of worker threads, begun when first used; they keep the process alive only while they work. From sources, which Node
 * 20 cannot start a worker from, the caller's thread does the work.
 */
export function decodePool(workers: number = Math.max(1, Math.min(4, availableParallelism() - 1))): DecodePool {
  if (!import.meta.url.endsWith(".js"))
    return { read: async (paths, form) => paths.map((path) => readPicture(path, form)) }
  const pending = new Map<
    number,
    { resolve: (pictures: DecodeAnswer["pictures"]) => void; reject: (e: Error) => void }
  >()
  const threads: { worker: Worker; busy: Set<number> }[] = []
  let last = 0
  const begin = (): (typeof threads)[number] => {
    const worker = new Worker(new URL("./decoder.js", import.meta.url))
    const thread = { worker, busy: new Set<number>() }
    const end = (id: number): ReturnType<typeof pending.get> => {
      const call = pending.get(id)
      pending.delete(id)
      thread.busy.delete(id)
      if (thread.busy.size === 0) worker.unref()
      return call
    }
    worker.on("message", ({ id, pictures }: DecodeAnswer) => end(id)?.resolve(pictures))
    worker.on("error", (error) => {
      threads.splice(threads.indexOf(thread), 1)
      for (const id of [...thread.busy]) end(id)?.reject(error)
    })
    worker.unref()
    threads.push(thread)
    return thread
  }
  return {
    read: (paths, form) =>
      new Promise((resolve, reject) => {
        const idle = threads.toSorted((a, b) => a.busy.size - b.busy.size).at(0)
        const thread = idle === undefined || (idle.busy.size > 0 && threads.length < workers) ? begin() : idle
        const id = ++last
        if (thread.busy.size === 0) thread.worker.ref()
        thread.busy.add(id)
        pending.set(id, { resolve, reject })
        thread.worker.postMessage({ id, paths, form } satisfies DecodeCall)
      }),
  }
}
