/** Laws of every noise schedule the package exports, and the figures of the two that are published. */
import { readFileSync } from "node:fs"
import { describe, expect, test } from "vitest"
import * as diffusion from "../../src/diffusion/index.ts"
import { Process } from "../../src/diffusion/process.ts"
import * as sde from "../../src/diffusion/process-sde.ts"
import { edm, flow, subVp, ve, vp } from "../../src/diffusion/process-sde.ts"
import * as file from "../../src/diffusion/schedule.ts"
import {
  cosine,
  geometric,
  karras,
  linear,
  type Schedule,
  scaledLinear,
  schedule,
  sigmoid,
  sigmoidBeta,
  sqrt,
  sqrtBeta,
  zeroSnr,
} from "../../src/diffusion/schedule.ts"
import { compile } from "../../src/engine/compile.ts"
import type { Tensor } from "../../src/engine/tensor.ts"

/** Schedules by name; each takes the number of steps. A new one needs a row here. */
const schedules: Readonly<Record<string, (steps: number) => Schedule>> = {
  linear,
  scaledLinear,
  sqrtBeta,
  sigmoidBeta,
  cosine,
  sigmoid,
  sqrt,
  karras,
  geometric,
}

test("every schedule of its file is exported and under the laws", () => {
  const made = Object.keys(file).filter((name) => !["schedule", "zeroSnr", "karrasSigma"].includes(name))
  expect(made.sort()).toEqual(Object.keys(schedules).sort())
  for (const name of Object.keys(file).filter((n) => n !== "karrasSigma"))
    expect(Object.keys(diffusion)).toContain(name)
})

describe.each(Object.entries(schedules))("%s", (name, make) => {
  test("begins at the data, loses signal at every step, and ends in noise", () => {
    for (const steps of [2, 10, 50, 1000]) {
      const { alphaBar, beta, steps: found } = make(steps)
      expect(found).toBe(steps)
      expect([alphaBar.length, beta.length]).toEqual([steps + 1, steps + 1])
      expect([alphaBar[0], beta[0]]).toEqual([1, 0])
      for (let t = 1; t <= steps; t++) {
        expect(beta[t]).toBeGreaterThan(0)
        expect(beta[t]).toBeLessThan(1)
        expect(alphaBar[t]).toBeLessThan(alphaBar[t - 1])
        expect(alphaBar[t]).toBeGreaterThan(0)
      }
    }
    const { alphaBar } = make(1000)
    // Diffusion-LM's takes a first large step: words are far apart. sqrt(beta) is large from the start.
    expect(1 - alphaBar[1]).toBeLessThan(name === "sqrt" || name === "sqrtBeta" ? 0.03 : 2e-3)
    expect(alphaBar[1000]).toBeLessThan(1e-3)
  })

  test("alphaBar is the product of 1 - beta, in double precision", () => {
    const { alphaBar, beta, steps } = make(1000)
    let log = 0
    for (let t = 1; t <= steps; t++) {
      log += Math.log1p(-beta[t])
      expect(Math.abs(Math.log(alphaBar[t]) - log)).toBeLessThan(1e-11)
    }
  })

  test("a number of steps that is none is refused by name", () => {
    for (const steps of [0, -1, 2.5, Number.NaN])
      expect(() => make(steps)).toThrow(`${name}: got ${steps} steps, expected a whole number from 1 to 1,000,000`)
  })
})

test("the linear schedule rises from 1e-4 to 0.02 and leaves the published share of signal [A06]", () => {
  const { alphaBar, beta } = linear()
  for (let t = 2; t <= 1000; t++) expect(beta[t] - beta[t - 1]).toBeCloseTo(0.0199 / 999, 15)
  expect([beta[1], beta[1000]]).toEqual([1e-4, 0.02])
  expect(alphaBar[1]).toBeCloseTo(0.9999, 15)
  // Computed with 30 digits.
  expect(alphaBar[500]).toBeCloseTo(0.07858724288, 11)
  expect(alphaBar[1000]).toBeCloseTo(4.035829765e-5, 14)
})

test("the cosine schedule keeps more signal in the middle, and its bound on beta acts only at the end [A07]", () => {
  const { alphaBar, beta } = cosine()
  expect(alphaBar[500]).toBeCloseTo(0.4938436, 7)
  expect(alphaBar[500]).toBeGreaterThan(linear().alphaBar[500])
  const f = (t: number): number => Math.cos((((t / 1000 + 0.008) / 1.008) * Math.PI) / 2) ** 2
  for (let t = 1; t < 1000; t++) {
    expect(beta[t]).toBeLessThan(0.999)
    expect(Math.abs(alphaBar[t] - f(t) / f(0))).toBeLessThan(1e-14)
  }
  expect(beta[1000]).toBe(0.999)
})

test("variances that no process can have are refused by name", () => {
  expect(() => schedule("mine", [])).toThrow("mine: got no steps, expected at least one")
  for (const bad of [0, -0.1, 1.1, Number.NaN])
    expect(() => schedule("mine", [0.1, bad, 0.2])).toThrow(`mine: beta ${bad} at time 2, expected a number above 0`)
  expect(() => schedule("mine", [1, 0.1])).toThrow("mine: beta 1 at time 1")
  expect(schedule("mine", [0.1, 1]).alphaBar[2]).toBe(0)
})

const fixture = JSON.parse(
  readFileSync(new URL("../../src/diffusion/fixtures/process.json", import.meta.url), "utf8"),
) as { betas: Record<string, number[]>; zeroSnr: Record<string, number[]> }

const close = (found: ArrayLike<number>, expected: ArrayLike<number>, tolerance: number): void => {
  expect(found.length).toBe(expected.length)
  for (let i = 0; i < expected.length; i++)
    expect(Math.abs(found[i] - expected[i]), `${i}: ${found[i]}, ${expected[i]}`).toBeLessThan(
      tolerance * Math.max(1e-3, Math.abs(expected[i])),
    )
}

test("beta is that of diffusers, of latent diffusion's sqrt, of Chen's sigmoid and of Diffusion-LM's sqrt", () => {
  const of: Record<string, Schedule> = {
    linear: linear(20),
    scaled_linear: scaledLinear(20),
    squaredcos_cap_v2: cosine(20),
    sigmoid: sigmoidBeta(20),
    ldm_sqrt: sqrtBeta(20),
    chen_sigmoid: sigmoid(20),
    diffusion_lm_sqrt: sqrt(20),
  }
  for (const [kind, betas] of Object.entries(fixture.betas)) {
    // diffusers keeps them in single precision.
    const tolerance = kind.includes("_sqrt") || kind === "chen_sigmoid" ? 1e-12 : 2e-6
    close(of[kind].beta.slice(1), betas, tolerance)
  }
})

test("with zero SNR nothing is left at the end, the first share is kept, and beta is diffusers'", () => {
  for (const [kind, make] of [
    ["linear", linear],
    ["scaled_linear", scaledLinear],
  ] as const) {
    const plain = make(20)
    const found = zeroSnr(plain)
    close(found.beta.slice(1), fixture.zeroSnr[kind], 1e-5)
    expect(found.alphaBar[20]).toBe(0)
    expect(Math.abs(found.alphaBar[1] - plain.alphaBar[1])).toBeLessThan(1e-15)
    for (let t = 1; t <= 20; t++) expect(found.alphaBar[t]).toBeLessThanOrEqual(plain.alphaBar[t] + 1e-15)
  }
  expect(() => zeroSnr(linear(1))).toThrow("zeroSnr: got 1 step, expected at least 2")
})

test("Karras' levels run from .002 to 80 by the seventh root", () => {
  const { alphaBar } = karras(18)
  const sigma = (t: number): number => Math.sqrt(1 / alphaBar[t] - 1)
  expect(sigma(1)).toBeCloseTo(0.002, 9)
  expect(sigma(18)).toBeCloseTo(80, 9)
  // The second of EDM's 18 levels from above, from the formula with 20 digits.
  expect(sigma(17)).toBeCloseTo((80 ** (1 / 7) + (0.002 ** (1 / 7) - 80 ** (1 / 7)) / 17) ** 7, 8)
  for (const bad of [{ min: 0 }, { min: 3, max: 2 }, { rho: 0 }])
    expect(() => karras(10, bad)).toThrow("expected 0 < min < max")
})

test("on a geometric schedule the bound weighs every error of eps alike", () => {
  const { alphaBar } = geometric(1000)
  const snr = (t: number): number => alphaBar[t] / (1 - alphaBar[t])
  expect(Math.sqrt(1 / snr(1))).toBeCloseTo(0.0013, 12)
  expect(Math.sqrt(1 / snr(1000))).toBeCloseTo(40, 8)
  // KL is half of what signal-to-noise is lost, times the error of x0, which is the error of eps over the ratio.
  const step = (2 * Math.log(40 / 0.0013)) / 999
  for (const t of [2, 10, 500, 1000]) expect((snr(t - 1) - snr(t)) / snr(t)).toBeCloseTo(Math.expm1(step), 9)
  expect(() => geometric(10, { min: 3, max: 2 })).toThrow("geometric: got min 3, max 2, expected 0 < min < max < 1e6")
})

/** Processes in continuous time, and their signal and sigma at u = t / T by the papers' formulas. */
const processes: Readonly<Record<string, readonly [() => Process, (u: number) => readonly [number, number]]>> = {
  vp: [
    () => vp({ steps: 100 }),
    (u) => {
      const log = -0.25 * u * u * 19.9 - 0.5 * u * 0.1
      return [Math.exp(log), Math.sqrt(1 - Math.exp(2 * log))]
    },
  ],
  subVp: [
    () => subVp({ steps: 100 }),
    (u) => {
      const log = -0.25 * u * u * 19.9 - 0.5 * u * 0.1
      return [Math.exp(log), 1 - Math.exp(2 * log)]
    },
  ],
  ve: [() => ve({ steps: 100 }), (u) => [1, 0.01 * 5000 ** u]],
  edm: [
    () => edm({ steps: 100 }),
    (u) => {
      const [low, high] = [0.002 ** (1 / 7), 80 ** (1 / 7)]
      return [1, (low + ((100 * u - 1) / 99) * (high - low)) ** 7]
    },
  ],
  flow: [() => flow({ steps: 100 }), (u) => [1 - u, u]],
}

test("every process of its file is exported and under the laws", () => {
  expect(Object.keys(sde).sort()).toEqual(Object.keys(processes).sort())
  for (const name of Object.keys(sde)) expect(Object.keys(diffusion)).toContain(name)
})

describe.each(Object.entries(processes))("%s", (_, [make, formula]) => {
  const process = make()

  test("has the signal and sigma of its formula, on the host and in programs, at any time", async () => {
    const times = [1, 1.5, 7, 33.3, 50, 99, 100]
    const run = compile((t: Tensor) => process.scales(t, 2))
    const [signal, sigma] = await run(Float32Array.from(times))
    await run.dispose()
    expect(signal.shape).toEqual([7, 1])
    for (const [i, t] of times.entries()) {
      const [a, s] = formula(t / 100)
      expect(Math.abs(process.signal(t) - a)).toBeLessThan(1e-12)
      expect(Math.abs(process.sigma(t) / s - 1)).toBeLessThan(1e-12)
      expect(Math.abs(Number(signal.data[i]) - a)).toBeLessThan(2e-6)
      expect(Math.abs(Number(sigma.data[i]) / s - 1)).toBeLessThan(1e-5)
    }
    expect([process.signal(0), process.sigma(0)]).toEqual([1, 0])
  })

  test("keeps its digits near the data, where signal is nearly 1", async () => {
    const run = compile((t: Tensor) => process.scales(t, 1)[1])
    const t = Math.max(process.levels.earliest, 1e-3)
    const { data } = await run(Float32Array.of(t))
    await run.dispose()
    expect(Math.abs(Number(data[0]) / process.sigma(Math.fround(t)) - 1)).toBeLessThan(1e-5)
  })

  test("its kernels compose to its marginals, and its posterior is Bayes' product of the two", () => {
    for (const [t, s, r] of [
      [100, 40, 0],
      [63, 62, 5],
      [2.5, 2, 1.25],
    ]) {
      const [late, early, all] = [process.kernel(t, s), process.kernel(s, r), process.kernel(t, r)]
      expect(Math.abs(late.signal * early.signal - all.signal)).toBeLessThan(1e-12)
      const spread = late.signal ** 2 * early.variance + late.variance
      expect(Math.abs(spread / all.variance - 1)).toBeLessThan(1e-9)
      if (process.signal(t) === 0) continue
      const q = process.posterior(t, s)
      const precision = late.signal ** 2 / late.variance + 1 / process.sigma(s) ** 2
      expect(Math.abs(q.variance * precision - 1)).toBeLessThan(1e-9)
      expect(Math.abs((q.xtWeight / q.variance) * (late.variance / late.signal) - 1)).toBeLessThan(1e-9)
      expect(Math.abs((q.x0Weight / q.variance) * (process.sigma(s) ** 2 / process.signal(s)) - 1)).toBeLessThan(1e-9)
    }
  })

  test("its noise only grows, and the time of an angle is found again", () => {
    for (let t = 1; t <= 100; t++) expect(process.angle(t)).toBeGreaterThan(process.angle(t - 1))
    for (const t of [0.5, 1, 12.34, 77, 99.9]) expect(Math.abs(process.timeAt(process.angle(t)) - t)).toBeLessThan(1e-9)
    expect(process.timeAt(2)).toBe(100)
  })

  test("is a variance-preserving schedule, seen through a scale", () => {
    const { alphaBar } = process.schedule
    for (const t of [1, 50, 100]) {
      const [a, s] = formula(t / 100)
      expect(Math.abs(alphaBar[t] - a ** 2 / (a ** 2 + s ** 2))).toBeLessThan(1e-12)
    }
  })
})

test("times of a schedule lie between its whole ones, by angle", async () => {
  const process = diffusion.gaussian(linear(50))
  for (const t of [0, 1, 17, 50]) expect(Math.abs(process.timeAt(process.angle(t)) - t)).toBeLessThan(1e-12)
  const between = process.timeAt((process.angle(17) + process.angle(18)) / 2)
  expect(between).toBeCloseTo(17.5, 12)
  expect(process.timeAt(-1)).toBe(0)
  const run = compile((t: Tensor) => process.scales(t, 1))
  const [signal, sigma] = await run(Float32Array.of(0, 17, 17.5, 49.25, 50))
  await run.dispose()
  for (const [i, angle] of [0, process.angle(17), (process.angle(17) + process.angle(18)) / 2].entries()) {
    expect(Number(signal.data[i])).toBeCloseTo(Math.cos(angle), 6)
    expect(Number(sigma.data[i])).toBeCloseTo(Math.sin(angle), 6)
  }
  expect(Number(sigma.data[4])).toBeCloseTo(process.sigma(50), 6)
})

test("a process says when it is asked for what it does not know", () => {
  expect(() => diffusion.gaussian(linear(50)).signal(1.5)).toThrow("process: time 1.5 is outside 0 ... 50")
  expect(() => vp().signal(1000.5)).toThrow("process: time 1000.5 is outside 0 ... 1000")
  expect(() => vp({ start: 0 })).toThrow("vp: got beta from 0 to 20, expected 0 < start <= end")
  expect(() => ve({ min: 2, max: 1 })).toThrow("ve: got sigma from 2 to 1, expected 0 < min < max")
  expect(() => edm({ steps: 1 })).toThrow("edm: got 1 steps, expected a whole number from 2")
  expect(() => flow({ earliest: 0 })).toThrow("flow: got earliest 0, expected a number between 0 and 1")
  expect(new Process(vp().levels).isContinuous).toBe(true)
})
