import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { expect, onTestFinished, test } from "vitest"
import { array, type NdArray } from "../engine/array.ts"
import { checkpointNotes, checkpointSteps, loadCheckpoint, recoverCheckpoints, saveCheckpoint } from "./checkpoint.ts"
import { type Disk, disk } from "./disk.ts"
import type { TrainState } from "./loop.ts"

function runFolder(): string {
  const run = mkdtempSync(join(tmpdir(), "checkpoint-"))
  mkdirSync(join(run, "checkpoints"))
  onTestFinished(() => rmSync(run, { recursive: true, force: true }))
  return run
}

/** A state whose every number tells its step. */
function stateOf(step: number): TrainState {
  const values = (n: number): ReadonlyMap<string, NdArray> =>
    new Map([["weight", array("float32", [50], new Float32Array(50).fill(step + n))]])
  return {
    step,
    loader: { seed: 0, epoch: 0, position: step },
    model: values(0.25),
    optimizer: values(0.5),
    ema: values(0.75),
  }
}

const pathOf = (run: string, step: number, file: string): string => join(run, "checkpoints", `step-${step}`, file)

test("what was saved is what is loaded", async () => {
  const run = runFolder()
  await saveCheckpoint(run, stateOf(3), { validation: 0.5 })
  expect(await loadCheckpoint(run)).toEqual({ ...stateOf(3), validation: 0.5 })
  await saveCheckpoint(run, { ...stateOf(4), ema: null })
  expect((await loadCheckpoint(run)).ema).toBeNull()
  await expect(loadCheckpoint(run, { step: 9 })).rejects.toThrow("no checkpoint of step 9, there are 3, 4")
})

test("the last few stay, and the best by its validation loss beside them", async () => {
  const run = runFolder()
  const losses = [5, 2, 3, 4, 2, 6]
  for (const [i, validation] of losses.entries()) await saveCheckpoint(run, stateOf(i + 1), { validation })
  expect(await checkpointSteps(run)).toEqual([2, 5, 6])
  expect((await loadCheckpoint(run, { step: "best" })).step).toBe(2)
  const notes = await checkpointNotes(run)
  expect(notes.map((n) => n.validation)).toEqual([2, 2, 6])
  const size = (step: number): number =>
    readdirSync(join(run, "checkpoints", `step-${step}`))
      .filter((f) => f.endsWith(".safetensors"))
      .reduce((sum, f) => sum + readFileSync(pathOf(run, step, f)).length, 0)
  expect(notes.map((n) => n.bytes)).toEqual([2, 5, 6].map(size))
})

test("damage of any one byte of the newest is noticed, and the one before it is used", async () => {
  const run = runFolder()
  for (const step of [1, 2]) await saveCheckpoint(run, stateOf(step))
  for (const file of readdirSync(join(run, "checkpoints", "step-2"))) {
    const path = pathOf(run, 2, file)
    const whole = readFileSync(path)
    for (let at = 0; at < whole.length; at += 7) {
      const hurt = Buffer.from(whole)
      hurt[at] ^= 1
      writeFileSync(path, hurt)
      const warnings: string[] = []
      const { step } = await loadCheckpoint(run, { warn: (line) => warnings.push(line) })
      expect([step, warnings.length], `${file} byte ${at}`).toEqual([1, 1])
      expect(warnings[0]).toMatch(/the checkpoint of step 2 is damaged \(.*\); using that of step 1$/)
    }
    writeFileSync(path, whole)
  }
  truncateSync(pathOf(run, 2, "ema.safetensors"), 100)
  await expect(loadCheckpoint(run, { step: 2 })).rejects.toThrow(/ema\.safetensors has 100 bytes, \d+ were written/)
  rmSync(pathOf(run, 1, "model.safetensors"))
  await expect(loadCheckpoint(run)).rejects.toThrow(/step 2 is damaged .*; .*step 1 is damaged .*no other is left/)
})

test("a damaged newest is never kept in place of a whole one", async () => {
  const run = runFolder()
  for (const step of [10, 20]) await saveCheckpoint(run, stateOf(step))
  writeFileSync(pathOf(run, 20, "state.json"), "{}")
  expect((await loadCheckpoint(run)).step).toBe(10)
  await saveCheckpoint(run, stateOf(15), { keep: 1 })
  expect(await checkpointSteps(run)).toEqual([15])
})

test("a weight that is no number is not saved, and says its name", async () => {
  const run = runFolder()
  await saveCheckpoint(run, stateOf(1))
  const bad = stateOf(2)
  ;(bad.model.get("weight")!.data as Float32Array)[7] = Number.NaN
  await expect(saveCheckpoint(run, bad)).rejects.toThrow("train: weight holds NaN after step 2")
  expect(readdirSync(join(run, "checkpoints"))).toEqual(["step-1"])
})

/** A disk that dies at its `at`-th act: half a file is written, and nothing is done any more. `acts` counts. */
function mortal(at: number, { survives = false } = {}): Disk & { acts: number } {
  const act = async <T>(whole: () => Promise<T>, half?: () => Promise<unknown>): Promise<T> => {
    const n = ++mortalDisk.acts
    if (n < at || (survives && n > at)) return whole()
    if (n === at) await half?.()
    throw Object.assign(new Error("ENOSPC: no space left on device"), { code: "ENOSPC" })
  }
  const mortalDisk = {
    acts: 0,
    makeFolder: (path: string) => act(() => disk.makeFolder(path)),
    write: (path: string, content: Uint8Array | string) =>
      act(
        () => disk.write(path, content),
        () => disk.write(path, content.slice(0, content.length / 2)),
      ),
    read: (path: string) => act(() => disk.read(path)),
    list: (path: string) => act(() => disk.list(path)),
    rename: (from: string, to: string) => act(() => disk.rename(from, to)),
    remove: (path: string) => act(() => disk.remove(path)),
    flush: (path: string) => act(() => disk.flush(path)),
  }
  return mortalDisk
}

for (const [what, next] of [
  ["a new step", 3],
  ["a step that is there", 2],
] as const) {
  for (const survives of [false, true]) {
    const how = survives ? "when the disk fails once" : "when all ends"
    test(`${how} at any act of saving ${what}, a whole checkpoint is left`, async () => {
      let saves = 0
      for (let at = 1; at < 60; at++) {
        const run = runFolder()
        for (const step of [1, 2]) await saveCheckpoint(run, stateOf(step))
        const dying = mortal(at, { survives })
        const changed = { ...stateOf(next), loader: { seed: 1, epoch: 7, position: at } }
        const saved = await saveCheckpoint(run, changed, { disk: dying }).then(
          () => true,
          (error: Error) => {
            expect(error.message).toMatch(/^checkpoint: cannot write that of step \d in .* \(ENOSPC/)
            return false
          },
        )
        // Whoever only reads finds one even before anybody clears up, unless it is just being written over.
        if (next === 3) expect((await loadCheckpoint(run)).step).toBeGreaterThanOrEqual(2)
        await recoverCheckpoints(run)
        const warnings: string[] = []
        const found = await loadCheckpoint(run, { warn: (line) => warnings.push(line) })
        expect(warnings).toEqual([])
        if (saved) expect(found).toEqual(changed)
        else expect([changed, stateOf(2)]).toContainEqual(found)
        expect(readdirSync(join(run, "checkpoints")).filter((name) => name.startsWith("."))).toEqual([])
        if (saved) saves++
        if (dying.acts < at) {
          expect(at).toBeGreaterThan(12)
          break
        }
      }
      expect(saves).toBeGreaterThan(0)
    })
  }
}
