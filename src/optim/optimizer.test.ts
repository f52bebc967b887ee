/** What optimizers, clipping, curves and averages refuse, and where rounding could have gone wrong. */
import { describe, expect, test } from "vitest"
import { full, type NdArray, toNumbers, zeros } from "../engine/array.ts"
import { compile } from "../engine/compile.ts"
import { gradients } from "../engine/grad.ts"
import { sign } from "../engine/ops/elementwise.ts"
import { read } from "../engine/state.ts"
import { constant, type Tensor, Variable } from "../engine/tensor.ts"
import { adam, adamW } from "./adam.ts"
import { adadelta, adagrad, rmsprop } from "./adaptive.ts"
import { clipByGlobalNorm, clipByValue, globalNorm } from "./clip.ts"
import { lrCosine, lrStep } from "./curves.ts"
import { emaPolyak, emaPower, emaWarmup } from "./ema.ts"
import { optimizer } from "./optimizer.ts"
import { sgd } from "./sgd.ts"

describe("options that make updates NaN or endless are refused by name", () => {
  test.each<[string, () => unknown, string]>([
    ["a negative rate", () => sgd({ lr: -1 }), "sgd: lr is -1, expected a finite number from 0"],
    ["no number", () => adam({ lr: Number.NaN }), "adam: lr is NaN"],
    ["a decay of 1", () => adam({ betas: [0.9, 1] }), "adam: betas[1] is 1, expected from 0 to below 1"],
    ["a negative decay", () => adamW({ betas: [-0.1, 0.9] }), "adamW: betas[0] is -0.1"],
    ["negative weight decay", () => adamW({ weightDecay: -1 }), "adamW: weightDecay is -1"],
    ["negative eps", () => adam({ eps: -1e-8 }), "adam: eps is -1e-8"],
    ["alpha of 1", () => rmsprop({ alpha: 1 }), "rmsprop: alpha is 1"],
    ["rho of 1", () => adadelta({ rho: 1 }), "adadelta: rho is 1"],
    ["a sum below 0", () => adagrad({ initial: -1 }), "adagrad: initial is -1"],
    ["nesterov without momentum", () => sgd({ nesterov: true }), "nesterov needs a momentum above 0"],
    ["nesterov with dampening", () => sgd({ nesterov: true, momentum: 0.9, dampening: 0.1 }), "no dampening"],
    ["a group's scale", () => sgd({ groups: [{ match: /b/, scale: -1 }] }), "sgd: scale of group /b/ is -1"],
    ["a curve of no steps", () => lrCosine(1, { steps: 0 }), "lrCosine: got 0 steps"],
    ["stairs of no steps", () => lrStep(1, { every: 0 }), "lrStep: got 0 steps"],
    ["a decay above 1", () => emaWarmup(1.5), "emaWarmup: decay is 1.5"],
    ["a decay below 0", () => emaPower({ decay: -1 }), "emaPower: decay is -1"],
    ["nothing to clip", () => globalNorm([]), "globalNorm: got no gradients"],
    ["a negative bound", () => clipByGlobalNorm([new Variable([1])], -1), "clipByGlobalNorm: max is -1"],
    ["no bound", () => clipByValue([new Variable([1])], Number.NaN), "clipByValue: max is NaN"],
    [
      "a gradient too few",
      () => sgd().update(new Map([["a", new Variable([1])]]), [], new Variable(1)),
      "got 0 gradients for 1 parameters",
    ],
  ])("%s", (_, misuse, message) => {
    expect(misuse).toThrow(message)
  })
})

/** A program that moves one parameter down a loss. */
function stepping(
  update: ReturnType<typeof sgd>,
  parameter: Variable,
  loss: (p: Tensor) => Tensor,
): () => Promise<unknown> {
  const run = compile((rate: Tensor) => {
    const value = loss(parameter)
    update.update(new Map([["p", parameter]]), gradients(value, [parameter]), rate)
    return value
  })
  return () => run(full([], update.lr as number))
}

test("centered RMSprop stays finite under a gradient that never changes, where rounding makes the variance negative", async () => {
  const parameter = new Variable(Array.from({ length: 64 }, (_, i) => i / 7))
  const slopes = constant(Array.from({ length: 64 }, (_, i) => 0.1 + i / 61))
  const step = stepping(rmsprop({ lr: 1e-3, alpha: 0.9, eps: 1e-3, centered: true }), parameter, (p) =>
    p.mul(slopes).sum(),
  )
  for (let k = 0; k < 200; k++) await step()
  const [value] = await read([parameter])
  expect(toNumbers(value).every(Number.isFinite)).toBe(true)
})

test("memory of another shape is refused by the slot's name, before anything is changed", async () => {
  const make = (): ReturnType<typeof sgd> => sgd({ lr: 0.1, momentum: 0.9 })
  const memory = new Map<string, NdArray>([
    ["step", full([], 3, "float64")],
    ["momentum.p", zeros([3])],
  ])
  const fresh = make()
  await fresh.restore(memory)
  const parameter = new Variable([1, 2])
  const step = stepping(fresh, parameter, (p) => p.square().sum())
  await expect(step()).rejects.toThrow("sgd: remembered momentum.p is [3], expected [2]; it is of another model")
  const used = make()
  const other = stepping(used, parameter, (p) => p.square().sum())
  await other()
  await expect(used.restore(memory)).rejects.toThrow("remembered momentum.p is [3], expected [2]")
  expect(toNumbers((await read([used.slots().get("step")!]))[0])[0]).toBe(1)
})

test("a rule of one's own is an optimizer: sign descent, with groups by name", async () => {
  // A regular expression with a memory (the flag g) matches every path all the same.
  const groups = [{ match: /^frozen/g, scale: 0 }]
  const signs = optimizer("signSgd", { lr: 0.5, groups }, ({ parameter, gradient, rate }) =>
    parameter.sub(sign(gradient).mul(rate)),
  )
  const parameters = new Map([
    ["moving", new Variable([3, -4])],
    ["frozen.a", new Variable([1])],
    ["frozen.b", new Variable([2])],
  ])
  const all = [...parameters.values()]
  const run = compile((rate: Tensor) => {
    const loss = all.map((p) => p.square().sum()).reduce((a, b) => a.add(b))
    signs.update(parameters, gradients(loss, all), rate)
    return loss
  })
  await run(full([], 0.5))
  expect((await read(all)).map((v) => [...toNumbers(v)])).toEqual([[2.5, -3.5], [1], [2]])
  await run.dispose()
})

test("parameters too many for one vector move as each number alone would, in one program and the next", async () => {
  const sizes = [300_000, 10, 500_000, 1_200_000, 1, 400_000]
  const values = sizes.map((n, k) => Float64Array.from({ length: n }, (_, i) => Math.sin(i + k) + 0.01 * k))
  const parameters = new Map(
    values.map((v, k) => [`p${k}`, new Variable({ dtype: "float32", shape: [v.length], data: Float32Array.from(v) })]),
  )
  const all = [...parameters.values()]
  const rule = adamW({ lr: 0.01 })
  const loss = (): Tensor => all.map((p) => p.square().sum().mul(0.5)).reduce((a, b) => a.add(b))
  const program = (): ((rate: NdArray) => Promise<unknown>) =>
    compile((rate: Tensor) => {
      const value = loss()
      rule.update(parameters, clipByGlobalNorm(gradients(value, all), 10), rate)
      return value
    })
  const programs = [program(), program()]
  const moments = values.map((v) => ({ m: new Float64Array(v.length), v: new Float64Array(v.length) }))
  for (let step = 1; step <= 4; step++) {
    await programs[step % 2](full([], 0.01))
    const norm = Math.sqrt(values.reduce((sum, p) => p.reduce((s, x) => s + x * x, sum), 0))
    for (const [k, p] of values.entries()) {
      const { m, v } = moments[k]
      for (let i = 0; i < p.length; i++) {
        const g = (p[i] * 10) / (norm + 1e-6)
        m[i] = 0.9 * m[i] + 0.1 * g
        v[i] = 0.999 * v[i] + 0.001 * g * g
        const root = Math.sqrt(v[i] / (1 - 0.999 ** step))
        p[i] -= 0.01 * (0.01 * p[i] + m[i] / (1 - 0.9 ** step) / (root + 1e-8))
      }
    }
  }
  for (const [k, value] of (await read(all)).entries()) {
    const distance = toNumbers(value).reduce((most, x, i) => Math.max(most, Math.abs(x - values[k][i])), 0)
    expect(distance).toBeLessThan(1e-5)
  }
})

test("the mean of all iterates is an average whose decay is step / (step + 1)", () => {
  const decay = emaPolyak({ start: 2 })
  const values = [5, 1, 4, 8, 6]
  let average = Number.NaN
  for (const [step, v] of values.entries())
    average = decay(step) === 0 ? v : average + (v - average) * (1 - decay(step))
  // From step 2 on: (4 + 8 + 6) / 3.
  expect(average).toBeCloseTo(6, 12)
  expect([0, 1, 2, 3].map(emaPolyak())).toEqual([0, 1 / 2, 2 / 3, 3 / 4])
})
