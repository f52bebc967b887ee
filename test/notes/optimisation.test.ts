/**
 * The notes on gradient descent as numbers (systems F01-F12), in float64: closed forms, published algorithms in both of
 * their written forms, and where a printed formula is wrong, how far off it is (docs/errata/optimisation.md).
 */
import { readFileSync } from "node:fs"
import { describe, expect, test } from "vitest"
import { dataset } from "../../src/data/dataset.ts"
import { loader } from "../../src/data/loader.ts"
import { asArray, full, type Nested, toNumbers, zeros } from "../../src/engine/array.ts"
import { gradients } from "../../src/engine/grad.ts"
import { equal, where } from "../../src/engine/ops/compare.ts"
import { sin, tanh } from "../../src/engine/ops/elementwise.ts"
import { constant, type Tensor, Variable } from "../../src/engine/tensor.ts"
import { adam } from "../../src/optim/adam.ts"
import { adadelta, adagrad, rmsprop } from "../../src/optim/adaptive.ts"
import { lrConstant, lrCosine, lrInverse, lrStep, lrWarmup } from "../../src/optim/curves.ts"
import { Ema, emaPolyak } from "../../src/optim/ema.ts"
import { type Optimizer, optimizer } from "../../src/optim/optimizer.ts"
import { sgd } from "../../src/optim/sgd.ts"
import { interpret } from "../laws/interpret.ts"
import { bowl, descend, settled, spread } from "./descent.ts"
import { real } from "./differences.ts"

const { max, abs, sqrt, hypot } = Math
const last = <T>(path: readonly T[]): T => path[path.length - 1]
const apart = (a: readonly (readonly number[])[], b: readonly (readonly number[])[]): number =>
  max(...a.flatMap((p, k) => p.map((v, i) => abs(v - b[k][i]))))

/** torch's path of an optimizer on the problem of src/optim/fixtures/make.py, and ours, after 1, 2, 3, 10 and 20 steps. */
function besideTorch(name: string, make: Optimizer): number {
  const url = new URL("../../src/optim/fixtures/torch.json", import.meta.url)
  const torch = JSON.parse(readFileSync(url, "utf8")) as {
    readonly start: { readonly w: Nested; readonly b: Nested }
    readonly x: Nested
    readonly y: Nested
    readonly kept: readonly number[]
    readonly paths: Readonly<Record<string, readonly (readonly number[])[]>>
  }
  const [w, b] = [torch.start.w, torch.start.b].map((v) => [...toNumbers(asArray(v, "float64"))])
  const loss = (p: Tensor): Tensor => {
    const [weight, bias] = p.split([6, 3])
    const y = real(torch.x)
      .matmul(weight.reshape([3, 2]), { transposeB: true })
      .add(bias)
    return tanh(y).sub(real(torch.y)).square().mean()
  }
  const path = descend(loss, { optimizer: make, start: [...w, ...b], steps: 20 })
  return apart(
    torch.paths[name],
    torch.kept.map((k) => path[k]),
  )
}

describe("gradient descent", () => {
  test("contracts each axis of a quadratic by 1 - rate curvature a step, exactly [F01]", () => {
    const [curvatures, start, lr] = [[1, 4, 10], [1, -2, 3], 0.15]
    const path = descend(bowl(...curvatures), { optimizer: sgd({ lr }), start, steps: 40 })
    for (const [k, p] of path.entries())
      for (const [i, v] of p.entries()) expect(v).toBeCloseTo(start[i] * (1 - lr * curvatures[i]) ** k, 13)
    // The slowest axis sets the rate: 0.85 a step.
    expect(hypot(...path[40]) / hypot(...path[39])).toBeCloseTo(0.85, 2)
    // Against the gradient: a step "of the learning rate times the gradient" climbs.
    const [down] = descend(bowl(2), { optimizer: sgd({ lr: 0.1 }), start: [1], steps: 1 }).slice(1)
    expect(down[0]).toBeCloseTo(0.8, 15)
    expect(1 + 0.1 * 2).toBeCloseTo(1.2, 15)
  })

  test("ends where the gradient is 0, minimum or not; the L of its step 1/L is the gradient's", () => {
    const saddle = (p: Tensor): Tensor =>
      p
        .square()
        .mul(real([1, -1]))
        .sum()
    const start = { start: [1, 0], steps: 200 }
    expect(hypot(...last(descend(saddle, { optimizer: sgd({ lr: 0.1 }), ...start })))).toBeLessThan(1e-12)
    expect(
      hypot(...last(descend(saddle, { optimizer: sgd({ lr: 0.1 }), start: [1, 1e-9], steps: 200 }))),
    ).toBeGreaterThan(1)
    // sin(100 x) / 100 is 1-Lipschitz; its slope is 100-Lipschitz. At 1/1 it is thrown about, at 1/100 it settles.
    const ripple = (p: Tensor): Tensor => sin(p.mul(100)).mul(0.01).sum()
    const slope = (path: number[][]): number => abs(Math.cos(100 * last(path)[0]))
    expect(slope(descend(ripple, { optimizer: sgd({ lr: 1 }), start: [0.001], steps: 50 }))).toBeGreaterThan(0.01)
    expect(slope(descend(ripple, { optimizer: sgd({ lr: 0.01 }), start: [0.001], steps: 50 }))).toBeLessThan(1e-12)
  })
})

test("a batch's gradient is unbiased, of a variance that falls as its size; epochs are passes over the data [F02]", () => {
  const x = [1, -2, 0.5, 3, 4, -1]
  const y = [0, 1, 2, -1, 3, 1]
  const w = new Variable(full([], 0.7, "float64"))
  const gradient = interpret((x: Tensor, y: Tensor) => gradients(w.mul(x).sub(y).square().mean(), [w]))
  const of = (rows: readonly number[]): number =>
    gradient(
      asArray(
        rows.map((i) => x[i]),
        "float64",
      ),
      asArray(
        rows.map((i) => y[i]),
        "float64",
      ),
    )[0].data[0]
  const all = of([0, 1, 2, 3, 4, 5])
  const mean = (v: readonly number[]): number => v.reduce((a, b) => a + b, 0) / v.length
  const batches = (size: number): number[][] =>
    size === 0 ? [[]] : batches(size - 1).flatMap((rows) => x.map((_, i) => [...rows, i]))
  const variances = [1, 2, 3].map((size) => {
    // Every batch that can be drawn, with replacement: the mean and variance are exact.
    const found = batches(size).map(of)
    expect(found).toHaveLength(6 ** size)
    expect(mean(found)).toBeCloseTo(all, 12)
    return mean(found.map((g) => (g - all) ** 2))
  })
  expect(variances[1] / variances[0]).toBeCloseTo(1 / 2, 12)
  expect(variances[2] / variances[0]).toBeCloseTo(1 / 3, 12)

  // One, some and all of ten samples: ten, three (of four at most, the last of two) and one iteration an epoch.
  const ten = dataset(zeros([10, 1]))
  for (const [batch, iterations] of [
    [1, 10],
    [4, 3],
    [10, 1],
  ]) {
    const batches = loader(ten, { batch, dropLast: false })
    const sizes: number[] = []
    while (batches.state().epoch === 0) {
      sizes.push(batches.next().x.shape[0])
    }
    expect(sizes).toHaveLength(iterations)
    expect(sizes.reduce((a, b) => a + b, 0)).toBe(10)
  }
})

test("gradient descent is Euler's method on the gradient flow: its error at a fixed time falls with the step [F03]", () => {
  // x' = -A x from x0 is e^(-A t) x0; A has curvatures 1 and 3 on axes turned by 45 degrees.
  const A = real([2, -1, -1, 2]).reshape([2, 2])
  const loss = (p: Tensor): Tensor =>
    p
      .mul(A.matmul(p.reshape([2, 1])).reshape([2]))
      .sum()
      .mul(0.5)
  const [a, b] = [2, 0.5]
  const [slow, fast] = [(a + b) / 2, (a - b) / 2]
  const exact = [slow * Math.exp(-1) + fast * Math.exp(-3), slow * Math.exp(-1) - fast * Math.exp(-3)]
  const errors = [20, 40, 80, 160].map((steps) => {
    const p = last(descend(loss, { optimizer: sgd({ lr: 1 / steps }), start: [a, b], steps }))
    return hypot(p[0] - exact[0], p[1] - exact[1])
  })
  for (let k = 1; k < errors.length; k++) expect(errors[k - 1] / errors[k]).toBeCloseTo(2, 0.8)
  expect(errors[2] / errors[3]).toBeCloseTo(2, 1.3)
})

describe("rates that fall", () => {
  test("by 1/t they meet the conditions of Robbins and Monro, by 1/sqrt(t) they do not [F04]", () => {
    const sums = (curve: (step: number) => number): [number, number] => {
      let [sum, squares] = [0, 0]
      for (let step = 0; step < 1e6; step++) {
        const rate = curve(step)
        sum += rate
        squares += rate * rate
      }
      return [sum, squares]
    }
    const [harmonic, bounded] = sums(lrInverse(1))
    expect(harmonic).toBeCloseTo(14.392727, 6)
    expect(bounded).toBeCloseTo(1.644933, 6)
    expect(bounded).toBeLessThan(Math.PI ** 2 / 6)
    // The notes name 1/sqrt(t) for both: the sum of its squares is the harmonic one.
    const [roots, diverging] = sums(lrInverse(1, { power: 0.5 }))
    expect(roots).toBeCloseTo(2 * 1000 - 1.46, 2)
    expect(diverging).toBeCloseTo(14.392727, 6)

    // Estimating a mean from samples of variance 1, in 400 replicas: 1/t makes the sample mean itself.
    const replicas = { start: new Array<number>(400).fill(5), noise: 1, steps: 500 }
    const falling = last(descend(bowl(1), { optimizer: sgd({ lr: lrInverse(1) }), ...replicas }))
    expect(spread(falling) * 500).toBeGreaterThan(0.72)
    expect(spread(falling) * 500).toBeLessThan(1.28)
    // A constant rate c stays at the variance c / (2 - c) however long it runs: 1/3 for c = 1/2.
    const constant = last(descend(bowl(1), { optimizer: sgd({ lr: 0.5 }), ...replicas }))
    expect(spread(constant)).toBeGreaterThan(0.25)
    expect(spread(constant)).toBeLessThan(0.42)
  })

  /** Spread of the last iterates and of their averages in replicas of a noisy descent, at two ages. */
  const averaged = (
    loss: (p: Tensor) => Tensor,
    steps: number,
    lr = 1,
  ): { iterate: number; average: number; p: number[] } => {
    let ema: Ema | undefined
    const path = descend(loss, {
      optimizer: sgd({ lr: lrInverse(lr, { power: 0.7 }) }),
      start: new Array<number>(250).fill(0),
      noise: 1,
      steps,
      decay: emaPolyak(),
      after: (parameter, decay) => {
        ema = new Ema(new Map([["p", parameter]]))
        ema.update(decay)
      },
    })
    const average = [...toNumbers([...ema!.averages.values()][0].initial)]
    return { iterate: spread(last(path)), average: spread(average), p: average }
  }

  test("more slowly than 1/t, with the iterates averaged, reach the variance of the best estimate, 1/t [F05]", () => {
    expect([0, 1, 9].map(emaPolyak())).toEqual([0, 0.5, 0.9])
    const { iterate, average } = averaged(bowl(1), 1500)
    expect(average * 1500).toBeGreaterThan(0.75)
    expect(average * 1500).toBeLessThan(1.35)
    // The last iterate alone is several times as far off: about half its rate, 1500^-0.7 / 2 = 0.003.
    expect(iterate / average).toBeGreaterThan(3)

    // The moving average (1 - b) mean + b new gives b to the new iterate: our decay is 1 - b.
    const parameter = new Variable(full([1], 0, "float64"))
    const ema = new Ema(new Map([["p", parameter]]))
    interpret((decay: Tensor) => {
      parameter.assign(parameter.add(1))
      ema.update(decay)
      return [decay]
    })(full([], 0.9, "float64"))
    expect(toNumbers(ema.averages.get("p")!.initial)[0]).toBeCloseTo(0.1, 15)
  })

  test("averaged on a convex function that is not strongly convex, they fall short of 1/t", () => {
    const quartic = (p: Tensor): Tensor => p.square().square().sum().mul(0.25)
    const excess = (f: (v: number) => number, { p }: { p: number[] }): number =>
      p.reduce((s, v) => s + f(v), 0) / p.length
    const fall = (loss: (p: Tensor) => Tensor, f: (v: number) => number): number =>
      Math.log(excess(f, averaged(loss, 100, 0.3)) / excess(f, averaged(loss, 1600, 0.3))) / Math.log(16)
    expect(fall(bowl(1), (v) => v * v)).toBeGreaterThan(0.9)
    expect(fall(quartic, (v) => v ** 4)).toBeLessThan(0.7)
  })
})

describe("momentum", () => {
  const kappa = 100
  const valley = bowl(1, kappa)
  const start = [1, 1]
  /** Best constant rate of plain descent, and of the heavy ball with its momentum (Polyak 1964). */
  const plain = 2 / (kappa + 1)
  const heavy = { lr: 4 / (sqrt(kappa) + 1) ** 2, momentum: ((sqrt(kappa) - 1) / (sqrt(kappa) + 1)) ** 2 }

  /** The first notes' form: v <- momentum v + lr g, p <- p - v. */
  const velocity = (lr: number, momentum: number): Optimizer =>
    optimizer("velocity", { lr }, ({ parameter, gradient, rate, slot }) => {
      const v = slot("v")
      const next = v.mul(momentum).add(gradient.mul(rate))
      v.assign(next)
      return parameter.sub(next)
    })
  /** The second notes' form: p <- p - lr g + momentum (p - the p before). */
  const ball = (lr: number, momentum: number): Optimizer =>
    optimizer("ball", { lr }, ({ parameter, gradient, rate, slot, step }) => {
      const before = slot("before")
      before.assign(parameter.add(0))
      // At the first step the ball is at rest.
      const moved = where(equal(step, 1), parameter.like(0), parameter.sub(before))
      return parameter.sub(gradient.mul(rate)).add(moved.mul(momentum))
    })

  test("takes the same steps in both written forms and in PyTorch's, and crosses a narrow valley sooner [F06]", () => {
    const run = (o: Optimizer, steps = 60): number[][] => descend(valley, { optimizer: o, start, steps })
    const torch = run(sgd({ lr: 0.01, momentum: 0.9 }))
    expect(apart(torch, run(velocity(0.01, 0.9)))).toBeLessThan(1e-13)
    expect(apart(torch, run(ball(0.01, 0.9)))).toBeLessThan(1e-13)
    expect(besideTorch("sgd, momentum", sgd({ lr: 0.1, momentum: 0.9 }))).toBeLessThan(1e-10)
    // They part when the rate changes: what PyTorch remembers is not yet multiplied by it.
    const halving = { start, steps: 2, rate: (step: number) => 0.01 / 2 ** step }
    const [, , late] = descend(valley, { optimizer: sgd({ lr: 0.01, momentum: 0.9 }), ...halving })
    const [, , early] = descend(valley, { optimizer: velocity(0.01, 0.9), ...halving })
    expect(late[0] - early[0]).toBeCloseTo(0.9 * 0.01 * 0.5, 12)

    const slow = settled(run(sgd({ lr: plain }), 1200), 1e-6)
    const fast = settled(run(sgd(heavy), 1200), 1e-6)
    expect(slow).toBeGreaterThan(600)
    expect(fast).toBeLessThan(slow / 5)
  })

  test("of 1 never comes to rest: the friction is below 1", () => {
    const path = descend(bowl(1), { optimizer: sgd({ lr: 0.1, momentum: 1 }), start: [1], steps: 2000 })
    expect(max(...path.slice(1900).map(([p]) => abs(p)))).toBeGreaterThan(0.9)
  })

  test("by Nesterov takes the gradient ahead: both written forms are one, PyTorch keeps the point ahead, and it wins [F07]", () => {
    const [lr, momentum, steps] = [1 / kappa, (sqrt(kappa) - 1) / (sqrt(kappa) + 1), 400]
    const slope = (p: readonly number[]): number[] => [p[0], kappa * p[1]]
    // v <- momentum v + lr g(p - momentum v), p <- p - v.
    const first = [[...start]]
    let v = [0, 0]
    for (let k = 0; k < steps; k++) {
      const p = last(first)
      const g = slope(p.map((x, i) => x - momentum * v[i]))
      v = v.map((x, i) => momentum * x + lr * g[i])
      first.push(p.map((x, i) => x - v[i]))
    }
    // ahead = p + momentum (p - the p before), p <- ahead - lr g(ahead). (The notes call both the next p.)
    const second = [[...start]]
    const ahead = [[...start]]
    for (let k = 0; k < steps; k++) {
      second.push(last(ahead).map((x, i) => x - lr * slope(last(ahead))[i]))
      ahead.push(last(second).map((x, i) => x + momentum * (x - second[second.length - 2][i])))
    }
    expect(apart(first, second)).toBeLessThan(1e-13)
    const nesterov = (): Optimizer => sgd({ lr, momentum, nesterov: true })
    const ours = descend(valley, { optimizer: nesterov(), start, steps })
    expect(apart(ours, ahead)).toBeLessThan(1e-12)
    expect(
      besideTorch("sgd, nesterov", sgd({ lr: 0.1, momentum: 0.8, nesterov: true, weightDecay: 0.1 })),
    ).toBeLessThan(1e-10)
    const slow = settled(descend(valley, { optimizer: sgd({ lr: plain }), start, steps: 1200 }), 1e-6)
    expect(settled(ours, 1e-6)).toBeLessThan(slow / 3)
  })
})

describe("rates of each parameter's own", () => {
  /** A slope of (3, 4) wherever one stands. */
  const incline = (p: Tensor): Tensor => p.mul(real([3, 4])).sum()
  const firstStep = (o: Optimizer): number[] => {
    const [from, to] = descend(incline, { optimizer: o, start: [0, 0], steps: 1 })
    return to.map((v, i) => from[i] - v)
  }
  /** A rule of the notes with the norm of the gradient where each element's square belongs, as printed. */
  const printedAdagrad = optimizer("printed", { lr: 0.1 }, ({ parameter, gradient, rate, slot }) => {
    const sum = slot("sum")
    const next = sum.add(gradient.square().sum())
    sum.assign(next)
    return parameter.sub(gradient.mul(rate).div(next.add(1e-8).sqrt()))
  })

  test("AdaGrad divides by the root of each element's own sum of squares; its steps shrink; it needs the root [F08]", () => {
    expect(besideTorch("adagrad", adagrad())).toBeLessThan(1e-10)
    const elementwise = firstStep(adagrad({ lr: 0.1 }))
    const printed = firstStep(printedAdagrad)
    for (const v of elementwise) expect(v).toBeCloseTo(0.1, 9)
    for (const [i, v] of printed.entries()) expect(v).toBeCloseTo([0.06, 0.08][i], 9)
    // On a slope that never changes the k-th step is lr / sqrt(k).
    const path = descend(incline, { optimizer: adagrad({ lr: 0.1 }), start: [0, 0], steps: 100 })
    for (const k of [1, 4, 25, 100]) expect(path[k - 1][0] - path[k][0]).toBeCloseTo(0.1 / sqrt(k), 9)

    const noRoot = optimizer("noRoot", { lr: 0.5 }, ({ parameter, gradient, rate, slot }) => {
      const sum = slot("sum")
      const next = sum.add(gradient.square())
      sum.assign(next)
      return parameter.sub(gradient.mul(rate).div(next.add(1e-8)))
    })
    const from = { start: [3, 3], steps: 200 }
    const [rooted, unrooted] = [adagrad({ lr: 0.5 }), noRoot].map((o) =>
      hypot(...last(descend(bowl(1, 20), { optimizer: o, ...from }))),
    )
    expect(rooted).toBeLessThan(0.01)
    expect(unrooted / rooted).toBeGreaterThan(100)
  })

  /** RMSprop with eps inside the root, as in both notes. */
  const inside = (lr: number, alpha: number, eps: number): Optimizer =>
    optimizer("inside", { lr }, ({ parameter, gradient, rate, slot }) => {
      const v = slot("v")
      const next = v.mul(alpha).add(gradient.square().mul(1 - alpha))
      v.assign(next)
      return parameter.sub(gradient.mul(rate).div(next.add(eps).sqrt()))
    })

  test("RMSprop forgets old gradients; with eps inside the root a small gradient takes a tenth of the step [F09]", () => {
    expect(besideTorch("rmsprop", rmsprop())).toBeLessThan(1e-10)
    expect(
      besideTorch("rmsprop, options", rmsprop({ lr: 0.02, alpha: 0.8, eps: 1e-3, weightDecay: 0.1 })),
    ).toBeLessThan(1e-10)
    // Where gradients are large against eps the two forms are one.
    const from = { start: [3, 3], steps: 50 }
    const forms = [rmsprop({ lr: 0.01, alpha: 0.99, eps: 1e-8 }), inside(0.01, 0.99, 1e-8)]
    const [outer, inner] = forms.map((o) => descend(bowl(1, 20), { optimizer: o, ...from }))
    expect(apart(outer, inner)).toBeLessThan(1e-6)
    // g = 1e-4: lr g / (sqrt(1e-10) + 1e-8) = 9.990 lr, lr g / sqrt(1e-10 + 1e-8) = 0.995 lr.
    const small = (p: Tensor): Tensor => p.mul(1e-4).sum()
    const steps = [rmsprop({ lr: 1, alpha: 0.99, eps: 1e-8 }), inside(1, 0.99, 1e-8)].map(
      (o) => -descend(small, { optimizer: o, start: [0], steps: 1 })[1][0],
    )
    expect(steps[0]).toBeCloseTo(9.99001, 5)
    expect(steps[1]).toBeCloseTo(0.995037, 6)
    // Its steps on a slope that never changes grow to the rate and stay, where AdaGrad's die.
    const path = descend(incline, { optimizer: rmsprop({ lr: 0.01 }), start: [0, 0], steps: 1000 })
    expect(path[999][0] - path[1000][0]).toBeCloseTo(0.01, 5)
  })

  test("AdaDelta is not RMSprop: it has no rate to choose, and does not ask for the scale of the loss [F10]", () => {
    expect(besideTorch("adadelta", adadelta())).toBeLessThan(1e-10)
    expect(besideTorch("adadelta, options", adadelta({ lr: 3, rho: 0.7, eps: 1e-3, weightDecay: 0.1 }))).toBeLessThan(
      1e-10,
    )
    expect(adadelta().lr).toBe(1)
    // First step on a slope of 3: sqrt(eps) / sqrt(0.1 * 9 + eps) * 3 = 0.003162; RMSprop's is lr / sqrt(0.1) at any slope.
    const [step] = firstStep(adadelta({ rho: 0.9, eps: 1e-6 }))
    expect(step).toBeCloseTo((sqrt(1e-6) / sqrt(0.9 + 1e-6)) * 3, 15)
    expect(firstStep(rmsprop({ lr: 1, alpha: 0.9, eps: 1e-6 }))[0]).toBeCloseTo(sqrt(10), 5)
    // A loss a thousand times as large takes the same path, once eps is small against the gradients.
    const from = { start: [3, -2], steps: 40 }
    const scaled = [1, 1000].map((c) =>
      descend((p) => bowl(1, 20)(p).mul(c), { optimizer: adadelta({ eps: 1e-6 }), ...from }),
    )
    expect(apart(scaled[0], scaled[1])).toBeLessThan(1e-6)
    const plain = [1, 1000].map((c) => descend((p) => bowl(1)(p).mul(c), { optimizer: sgd({ lr: 0.001 }), ...from }))
    expect(apart(plain[0], plain[1])).toBeGreaterThan(1)
  })

  test("Adam's first step is the rate itself for every element, whatever its gradient [F11]", () => {
    expect(besideTorch("adam", adam({ lr: 0.05 }))).toBeLessThan(1e-10)
    expect(
      besideTorch("adam, options", adam({ lr: 0.05, betas: [0.8, 0.95], eps: 1e-3, weightDecay: 0.2 })),
    ).toBeLessThan(1e-10)
    // (1, 1) times the rate for g = (3, 4); with the norm squared, as printed, (0.6, 0.8).
    for (const v of firstStep(adam({ lr: 0.1 }))) expect(v).toBeCloseTo(0.1, 8)
    const printed = optimizer("printedAdam", { lr: 0.1 }, ({ parameter, gradient, rate, slot, step }) => {
      const [m, v] = [slot("m"), slot("v")]
      const [nextM, nextV] = [m.mul(0.9).add(gradient.mul(0.1)), v.mul(0.999).add(gradient.square().sum().mul(0.001))]
      m.assign(nextM)
      v.assign(nextV)
      const hat = (x: Tensor, beta: number): Tensor =>
        x.div(constant(1, "float64").sub(constant(beta, "float64").pow(step)))
      return parameter.sub(hat(nextM, 0.9).mul(rate).div(hat(nextV, 0.999).sqrt().add(1e-8)))
    })
    for (const [i, v] of firstStep(printed).entries()) expect(v).toBeCloseTo([0.06, 0.08][i], 8)
    // Without the correction of the start the first step would be 0.1 / sqrt(0.001) = 3.16 times the rate.
    const uncorrected = firstStep(
      optimizer("uncorrected", { lr: 0.1 }, ({ parameter, gradient, rate }) =>
        parameter.sub(gradient.mul(0.1).mul(rate).div(gradient.square().mul(0.001).sqrt())),
      ),
    )
    expect(uncorrected[0] / 0.1).toBeCloseTo(3.162278, 6)
    // The defaults are the paper's.
    const [, defaults] = descend(bowl(1), { optimizer: adam({ lr: 0.01 }), start: [1], steps: 1 })
    const [, spelled] = descend(bowl(1), {
      optimizer: adam({ lr: 0.01, betas: [0.9, 0.999], eps: 1e-8 }),
      start: [1],
      steps: 1,
    })
    expect(defaults).toEqual(spelled)
  })
})

test("learning rates follow curves of the step, or whatever a step is given [F12]", () => {
  const step = lrStep(0.8, { every: 10, factor: 0.5 })
  expect([0, 9, 10, 19, 20, 35].map(step)).toEqual([0.8, 0.8, 0.4, 0.4, 0.2, 0.1])
  const cosine = lrCosine(1, { steps: 100, final: 0.1 })
  expect(cosine(0)).toBe(1)
  expect(cosine(50)).toBeCloseTo(0.55, 15)
  expect(cosine(25)).toBeCloseTo(0.1 + 0.45 * (1 + Math.SQRT1_2), 15)
  expect([100, 101, 1000].map(cosine)).toEqual([0.1, 0.1, 0.1])
  expect([0, 1, 3, 9].map(lrInverse(2))).toEqual([2, 1, 0.5, 0.2])
  expect([0, 3, 15].map(lrInverse(2, { power: 0.5 }))).toEqual([2, 1, 0.5])
  const warm = lrWarmup(lrConstant(1), 4)
  expect([0, 1, 2, 3, 4, 5].map(warm)).toEqual([0.2, 0.4, 0.6, 0.8, 1, 1])

  // A curve is no more than the rates it gives: an optimizer told each one by hand takes the same path.
  const from = { start: [1, -1], steps: 30 }
  const loss = bowl(1, 5)
  const curve = lrCosine(0.1, { steps: 30 })
  const followed = descend(loss, { optimizer: adam({ lr: curve }), ...from })
  const told = descend(loss, { optimizer: adam({ lr: 123 }), ...from, rate: curve })
  expect(apart(followed, told)).toBe(0)
})
