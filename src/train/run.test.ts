import { appendFileSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { expect, onTestFinished, test } from "vitest"
import { createRun, cutLog, isRun, logRecord, readLog, readRun } from "./run.ts"

function folder(): string {
  const dir = mkdtempSync(join(tmpdir(), "run-"))
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }))
  return dir
}
const config = { recipe: "points", options: { steps: 3 }, versions: { node: "v20" }, threads: 2 }

test("a run folder says what was asked for, and what holds something else is none", async () => {
  const dir = folder()
  expect(await isRun(dir)).toBe(false)
  await expect(readRun(dir)).rejects.toThrow(`${dir}: no run here`)
  await createRun(dir, config)
  expect(await readRun(dir)).toEqual(config)
  for (const [text, message] of [
    ["{ recipe", "not JSON"],
    ["[1]", "not the configuration of a run"],
    ['{"recipe": 7}', "not the configuration of a run"],
    [JSON.stringify({ ...config, threads: "many" }), "not the configuration of a run"],
    [JSON.stringify({ ...config, options: null }), "not the configuration of a run"],
  ]) {
    writeFileSync(join(dir, "config.json"), text)
    await expect(readRun(dir)).rejects.toThrow(message)
  }
})

test("a log that was cut short is read to its last whole line, and cut back to a step", async () => {
  const dir = folder()
  expect(await readLog(dir)).toEqual([])
  for (const step of [10, 20, 30]) await logRecord(dir, { step, loss: 1 / step })
  appendFileSync(join(dir, "log.jsonl"), '{"step": 40, "lo')
  expect((await readLog(dir)).map((r) => r["step"])).toEqual([10, 20, 30])
  await cutLog(dir, 20)
  await logRecord(dir, { step: 30, loss: 0 })
  expect(await readLog(dir)).toEqual([
    { step: 10, loss: 0.1 },
    { step: 20, loss: 0.05 },
    { step: 30, loss: 0 },
  ])
})
