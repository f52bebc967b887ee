/** Where data files lie, and reading them; Node only, and Node's modules are loaded when a file is first asked for. */

/** A file that was read. */
export interface DataFile {
  readonly path: string
  readonly bytes: Uint8Array
}

/** Folder of the data set `name`: `name` in the folder that TWEEDIE_DATA_DIR names, or else in ./data. */
export function dataDirectory(name: string): string {
  const root = typeof process === "undefined" ? undefined : process.env["TWEEDIE_DATA_DIR"]
  return `${root || "data"}/${name}`
}

/** Whether one of the files `names` is in `dir`. */
export async function hasDataFile(dir: string, names: readonly string[]): Promise<boolean> {
  const { stat } = await import("node:fs/promises")
  const { resolve } = await import("node:path")
  for (const name of names) {
    const isThere = await stat(resolve(dir, name)).then(
      (s) => s.isFile(),
      () => false,
    )
    if (isThere) return true
  }
  return false
}

/**
 * The first of the files `names` that is in `dir`.
 *
 * @throws Error `where: ...` when none is there (it says where it looked, and adds `cure`), or it is over `maxBytes`.
 */
export async function readDataFile(
  where: string,
  dir: string,
  names: readonly string[],
  { cure, maxBytes = 2 ** 31 }: { cure: string; maxBytes?: number },
): Promise<DataFile> {
  const { readFile, stat } = await import("node:fs/promises")
  const { resolve } = await import("node:path")
  for (const name of names) {
    const path = resolve(dir, name)
    const found = await stat(path).catch((cause: unknown) => {
      if (["ENOENT", "ENOTDIR"].includes((cause as { code?: string }).code ?? "")) return undefined
      throw new Error(`${where}: cannot read ${path} (${(cause as Error).message})`, { cause })
    })
    if (!found?.isFile()) continue
    if (found.size > maxBytes) {
      throw new Error(`${where}: ${path} has ${found.size} bytes, expected at most ${maxBytes}`)
    }
    try {
      const read = await readFile(path)
      return { path, bytes: new Uint8Array(read.buffer, read.byteOffset, read.length) }
    } catch (cause) {
      throw new Error(`${where}: cannot read ${path} (${(cause as Error).message})`, { cause })
    }
  }
  throw new Error(`${where}: found no ${names.join(" or ")} in ${resolve(dir)} (${cure})`)
}
