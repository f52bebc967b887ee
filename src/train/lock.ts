/** One writer a run folder (Node only): a lock that a dead process cannot keep. */
import { readdir, readFile, rm, writeFile } from "node:fs/promises"
import { hostname } from "node:os"
import { join } from "node:path"

/** A run folder that another process writes to. */
export class LockedError extends Error {
  override readonly name = "LockedError"
}

/** Who holds a lock: its name says all, so it cannot be half written. */
interface Holder {
  readonly host: string
  readonly pid: number
  /** When the process began, as the system counts, so that another of the same number is not taken for it. */
  readonly started: string
}

const nameOf = ({ host, pid, started }: Holder): string => `.lock-${pid}-${started}-${host}`

function holderOf(name: string): Holder | undefined {
  const match = /^\.lock-(\d+)-(\d+)-(.*)$/.exec(name)
  return match === null ? undefined : { pid: Number(match[1]), started: match[2], host: match[3] }
}

/** When a process began, in ticks since the system did: 0 where only Linux could tell, undefined where it is dead. */
async function beginning(pid: number): Promise<string | undefined> {
  const stat = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => undefined)
  if (stat !== undefined) {
    // The name in brackets may hold spaces; after it come the state (3rd field) and, as the 22nd, the time.
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ")
    return fields[0] === "Z" || fields[0] === "X" ? undefined : fields[19]
  }
  try {
    process.kill(pid, 0)
    return "0"
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM" ? "0" : undefined
  }
}

/**
 * Takes the lock of a run folder; the function it gives releases it. Each process writes a file that names it and only then
 * looks for others, so of two that come together at least one sees the other. One that does steps back; since both may, each
 * tries again a few times, after a while of its own. Files of dead processes are removed.
 *
 * @throws LockedError when another process of this machine, or one of another machine, holds it.
 */
export async function lockRun(folder: string): Promise<() => Promise<void>> {
  // Slashes cannot be in a file's name; a host's name has none, but nobody promises that.
  const host = hostname().replace(/[^\w.-]/g, "_")
  const own = nameOf({ host, pid: process.pid, started: (await beginning(process.pid)) ?? "0" })
  const path = join(folder, own)
  const release = (): Promise<void> => rm(path, { force: true })
  for (let attempt = 1; ; attempt++) {
    await writeFile(path, "", { flag: "wx" }).catch((cause: NodeJS.ErrnoException) => {
      if (cause.code !== "EEXIST") throw new Error(`cannot write ${path} (${cause.message})`, { cause })
      throw new LockedError(`${folder}: this process trains into it already`)
    })
    const other = await holderBeside(folder, own, host)
    if (other === undefined) return release
    await release()
    if (attempt === attempts) {
      const name = join(folder, nameOf(other))
      const where = other.host === host ? "" : ` on ${other.host} (if that is gone, remove ${name})`
      throw new LockedError(
        `${folder}: process ${other.pid}${where} is training into it (wait for it, stop it, or name another folder)`,
      )
    }
    await new Promise((resolve) => setTimeout(resolve, 20 + 80 * Math.random()))
  }
}

const attempts = 4

/** Another process that holds or claims the lock; what dead ones left is cleared. */
async function holderBeside(folder: string, own: string, host: string): Promise<Holder | undefined> {
  for (const name of await readdir(folder)) {
    const other = name === own ? undefined : holderOf(name)
    if (other === undefined) continue
    if (other.host !== host || (await beginning(other.pid)) === other.started) return other
    await rm(join(folder, name), { force: true })
  }
  return undefined
}
