import { expect, test } from "vitest"
import { gaussian } from "../../process.ts"
import { edm } from "../../process-sde.ts"
import { cosine, linear } from "../../schedule.ts"
import { gridOf, levelAt, timeAt } from "./grid.ts"
import { noisiest, pathOf } from "./path.ts"
import { isByLevel, levelsOf, roundHalfEven, spacings, timesOf } from "./spacing.ts"

test("trailing, leading and linspace times are those of Lin et al. 2023, counted from 1", () => {
  const from0 = (count: number, spacing: "trailing" | "leading" | "linspace", offset = 0): number[] =>
    timesOf(1000, count, spacing, offset).map((t) => t - 1)
  expect(from0(5, "leading")).toEqual([800, 600, 400, 200, 0])
  expect(from0(5, "leading", 1)).toEqual([801, 601, 401, 201, 1])
  expect(from0(5, "trailing")).toEqual([999, 799, 599, 399, 199])
  expect(from0(5, "linspace")).toEqual([999, 749, 500, 250, 0])
  // Halves go to the even number, as NumPy's do.
  expect(from0(16, "trailing").slice(-4)).toEqual([249, 187, 124, 61])
  expect([0.5, 1.5, 2.5, -1.5, 2.4999, 7].map(roundHalfEven)).toEqual([0, 2, 2, -2, 2, 7])
  expect(() => timesOf(10, 5, "trailing", 1)).toThrow("got an offset of 1 with trailing times")
})

test("levels by a formula fall from the most to the least, and are those of the papers", () => {
  for (const spacing of ["karras", "exponential", "beta", "lambda"] as const) {
    const levels = levelsOf(9, spacing, 80, 0.002)
    expect(levels).toHaveLength(9)
    expect(Math.abs(levels[0] / 80 - 1)).toBeLessThan(1e-12)
    expect(Math.abs(levels[8] / 0.002 - 1)).toBeLessThan(1e-12)
    for (let i = 1; i < 9; i++) expect(levels[i]).toBeLessThan(levels[i - 1])
  }
  const ratios = levelsOf(9, "exponential", 80, 0.002)
  for (let i = 2; i < 9; i++) expect(ratios[i] / ratios[i - 1]).toBeCloseTo(ratios[1] / ratios[0], 12)
  // Karras et al. 2022, equation 5, with rho 7: the middle of the seventh roots.
  expect(levelsOf(3, "karras", 80, 0.002)[1]).toBeCloseTo(((80 ** (1 / 7) + 0.002 ** (1 / 7)) / 2) ** 7, 12)
  // SciPy: 0.002 + beta.ppf([.75, .5, .25], .6, .6) * (80 - 0.002)
  const found = levelsOf(5, "beta", 80, 0.002)
  for (const [i, v] of [65.94592106854171, 40.001, 14.056078931458295].entries()) expect(found[i + 1]).toBeCloseTo(v, 6)
})

test("a time found for a level has that level, between whole times too", () => {
  for (const process of [gaussian(cosine(100)), gaussian(linear(1000))]) {
    for (const t of [1, 1.25, 7, 33.7, 99.999, 100]) {
      const { ratio, signal, sigma } = levelAt(process, t)
      expect(timeAt(process, ratio)).toBeCloseTo(t, 8)
      expect(signal ** 2 + sigma ** 2).toBeCloseTo(1, 12)
    }
    expect(timeAt(process, 0)).toBe(1)
    expect(timeAt(process, 1e9)).toBe(process.steps)
  }
})

test("a path begins at the noisiest level, falls, and ends at the data or at the first time", () => {
  const process = gaussian(cosine(200))
  for (const spacing of spacings)
    for (const final of ["zero", "first"] as const) {
      const { moves, start } = gridOf(process, { steps: 10, spacing, final })
      expect(start).toBeCloseTo(1, 12)
      const end = moves[moves.length - 1].to
      expect(end.time).toBe(final === "zero" ? 0 : 1)
      expect(moves.length).toBeLessThanOrEqual(10)
      expect(moves.length).toBeGreaterThanOrEqual(9)
      for (const { from, to } of moves) expect(to.ratio).toBeLessThan(from.ratio)
      for (const [i, { from }] of moves.slice(1).entries()) expect(from).toBe(moves[i].to)
      if (spacing !== "leading") expect(moves[0].from.time).toBe(200)
    }
})

test("levels noisier than sigmaMax are left out, and the first sample is noise of the level that is left", () => {
  for (const process of [gaussian(cosine(1000)), edm({ max: 200 })])
    for (const spacing of spacings) {
      const { moves, start } = gridOf(process, { steps: 10, spacing, sigmaMax: 80 })
      const { time, ratio, signal, sigma } = moves[0].from
      expect(start).toBe(Math.hypot(signal, sigma))
      expect(moves).toHaveLength(10)
      if (isByLevel(spacing)) expect(ratio / 80).toBeCloseTo(1, 8)
      else expect(ratio).toBeLessThanOrEqual(80)
      // The last whole time that has no more.
      if (spacing === "trailing") expect(levelAt(process, time + 1).ratio).toBeGreaterThan(80)
    }
  // What has less anyway, or no bound, is as it was.
  const plain = gaussian(linear(100))
  expect(gridOf(plain, { steps: 7, sigmaMax: 1e6 }).moves).toEqual(gridOf(plain, { steps: 7 }).moves)
  expect(gridOf(plain, { steps: 7, sigmaMax: null }).moves).toEqual(gridOf(plain, { steps: 7 }).moves)
  for (const sigmaMax of [0, 0.005, Number.NaN])
    expect(() => gridOf(gaussian(cosine(1000)), { steps: 7, sigmaMax })).toThrow(`sampler: got sigmaMax ${sigmaMax}`)
})

test("the first step goes straight to a level where the process begins with more, and where other steps are left", () => {
  const process = gaussian(cosine(1000))
  const options = { spacing: "karras", straightTo: 80 } as const
  const { moves, start, straight } = gridOf(process, { steps: 10, ...options })
  expect([moves.length, straight, start]).toEqual([10, 1, 1])
  expect(moves[0].from.time).toBe(1000)
  expect(moves.slice(1)).toEqual(gridOf(process, { steps: 9, spacing: "karras", sigmaMax: 80 }).moves)
  // Whole times stay whole, and are all of them where all are asked for.
  const times = gridOf(process, { steps: 10, straightTo: 80 }).moves.map(({ from }) => from.time)
  expect(times.slice(0, 3)).toEqual([1000, 991, 881])
  const all = gridOf(process, { steps: 1000, straightTo: 80 })
  expect([all.straight, all.moves.length]).toEqual([0, 1000])
  expect(gridOf(process, { steps: 1, straightTo: 80 }).straight).toBe(0)
  expect(gridOf(gaussian(linear(100)), { steps: 10, ...options }).straight).toBe(0)
})

test("Heun's and PNDM's paths are their own by default, and those asked for else", () => {
  const target = { process: gaussian(cosine(1000)), predict: "v" } as const
  const own = pathOf("heun", target, { steps: 10 })
  expect(own.moves).toEqual(gridOf(target.process, { steps: 10, spacing: "karras", straightTo: noisiest }).moves)
  expect(pathOf("pndm", target, { steps: 10 }).straight).toBe(1)
  for (const family of ["heun", "pndm"] as const) {
    for (const spacing of ["trailing", "leading", "karras"] as const) {
      const { moves } = pathOf(family, target, { steps: 10, spacing })
      expect(moves).toEqual(gridOf(target.process, { steps: 10, spacing }).moves)
    }
    const bounded = pathOf(family, target, { steps: 10, sigmaMax: 80 })
    expect([bounded.straight, bounded.moves[0].from.ratio <= 80.0001]).toEqual([0, true])
  }
  for (const family of ["ddpm", "ddim", "euler", "multistep", "singlestep", "unipc"] as const)
    expect(pathOf(family, target, { steps: 10 }).moves).toEqual(gridOf(target.process, { steps: 10 }).moves)
})
