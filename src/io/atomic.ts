/** Files that are either the old or the new, never half written; Node only, its modules loaded on the first call. */

/**
 * Writes a file so that a crash at any instant leaves what was there before or the whole of what is written: beside it
 * first, flushed to the disk, renamed over it, and the folder flushed too. Its folder must exist.
 *
 * @throws Error `cannot write PATH (why)`, with nothing left behind.
 */
export async function writeFileAtomic(path: string, content: Uint8Array | string): Promise<void> {
  const { open, rename, rm } = await import("node:fs/promises")
  const { dirname } = await import("node:path")
  const beside = `${path}.${crypto.randomUUID()}.tmp`
  try {
    const file = await open(beside, "wx")
    try {
      await file.writeFile(content)
      await file.sync()
    } finally {
      await file.close()
    }
    await rename(beside, path)
  } catch (cause) {
    await rm(beside, { force: true }).catch(() => {})
    throw new Error(`cannot write ${path} (${(cause as Error).message})`, { cause })
  }
  try {
    const folder = await open(dirname(path), "r")
    try {
      await folder.sync()
    } finally {
      await folder.close()
    }
  } catch {
    // Windows cannot flush a folder; the file is whole all the same.
  }
}
