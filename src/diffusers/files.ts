/** Where a model's files come from: a folder on the disk (Node only, its modules loaded on the first call), or memory. */

/** Files of one folder by their path in it, with slashes. */
export interface ModelFiles {
  /** What errors call the place of a file. */
  nameOf(path: string): string
  /**
   * The bytes of a file, or `null` where there is none.
   *
   * @throws RangeError when it has more than `limit` bytes.
   */
  read(path: string, limit: number): Promise<Uint8Array | null>
  /** Names of the files in a folder within, `""` for this one; none where it does not exist. */
  list(path: string): Promise<readonly string[]>
}

function tooLarge(where: string, size: number, limit: number): RangeError {
  return new RangeError(
    `${where}: ${size} bytes, expected at most ${limit} (in Python, save_pretrained(..., max_shard_size="1GB") cuts weights into smaller files)`,
  )
}

/** The files of a folder on the disk. */
export function folderFiles(folder: string): ModelFiles {
  const nameOf = (path: string): string => (path === "" ? folder : `${folder.replace(/[\\/]+$/, "")}/${path}`)
  return {
    nameOf,
    async read(path, limit) {
      const { open } = await import("node:fs/promises")
      const handle = await open(nameOf(path), "r").catch(missing)
      if (handle === null) return null
      try {
        const found = await handle.stat()
        if (!found.isFile()) return null
        if (found.size > limit) throw tooLarge(nameOf(path), found.size, limit)
        return await handle.readFile()
      } finally {
        await handle.close()
      }
    },
    async list(path) {
      const { readdir } = await import("node:fs/promises")
      return (await readdir(nameOf(path)).catch(missing)) ?? []
    },
  }
}

function missing(cause: unknown): null {
  const code = (cause as { code?: unknown }).code
  if (code === "ENOENT" || code === "ENOTDIR") return null
  throw cause
}

/** Files in memory, as a browser fetched them: bytes by path. */
export function memoryFiles(files: ReadonlyMap<string, Uint8Array>, name = "model"): ModelFiles {
  const nameOf = (path: string): string => (path === "" ? name : `${name}/${path}`)
  return {
    nameOf,
    async read(path, limit) {
      const bytes = files.get(path) ?? null
      if (bytes !== null && bytes.length > limit) throw tooLarge(nameOf(path), bytes.length, limit)
      return bytes
    },
    async list(path) {
      const start = path === "" ? "" : `${path}/`
      const names = [...files.keys()].filter((p) => p.startsWith(start)).map((p) => p.slice(start.length).split("/")[0])
      return [...new Set(names)]
    },
  }
}
