import { spawn } from "node:child_process"
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { hostname, tmpdir } from "node:os"
import { join } from "node:path"
import { expect, onTestFinished, test } from "vitest"
import { LockedError, lockRun } from "./lock.ts"

function folder(): string {
  const dir = mkdtempSync(join(tmpdir(), "lock-"))
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }))
  return dir
}
/** Elsewhere nobody can tell when a process began. */
const isLinux = process.platform === "linux"
const host = hostname().replace(/[^\w.-]/g, "_")

test("a folder has one writer, until it releases the lock", async () => {
  const dir = folder()
  const release = await lockRun(dir)
  await expect(lockRun(dir)).rejects.toThrow(LockedError)
  await release()
  expect(readdirSync(dir)).toEqual([])
  await (await lockRun(dir))()
})

test.skipIf(!isLinux)("the lock of a living process stands, and that of a dead one falls", async () => {
  const dir = folder()
  const child = spawn(process.execPath, ["-e", "setInterval(() => {}, 1e6)"])
  onTestFinished(() => void child.kill("SIGKILL"))
  await new Promise((resolve) => child.once("spawn", resolve))
  const stat = readFileSync(`/proc/${child.pid}/stat`, "utf8")
  const started = stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19]
  const name = `.lock-${child.pid}-${started}-${host}`
  writeFileSync(join(dir, name), "")
  await expect(lockRun(dir)).rejects.toThrow(`process ${child.pid} is training into it`)
  expect(readdirSync(dir)).toEqual([name])
  const gone = new Promise((resolve) => child.once("exit", resolve))
  child.kill("SIGKILL")
  await gone
  const release = await lockRun(dir)
  expect(readdirSync(dir)).toHaveLength(1)
  await release()
})

test.skipIf(!isLinux)("a process that has the number of a dead one, or is elsewhere, is told apart", async () => {
  const dir = folder()
  // This very process, but begun at another time: the number was given twice.
  writeFileSync(join(dir, `.lock-${process.pid}-1-${host}`), "")
  await (await lockRun(dir))()
  expect(readdirSync(dir)).toEqual([])
  writeFileSync(join(dir, ".lock-1-1-elsewhere"), "")
  await expect(lockRun(dir)).rejects.toThrow(/process 1 on elsewhere \(if that is gone, remove .*elsewhere\)/)
})
