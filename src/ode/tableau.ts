/** Explicit Runge-Kutta methods as tables of numbers, and one step of any of them. */

/** Weights of an explicit Runge-Kutta method of s stages. */
export interface Tableau {
  readonly name: string
  /** The error of a step is O(h^(order + 1)), that at a fixed time O(h^order). */
  readonly order: number
  /** When each stage looks, in steps, [s]. */
  readonly c: readonly number[]
  /** How stage i is made of the slopes before it: row i has i weights. */
  readonly a: readonly (readonly number[])[]
  /** How the step is made of the slopes, [s]. */
  readonly b: readonly number[]
}

/** Euler's method: y + h f(t, y). (Notes 003, E58, and R3.97, where all four slopes of RK4 are one.) */
export const eulerTableau: Tableau = { name: "euler", order: 1, c: [0], a: [[]], b: [1] }

/** The explicit midpoint method: the slope in the middle of Euler's step is taken for the whole. */
export const midpointTableau: Tableau = { name: "midpoint", order: 2, c: [0, 1 / 2], a: [[], [1 / 2]], b: [0, 1] }

/** Heun's method: the mean of the slopes at both ends of Euler's step. */
export const heunTableau: Tableau = { name: "heun", order: 2, c: [0, 1], a: [[], [1]], b: [1 / 2, 1 / 2] }

/**
 * The classical method of order 4: y + h (k1 + 2 k2 + 2 k3 + k4) / 6. (Notes 003, D3.107, whose k4 misses an index; its y
 * is the integral of f from y0, not the integral alone.)
 */
export const rk4Tableau: Tableau = {
  name: "rk4",
  order: 4,
  c: [0, 1 / 2, 1 / 2, 1],
  a: [[], [1 / 2], [0, 1 / 2], [0, 0, 1]],
  b: [1 / 6, 1 / 3, 1 / 3, 1 / 6],
}

/** The method of order 5 of Dormand and Prince 1980, whose last slope is the next step's first. */
export const dormandPrince: Tableau = {
  name: "rk45",
  order: 5,
  c: [0, 1 / 5, 3 / 10, 4 / 5, 8 / 9, 1],
  a: [
    [],
    [1 / 5],
    [3 / 40, 9 / 40],
    [44 / 45, -56 / 15, 32 / 9],
    [19372 / 6561, -25360 / 2187, 64448 / 6561, -212 / 729],
    [9017 / 3168, -355 / 33, 46732 / 5247, 49 / 176, -5103 / 18656],
  ],
  b: [35 / 384, 0, 500 / 1113, 125 / 192, -2187 / 6784, 11 / 84],
}

/** Its weights minus those of the method of order 4 beside it, the last for the slope at the end: the error it sees. */
export const errorWeights: readonly number[] = [
  71 / 57600,
  0,
  -71 / 16695,
  71 / 1920,
  -17253 / 339200,
  22 / 525,
  -1 / 40,
]

/** The weights of its continuous extension of order 4 (Hairer, Nørsett and Wanner 1993, §II.6). */
export const denseWeights: readonly number[] = [
  -12715105075 / 11282082432,
  0,
  87487479700 / 32700410799,
  -10690763975 / 1880347072,
  701980252875 / 199316789632,
  -1453857185 / 822651844,
  69997945 / 29380423,
]

/** What asks for slopes: f(t, y) is sent back. */
export type Slopes<R> = Generator<Request, R, Float64Array>

/** A slope that is asked for. The state must not be changed. */
export interface Request {
  readonly t: number
  readonly y: Float64Array
}

/** y + h sum weights[i] slopes[i]. */
export function combined(
  y: Float64Array,
  h: number,
  weights: readonly number[],
  slopes: readonly Float64Array[],
): Float64Array {
  const out = new Float64Array(y.length)
  for (const [i, w] of weights.entries()) {
    if (w === 0) continue
    const k = slopes[i]
    for (let j = 0; j < out.length; j++) out[j] += w * k[j]
  }
  for (let j = 0; j < out.length; j++) out[j] = y[j] + h * out[j]
  return out
}

/** One step from (t, y) whose slope there is known: the new state, and the slopes of all stages. */
export function* stages(
  { a, b, c }: Tableau,
  t: number,
  y: Float64Array,
  h: number,
  first: Float64Array,
): Slopes<{ readonly next: Float64Array; readonly slopes: Float64Array[] }> {
  const slopes = [first]
  for (let i = 1; i < b.length; i++) slopes.push(yield { t: t + c[i] * h, y: combined(y, h, a[i], slopes) })
  return { next: combined(y, h, b, slopes), slopes }
}
