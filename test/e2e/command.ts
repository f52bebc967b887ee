/** The command as a child process, on the built package. */
import { type ChildProcess, execFile } from "node:child_process"
import { existsSync, mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"

/** The entry of the built command. */
export const main: string = fileURLToPath(new URL("../../dist/cli/main.js", import.meta.url))

/** How a command ended. */
export interface Result {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

/** A folder of its own, and the command run in it. */
export interface Workplace {
  readonly folder: string
  at(...path: string[]): string
  run(...args: string[]): Promise<Result>
  /** The command with something done to it while it runs. */
  watched(args: readonly string[], during: (child: ChildProcess) => void): Promise<Result>
  remove(): void
}

/** A new folder to run the command in. */
export function workplace(): Workplace {
  if (!existsSync(main)) throw new Error("dist/ is missing: run `npm run build` first (npm test does)")
  const folder = mkdtempSync(join(tmpdir(), "tweedie-"))
  const watched: Workplace["watched"] = (args, during) =>
    new Promise((resolve) => {
      const child = execFile(
        process.execPath,
        [main, ...args],
        { cwd: folder, timeout: 120_000 },
        (error, stdout, stderr) => resolve({ code: error === null ? 0 : Number(error.code ?? 1), stdout, stderr }),
      )
      during(child)
    })
  return {
    folder,
    at: (...path) => join(folder, ...path),
    run: (...args) => watched(args, () => {}),
    watched,
    remove: () => rmSync(folder, { recursive: true, force: true }),
  }
}

/** Calls `then` once, when what a child writes to standard output has a line that matches. */
export function whenTold(child: ChildProcess, line: RegExp, then: () => void): void {
  let seen = ""
  let isDone = false
  child.stdout?.on("data", (text) => {
    seen += text
    if (isDone || !line.test(seen)) return
    isDone = true
    then()
  })
}
