/** Optimizers, clipping, curves and averages against torch.optim and diffusers, from fixtures/make.py. */
import { readFileSync } from "node:fs"
import { describe, expect, test } from "vitest"
import { interpret } from "../../test/laws/interpret.ts"
import { asArray, castArray, full, type NdArray, type Nested, toNumbers } from "../engine/array.ts"
import { compile } from "../engine/compile.ts"
import { gradients } from "../engine/grad.ts"
import { tanh } from "../engine/ops/elementwise.ts"
import { read } from "../engine/state.ts"
import { constant, type Tensor, Variable } from "../engine/tensor.ts"
import { adam, adamW } from "./adam.ts"
import { adadelta, adagrad, rmsprop } from "./adaptive.ts"
import { clipByGlobalNorm, clipByValue, globalNorm } from "./clip.ts"
import { lrConstant, lrCosine, lrInverse, lrStep, lrWarmup, rateAt } from "./curves.ts"
import { Ema, emaPower, emaWarmup } from "./ema.ts"
import type { Optimizer } from "./optimizer.ts"
import { sgd } from "./sgd.ts"

interface Fixture {
  readonly start: Readonly<Record<"w" | "b", Nested>>
  readonly x: Nested
  readonly y: Nested
  readonly kept: readonly number[]
  readonly paths: Readonly<Record<string, readonly (readonly number[])[]>>
  readonly curves: Readonly<Record<string, readonly number[]>>
  readonly grads: Readonly<Record<"a" | "b", Nested>>
  readonly clipped: Readonly<Record<string, { readonly norm: number; readonly grads: readonly number[] }>>
  readonly points: readonly (readonly number[])[]
  readonly averages: Readonly<
    Record<string, { readonly decays: readonly number[]; readonly path: readonly (readonly number[])[] }>
  >
}

const torch = JSON.parse(readFileSync(new URL("fixtures/torch.json", import.meta.url), "utf8")) as Fixture

type Float = "float32" | "float64"
type Clip = (gradients: readonly Tensor[]) => Tensor[]

interface Row {
  readonly make: () => Optimizer
  readonly clip?: Clip
}

/** The bias at a tenth of the rate and without decay. */
const groups = [{ match: /^b$/, scale: 0.1, weightDecay: 0 }]

const rows: Record<string, Row> = {
  sgd: { make: () => sgd({ lr: 0.1 }) },
  "sgd, weight decay": { make: () => sgd({ lr: 0.1, weightDecay: 0.3 }) },
  "sgd, momentum": { make: () => sgd({ lr: 0.1, momentum: 0.9 }) },
  "sgd, dampening": { make: () => sgd({ lr: 0.1, momentum: 0.9, dampening: 0.4, weightDecay: 0.1 }) },
  "sgd, nesterov": { make: () => sgd({ lr: 0.1, momentum: 0.8, nesterov: true, weightDecay: 0.1 }) },
  adam: { make: () => adam({ lr: 0.05 }) },
  "adam, options": { make: () => adam({ lr: 0.05, betas: [0.8, 0.95], eps: 1e-3, weightDecay: 0.2 }) },
  "adam, amsgrad": { make: () => adam({ lr: 0.2, betas: [0.5, 0.6], amsgrad: true }) },
  adamW: { make: () => adamW({ lr: 0.05 }) },
  "adamW, options": {
    make: () => adamW({ lr: 0.2, betas: [0.5, 0.6], eps: 1e-4, weightDecay: 0.3, amsgrad: true }),
  },
  rmsprop: { make: () => rmsprop() },
  "rmsprop, options": { make: () => rmsprop({ lr: 0.02, alpha: 0.8, eps: 1e-3, weightDecay: 0.1 }) },
  "rmsprop, momentum": { make: () => rmsprop({ lr: 0.02, momentum: 0.7 }) },
  "rmsprop, centered": { make: () => rmsprop({ lr: 0.02, alpha: 0.9, centered: true, momentum: 0.5 }) },
  adagrad: { make: () => adagrad() },
  "adagrad, options": {
    make: () => adagrad({ lr: 0.3, lrDecay: 0.1, initial: 0.2, eps: 1e-3, weightDecay: 0.1 }),
  },
  adadelta: { make: () => adadelta() },
  "adadelta, options": { make: () => adadelta({ lr: 3, rho: 0.7, eps: 1e-3, weightDecay: 0.1 }) },
  "adamW, groups": { make: () => adamW({ lr: 0.1, weightDecay: 0.3, groups }) },
  "sgd, groups": { make: () => sgd({ lr: 0.1, momentum: 0.9, weightDecay: 0.3, groups }) },
  "sgd, clipped": { make: () => sgd({ lr: 0.5, momentum: 0.9 }), clip: (g) => clipByGlobalNorm(g, 0.1) },
  "sgd, clipped by value": { make: () => sgd({ lr: 0.5 }), clip: (g) => clipByValue(g, 0.05) },
  "adam, cosine": { make: () => adam({ lr: lrCosine(0.1, { steps: 20, final: 0.01 }) }) },
}

/** The fixture's problem as a training program of one dtype, and what it trains. */
function problem(
  { make, clip = (g) => [...g] }: Row,
  dtype: Float,
): { step: (rate: Tensor) => Tensor[]; optimizer: Optimizer; variables: Variable[] } {
  const parameters = new Map(
    (["w", "b"] as const).map((name) => [name, new Variable(asArray(torch.start[name], dtype), { name })] as const),
  )
  const [w, b] = parameters.values()
  const [x, y] = [torch.x, torch.y].map((v) => constant(v, dtype))
  const optimizer = make()
  const step = (rate: Tensor): Tensor[] => {
    const loss = tanh(x.matmul(w, { transposeB: true }).add(b))
      .sub(y)
      .square()
      .mean()
    optimizer.update(parameters, clip(gradients(loss, [w, b])), rate)
    return [loss]
  }
  return { step, optimizer, variables: [w, b] }
}

const rateOf = (optimizer: Optimizer, step: number): NdArray => full([], rateAt(optimizer.lr, step), "float64")

function expectNear(actual: Iterable<number>, expected: readonly number[], tolerance: number, what: string): void {
  const values = [...actual]
  expect(values.length, what).toBe(expected.length)
  for (const [i, v] of values.entries()) {
    if (!(Math.abs(v - expected[i]) <= tolerance * Math.max(1, Math.abs(expected[i]))))
      expect.fail(`${what}: element ${i} is ${v}, expected ${expected[i]}`)
  }
}

test("every path of the fixture has a row", () => {
  expect(Object.keys(rows).sort()).toEqual(Object.keys(torch.paths).sort())
})

describe.each(Object.keys(rows))("%s", (name) => {
  test("the reference interpreter follows torch's 20 steps to 1e-10, in float64", () => {
    const { step, optimizer, variables } = problem(rows[name], "float64")
    const run = interpret(step)
    for (let k = 1; k <= 20; k++) {
      run(rateOf(optimizer, k - 1))
      const at = torch.kept.indexOf(k)
      if (at >= 0) {
        const values = variables.flatMap((v) => [...toNumbers(v.initial)])
        expectNear(values, torch.paths[name][at], 1e-10, `step ${k}`)
      }
    }
  })

  test("the runtime follows them to 1e-5, in float32", async () => {
    const { step, optimizer, variables } = problem(rows[name], "float32")
    const run = compile(step)
    for (let k = 1; k <= 20; k++) {
      await run(rateOf(optimizer, k - 1))
      const at = torch.kept.indexOf(k)
      if (at >= 0) {
        const values = (await read(variables)).flatMap((v) => [...toNumbers(v)])
        expectNear(values, torch.paths[name][at], 1e-5, `step ${k}`)
      }
    }
    await run.dispose()
  })
})

test("clipping by the global norm is clip_grad_norm_'s, above the bound and below it", () => {
  const [a, b] = [torch.grads.a, torch.grads.b].map((g) => constant(g, "float64"))
  for (const [bound, { norm, grads }] of Object.entries(torch.clipped)) {
    const run = interpret(() => [globalNorm([a, b]), ...clipByGlobalNorm([a, b], Number(bound))])
    const [found, ...clipped] = run()
    expect(found.data[0]).toBeCloseTo(norm, 12)
    expectNear(
      clipped.flatMap((g) => [...g.data]),
      grads,
      1e-12,
      `bound ${bound}`,
    )
  }
})

test("learning-rate curves are torch's schedulers'", () => {
  const curves: Record<string, (step: number) => number> = {
    constant: lrConstant(0.4),
    cosine: lrCosine(0.4, { steps: 24 }),
    "cosine, final": lrCosine(0.4, { steps: 24, final: 0.1 }),
    step: lrStep(0.4, { every: 7 }),
    "step, factor": lrStep(0.4, { every: 5, factor: 0.5 }),
    inverse: lrInverse(0.4, { power: 0.75 }),
    "warm-up, cosine": lrWarmup(lrCosine(0.4, { steps: 20 }), 5),
  }
  expect(Object.keys(curves).sort()).toEqual(Object.keys(torch.curves).sort())
  for (const [name, curve] of Object.entries(curves)) {
    expectNear(
      torch.curves[name].map((_, step) => curve(step)),
      torch.curves[name],
      1e-12,
      name,
    )
  }
})

describe("averages are diffusers' EMAModel's", () => {
  const decays: Record<string, (step: number) => number> = {
    emaWarmup: emaWarmup(),
    "emaWarmup, low": emaWarmup(0.5),
    emaPower: emaPower(),
    "emaPower, options": emaPower({ decay: 0.8, gamma: 2, power: 2 / 3 }),
  }
  test("of every curve", () => expect(Object.keys(decays).sort()).toEqual(Object.keys(torch.averages).sort()))
  test.each(Object.keys(decays))("%s", async (name) => {
    const expected = torch.averages[name]
    expectNear(
      expected.decays.map((_, step) => decays[name](step)),
      expected.decays,
      1e-14,
      "decays",
    )
    // The average of a parameter that the same program assigns is that of its new value; float32 rounds, float64 does not.
    for (const [dtype, tolerance] of [
      ["float64", 1e-13],
      ["float32", 1e-6],
    ] as const) {
      const parameter = new Variable(castArray(asArray([7, 8, 9]), dtype))
      const ema = new Ema(new Map([["p", parameter]]))
      const average = ema.replace(parameter) as Variable
      const move = (point: Tensor, decay: Tensor): Tensor[] => {
        parameter.assign(point)
        ema.update(decay)
        return [point]
      }
      const reference = interpret(move)
      const run = compile(move)
      for (const [step, point] of torch.points.entries()) {
        const inputs = [asArray(point as Nested, dtype), full([], decays[name](step), "float64")] as const
        if (dtype === "float64") reference(...inputs)
        else await run(...inputs)
        const [value] = dtype === "float64" ? [average.initial] : await read([average])
        expectNear(toNumbers(value), expected.path[step], tolerance, `${dtype}, step ${step}`)
      }
      await run.dispose()
    }
  })
})
