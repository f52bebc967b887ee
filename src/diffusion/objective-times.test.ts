import { expect, test } from "vitest"
import { array, fromNumbers, toNumbers } from "../engine/array.ts"
import { compile } from "../engine/compile.ts"
import { Generator } from "../engine/random.ts"
import { read, write } from "../engine/state.ts"
import type { Tensor } from "../engine/tensor.ts"
import { lossAware, timeDraw } from "./objective-times.ts"
import { gaussian } from "./process.ts"
import { flow, vp } from "./process-sde.ts"
import { linear } from "./schedule.ts"

test("whole times are drawn of schedules, and any from the earliest on of continuous processes, one from each part if stratified", async () => {
  for (const [process, isWhole] of [
    [gaussian(linear(10)), true],
    [vp({ steps: 10 }), false],
    [flow({ steps: 10, earliest: 0.1 }), false],
  ] as const) {
    for (const times of ["uniform", "stratified"] as const) {
      const n = 4000
      const run = compile(() => timeDraw(process, times).draw(n).t)
      const t = toNumbers(await run())
      await run.dispose()
      const least = isWhole ? 1 : process.levels.earliest
      for (const v of t) expect(v >= least - 1e-6 && v <= 10 && (!isWhole || Number.isInteger(v))).toBe(true)
      if (times === "uniform") continue
      const sorted = [...t].sort((a, b) => a - b)
      for (const [i, v] of sorted.entries()) {
        const expected = isWhole ? Math.floor((10 * i) / n) + 1 : least + ((10 - least) * (i + 0.5)) / n
        expect(Math.abs(v - expected)).toBeLessThan(isWhole ? 1.001 : (10 / n) * 1.01)
      }
    }
  }
  expect(() => timeDraw(vp(), "loss-aware")).toThrow("times: loss-aware draws among whole times")
})

test("what is remembered of each time are its last ten losses, in whatever order they come", async () => {
  const [steps, batch, history] = [5, 64, 10]
  const draw = lossAware(steps)
  const [losses, counts] = draw.variables.values()
  const run = compile((seen: Tensor) => {
    const { t, learn } = draw.draw(batch)
    learn!(seen)
    return t
  })
  const random = new Generator(2)
  // One list a time, as the original keeps them: the oldest goes.
  const kept: number[][] = Array.from({ length: steps }, () => [])
  for (let k = 0; k < 4; k++) {
    const seen = Float32Array.from({ length: batch }, () => random.uniform())
    const times = toNumbers(await run(array("float32", [batch], seen)))
    for (const [i, t] of times.entries()) {
      kept[t - 1].push(seen[i])
      if (kept[t - 1].length > history) kept[t - 1].shift()
    }
    const [found] = await read([losses])
    for (let t = 0; t < steps; t++) {
      const mine = [...toNumbers(found)].slice(t * history, (t + 1) * history).filter((v) => v !== 0)
      expect(mine.sort()).toEqual([...kept[t]].sort())
    }
  }
  expect(toNumbers((await read([counts]))[0]).reduce((a, b) => a + b, 0)).toBe(4 * batch)
  await run.dispose()
})

test("times are uniform until each has ten losses, then in proportion to their root mean squares, and weights undo it", async () => {
  const [steps, batch] = [4, 40_000]
  const draw = lossAware(steps)
  const [losses, counts] = draw.variables.values()
  const run = compile(() => {
    const { t, weight } = draw.draw(batch)
    return [t, weight!]
  })
  const shares = async (): Promise<[number[], Float64Array, Float64Array]> => {
    const [t, weight] = (await run()).map(toNumbers)
    return [Array.from({ length: steps }, (_, k) => t.filter((v) => v === k + 1).length / batch), t, weight]
  }
  const near = (found: readonly number[], expected: readonly number[]): void => {
    for (const [k, p] of expected.entries())
      expect(Math.abs(found[k] - p)).toBeLessThan(4 * Math.sqrt((p * (1 - p)) / batch))
  }
  const each = (of: (k: number) => number): number[] => Array.from({ length: 40 }, (_, i) => of(Math.floor(i / 10)))
  await write(
    new Map([
      [
        losses,
        fromNumbers(
          "float32",
          [40],
          each((k) => (k + 1) * 0.5),
        ),
      ],
      [counts, fromNumbers("float32", [4], [10, 10, 9, 12])],
    ]),
  )
  const [waiting, , ones] = await shares()
  near(waiting, [0.25, 0.25, 0.25, 0.25])
  for (const w of ones) expect(w).toBeCloseTo(1, 5)

  await write(new Map([[counts, fromNumbers("float32", [4], [10, 10, 10, 12])]]))
  const [aware, t, weights] = await shares()
  const chances = [1, 2, 3, 4].map((k) => (0.999 * k) / 10 + 0.001 / 4)
  near(aware, chances)
  for (const [i, w] of weights.entries()) expect(w * 4 * chances[t[i] - 1]).toBeCloseTo(1, 4)
  await run.dispose()
})
