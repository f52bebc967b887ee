/** Public files fetched when they are first needed, into a cache folder (Node only; its modules are loaded then). */

/** A file on the web and what it must be. */
export interface RemoteFile {
  readonly url: string
  /** Its size, which nothing that is fetched may exceed. */
  readonly bytes: number
  /** Checksum of its content, 64 hexadecimal digits. */
  readonly sha256: string
}

/** The network, or the file it gave, is not what is needed. What was fetched so far is kept, and gone on with next time. */
export class FetchError extends Error {
  override readonly name = "FetchError"
}

/** How {@link fetchFile} goes about it. */
export interface FetchOptions {
  /** What errors begin with. */
  readonly where?: string
  /** Told what is being fetched. */
  readonly say?: (line: string) => void
  readonly signal?: AbortSignal
  /** How often it begins again, where it stopped, when the connection breaks; default 3. */
  readonly retries?: number
  /** Milliseconds without a byte after which a connection counts as broken; default 30,000. */
  readonly patience?: number
}

/** Folder for what is fetched for `name`: in TWEEDIE_CACHE_DIR, or else in the user's cache folder. */
export async function cacheDirectory(name: string): Promise<string> {
  const { join } = await import("node:path")
  const { homedir } = await import("node:os")
  const own = process.env["TWEEDIE_CACHE_DIR"]
  if (own) return join(own, name)
  return join(process.env["XDG_CACHE_HOME"] || join(homedir(), ".cache"), "tweedie", name)
}

/**
 * Fetches a file to `path`, unless it is there. It is written beside, `.part`, and gone on with from where it stopped, by this
 * call or a later one; it gets its name when its checksum is right.
 *
 * @throws FetchError `where: ...` when there is no connection, the server refuses, or the content is another.
 */
export async function fetchFile(file: RemoteFile, path: string, options: FetchOptions = {}): Promise<void> {
  const { where = "fetch", say = () => {}, signal, retries = 3, patience = 30_000 } = options
  const { mkdir, rename, rm, stat, readFile } = await import("node:fs/promises")
  const { dirname, basename } = await import("node:path")
  const { createHash } = await import("node:crypto")
  const sizeOf = (of: string): Promise<number> =>
    stat(of).then(
      (s) => s.size,
      () => -1,
    )
  if ((await sizeOf(path)) >= 0) return
  await mkdir(dirname(path), { recursive: true })
  const part = `${path}.part`
  say(`fetching ${basename(path)} (${(file.bytes / 1e6).toFixed(1)} MB) into ${dirname(path)}`)
  for (let attempt = 0; (await sizeOf(part)) < file.bytes; attempt++) {
    try {
      await append(file, part, Math.max(0, await sizeOf(part)), { signal, patience })
    } catch (cause) {
      signal?.throwIfAborted()
      if (cause instanceof Refusal) throw new FetchError(`${where}: ${file.url}: ${cause.message}`, { cause })
      const { code } = cause as { code?: string }
      if (code !== undefined && /^E(NOSPC|ACCES|ROFS|DQUOT|IO)$/.test(code)) throw cause
      if (attempt >= retries) {
        const reason = reasonOf(cause)
        throw new FetchError(
          `${where}: cannot fetch ${file.url} (${reason}): is this machine offline? Put the file into ${dirname(path)} by hand, or name a folder that has it with --data-dir`,
          { cause },
        )
      }
      await new Promise((resolve) => setTimeout(resolve, 200 * 2 ** attempt))
    }
  }
  const sum = createHash("sha256")
    .update(await readFile(part))
    .digest("hex")
  if (sum !== file.sha256) {
    await rm(part, { force: true })
    throw new FetchError(
      `${where}: ${file.url} gave another file than expected (checksum ${sum}, expected ${file.sha256})`,
    )
  }
  await rename(part, path)
}

/** What asking again would not mend. */
class Refusal extends Error {}

/** Why a connection failed, in a few words: the reason is often a cause of the error. */
function reasonOf(error: unknown): string {
  const { cause, message, code } = error as Error & { cause?: { code?: string; message?: string }; code?: string }
  return cause?.code ?? code ?? cause?.message ?? message
}

interface Connection {
  readonly signal: AbortSignal | undefined
  readonly patience: number
}

/** Asks for what comes after the first `from` bytes, and writes it behind them. */
async function append(
  { url, bytes }: RemoteFile,
  part: string,
  from: number,
  { signal, patience }: Connection,
): Promise<void> {
  const { open } = await import("node:fs/promises")
  const stalled = new AbortController()
  let timer = setTimeout(() => stalled.abort(new Error(`nothing came for ${patience / 1000} s`)), patience)
  const signals = signal === undefined ? [stalled.signal] : [stalled.signal, signal]
  try {
    const answer = await fetch(url, {
      headers: from > 0 ? { range: `bytes=${from}-` } : {},
      signal: AbortSignal.any(signals),
    })
    const isRest = answer.status === 206 && answer.headers.get("content-range")?.startsWith(`bytes ${from}-`)
    // A server that does not know ranges, or has another idea of the file, sends all of it.
    const isWhole = answer.status === 200
    if (answer.status === 416) {
      const file = await open(part, "w")
      await file.close()
      throw new Error("the server has less of it than was fetched")
    }
    if (!isRest && !isWhole) {
      await answer.body?.cancel()
      const message = `the server answers ${answer.status} ${answer.statusText}`.trim()
      throw answer.status >= 500 || answer.status === 429 ? new Error(message) : new Refusal(message)
    }
    if (answer.body === null) throw new Error("the server sends nothing")
    const file = await open(part, isRest ? "a" : "w")
    try {
      let written = isRest ? from : 0
      for await (const chunk of answer.body as unknown as AsyncIterable<Uint8Array>) {
        clearTimeout(timer)
        timer = setTimeout(() => stalled.abort(new Error(`nothing came for ${patience / 1000} s`)), patience)
        written += chunk.length
        if (written > bytes) throw new Refusal(`more than the ${bytes} bytes it should have`)
        await file.write(chunk)
      }
      await file.sync()
      if (written < bytes) throw new Error(`the connection ended after ${written} of ${bytes} bytes`)
    } finally {
      await file.close()
    }
  } finally {
    clearTimeout(timer)
  }
}
