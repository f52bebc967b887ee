/** What is done to a disk (Node only): seven functions, so that a test can make any one of them fail. */
import { mkdir, open, readdir, readFile, rename, rm, stat } from "node:fs/promises"
import { dirname } from "node:path"

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

/**
 * Makes a folder with its parents, where they are not there. (Node's own recursive mkdir never returns where a system refuses
 * folders by saying that their parent does not exist, as /proc does.)
 */
export async function makeFolders(path: string): Promise<void> {
  const attempt = (): Promise<string | undefined> =>
    mkdir(path).then(
      () => undefined,
      async (error: NodeJS.ErrnoException) => {
        if (error.code === "EEXIST" && (await stat(path)).isDirectory()) return undefined
        if (error.code === "ENOENT") return error.code
        throw error
      },
    )
  if ((await attempt()) === undefined || dirname(path) === path) return
  await makeFolders(dirname(path))
  if ((await attempt()) !== undefined)
    throw Object.assign(new Error(`ENOENT: no such file or directory, mkdir '${path}'`), { code: "ENOENT" })
}
