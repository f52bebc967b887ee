/** What is done to a disk (Node only): seven functions, so that a test can make any one of them fail. */
import { mkdir, open, readdir, readFile, rename, rm } from "node:fs/promises"

/** A disk, or a test's idea of one. Every function rejects with Node's error, which has a `code`. */
export interface Disk {
  /** Makes a folder in one that is there. */
  makeFolder(path: string): Promise<void>
  /** Writes a new file and flushes it. */
  write(path: string, content: Uint8Array | string): Promise<void>
  read(path: string): Promise<Uint8Array>
  /** Names in a folder. */
  list(path: string): Promise<string[]>
  /** Gives a file or folder a name that is free. */
  rename(from: string, to: string): Promise<void>
  /** Removes a file, or a folder with all that is in it; what is not there is removed already. */
  remove(path: string): Promise<void>
  /** Makes the names in a folder survive a loss of power. */
  flush(folder: string): Promise<void>
}

/** The disk there is. */
export const disk: Disk = {
  makeFolder: (path) => mkdir(path),
  write: async (path, content) => {
    const file = await open(path, "wx")
    try {
      await file.writeFile(content)
      await file.sync()
    } finally {
      await file.close()
    }
  },
  read: async (path) => new Uint8Array(await readFile(path)),
  list: (path) => readdir(path),
  rename: (from, to) => rename(from, to),
  remove: (path) => rm(path, { recursive: true, force: true }),
  flush: async (folder) => {
    // Windows cannot open a folder; what is in it is whole all the same.
    const handle = await open(folder, "r").catch(() => undefined)
    if (handle === undefined) return
    await handle.sync().finally(() => handle.close())
  },
}
