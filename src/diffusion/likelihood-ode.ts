/** The likelihood by the probability flow: samples carried to the end of the process, and how volumes change on the way. */
import { array, type NdArray, sizeOf } from "../engine/array.ts"
import { compile } from "../engine/compile.ts"
import { gradients } from "../engine/grad.ts"
import { fold, Generator, type Key, keyOf } from "../engine/random.ts"
import type { Tensor, Variable } from "../engine/tensor.ts"
import { rk45 } from "../ode/adaptive.ts"
import { integrateAsync } from "../ode/solve.ts"
import type { Denoiser, Network } from "./denoiser.ts"
import { perSample } from "./denoiser-reverse.ts"
import type { Measured } from "./likelihood-table.ts"
import { divergence } from "./objective-score.ts"

/** Options of {@link odeLikelihood}. */
export interface OdeLikelihoodOptions {
  /**
   * How the trace of the Jacobian is found: `exact`, with a backward pass a number (the default up to 16 numbers a sample),
   * or `hutchinson`, estimated by one with random signs, without bias. Source: Grathwohl et al. 2019, section 3.
   */
  readonly trace?: "exact" | "hutchinson"
  /** Random directions of `hutchinson`, whose estimates are averaged. */
  readonly probes?: number
  /** Tolerances of the solver. */
  readonly rtol?: number
  readonly atol?: number
  /** The time the flow starts at, in place of 0: the first whole one of a schedule, or the process's earliest. */
  readonly start?: number
  /**
   * Values a number of the data can have, evenly spaced over [-1, 1]: 256 for images, unless given; each is then spread
   * over its cell by uniform noise, and the result bounds what the values cost. `null` for data that are real numbers.
   */
  readonly bins?: number | null
  /** Class labels, one a sample, for networks that take them. */
  readonly labels?: Int32Array
  /** Samples carried at once. */
  readonly batch?: number
  readonly seed?: number
  /** Averaged weights to use in place of the network's own: `ema.replace`. */
  readonly replace?: (variable: Variable) => Variable
  readonly signal?: AbortSignal
}

/** The likelihood so far. */
export interface OdeLikelihoodStep {
  readonly done: number
  readonly count: number
  /** Minus the log-likelihood: what is to be small. */
  readonly total: Measured
  /** Minus the log-likelihood of each sample done, in nats. */
  readonly each: Float64Array
  /** Evaluations of the network for the last batch. */
  readonly evaluations: number
}

/**
 * Minus log p(x0) of samples `[count, ...shape]` by the probability flow dx/dt = signal' E[x0 | x] + sigma' E[eps | x], whose
 * marginals are those of the process: log p(x0) = log p(x_T) + integral of div dx/dt along the path. Yielded after every batch.
 *
 * Whatever the process, the flow is followed in its variance-preserving coordinates by the angle phi between signal and
 * noise, where it is dx/dphi = v: nothing is singular there, at no end. Time 0 itself is not: data that fill no volume have no density, so
 * the flow starts at `start` and what is measured is the density of the data under that little noise. A model that was
 * trained on values of a grid knows nothing of values spread over cells: for it the bound is the fairer figure.
 *
 * Source: Song et al. 2021, section 4.3 and appendix D.2; Salimans and Ho 2022 for the angle.
 *
 * @throws RangeError when the samples are none, not of the model's shape, or an option makes no sense; OdeError when the
 * flow cannot be followed.
 */
export async function* odeLikelihood(
  model: Denoiser<Network>,
  x: NdArray,
  {
    trace = sizeOf(model.shape) <= 16 ? "exact" : "hutchinson",
    probes = 1,
    rtol = 1e-5,
    atol = 1e-5,
    start = model.process.levels.earliest,
    bins = model.shape.length === 3 ? 256 : null,
    batch = Math.max(64, Math.floor(16_384 / sizeOf(model.shape))),
    labels,
    seed = 0,
    replace,
    signal,
  }: OdeLikelihoodOptions = {},
): AsyncGenerator<OdeLikelihoodStep> {
  const { process } = model
  const size = sizeOf(model.shape)
  const count = x.shape[0] ?? 0
  if (x.shape.slice(1).join() !== model.shape.join() || count === 0)
    throw new RangeError(
      `odeLikelihood: got samples [${x.shape.join(", ")}], expected [count, ${model.shape.join(", ")}]`,
    )
  for (const [name, value] of Object.entries({ batch, probes })) {
    if (!(Number.isInteger(value) && value >= 1))
      throw new RangeError(`odeLikelihood: got ${name} ${value}, expected a whole number from 1`)
  }
  if (!(start > 0 && start < process.steps))
    throw new RangeError(`odeLikelihood: got start ${start}, expected a time between 0 and ${process.steps}`)
  const rows = Math.min(batch, count)
  const from = process.angle(start)
  const to = process.angle(process.steps)
  // In these coordinates x_T is N(0, sigma_T^2 / (signal_T^2 + sigma_T^2)), or N(0, 1) where the process says so.
  const variance = process.levels.preserving ? 1 : Math.sin(to) ** 2
  if (labels !== undefined && labels.length !== count)
    throw new RangeError(`odeLikelihood: got ${labels.length} labels for ${count} samples, expected one each`)
  const key = fold(keyOf(seed), flowStream)
  const run = compile(
    ((at: Tensor, place: Tensor, signs: Tensor, y?: Tensor) =>
      slopeOf(model, at, place, trace === "exact" ? null : signs, y)) as (...inputs: Tensor[]) => [Tensor, Tensor],
    replace === undefined ? {} : { replace },
  )
  const each = new Float64Array(count)
  let [sum, squares] = [0, 0]
  try {
    for (let first = 0; first < count; first += rows) {
      const used = Math.min(rows, count - first)
      const state = new Float64Array(rows * (size + 1))
      const signs = new Float32Array(trace === "exact" ? rows : rows * probes * size)
      for (let k = 0; k < rows; k++) {
        // The last batch is filled up, since a new shape would mean a new session.
        const i = Math.min(first + k, count - 1)
        const item = dequantised(x, i, size, bins, fold(key, i, 0))
        for (let j = 0; j < size; j++) state[k * (size + 1) + j] = Math.cos(from) * item[j]
        const random = new Generator(fold(key, i, 1))
        const own = signs.length / rows
        for (let j = 0; j < own; j++) signs[k * own + j] = random.bits() % 2 === 0 ? 1 : -1
      }
      const directions = array("float32", trace === "exact" ? [rows] : [rows, probes, ...model.shape], signs)
      const classes = labels && labelsOf(labels, first, rows)
      const slope = async (phi: number, y: NdArray): Promise<NdArray> => {
        const flat = new Float32Array(rows * size)
        for (let k = 0; k < rows; k++)
          for (let j = 0; j < size; j++) flat[k * size + j] = Number(y.data[k * (size + 1) + j])
        const [v, volume] = await run(
          array("float32", [rows, ...model.shape], flat),
          array("float32", [3], placeOf(model, phi)),
          directions,
          ...(classes === undefined ? [] : [classes]),
        )
        const out = new Float64Array(rows * (size + 1))
        for (let k = 0; k < rows; k++) {
          for (let j = 0; j < size; j++) out[k * (size + 1) + j] = Number(v.data[k * size + j])
          out[k * (size + 1) + size] = Number(volume.data[k])
        }
        return array("float64", [rows, size + 1], out)
      }
      let end: ArrayLike<number> = state
      let evaluations = 0
      const method = rk45({ rtol, atol, norm: "sample" })
      const options = { method, ...(signal !== undefined && { signal }) }
      for await (const step of integrateAsync(slope, [from, to], array("float64", [rows, size + 1], state), options)) {
        end = step.y.data as ArrayLike<number>
        evaluations = step.evaluations
      }
      for (let k = 0; k < used; k++) {
        let log = end[k * (size + 1) + size] + size * Math.log(Math.cos(from))
        for (let j = 0; j < size; j++)
          log -= (Math.log(2 * Math.PI * variance) + end[k * (size + 1) + j] ** 2 / variance) / 2
        // From the density of a number to the share of its cell.
        if (bins !== null) log += size * Math.log(2 / bins)
        each[first + k] = -log
        sum -= log
        squares += log * log
      }
      const done = first + used
      const nats = sum / done
      const unit = size * Math.log(2)
      const error = Math.sqrt(Math.max(0, squares / done - nats * nats) / Math.max(1, done - 1)) / unit
      yield { done, count, total: { nats, bits: nats / unit, error }, each: each.slice(0, done), evaluations }
    }
  } finally {
    await run.dispose()
  }
}

/** Keeps the noise of a likelihood apart from that of samples with the same seed. */
const flowStream = 0x666c6f77

/** Sample i, each value spread over its cell of [-1, 1]. */
function dequantised(x: NdArray, i: number, size: number, bins: number | null, key: Key): Float64Array {
  const item = Float64Array.from({ length: size }, (_, j) => Number(x.data[i * size + j]))
  if (bins === null) return item
  const random = new Generator(key)
  return item.map((v) => ((Math.round(((v + 1) / 2) * (bins - 1)) + random.uniform()) / bins) * 2 - 1)
}

/** The time of an angle, and signal and sigma there. */
function placeOf({ process }: Denoiser, phi: number): Float32Array {
  const t = process.timeAt(phi)
  const radius = process.isContinuous ? Math.hypot(process.signal(t), process.sigma(t)) : 1
  return Float32Array.of(t, radius * Math.cos(phi), radius * Math.sin(phi))
}

/** Labels of the samples from `first` on, the last one repeated to fill the rows. */
function labelsOf(labels: Int32Array, first: number, rows: number): NdArray<"int32"> {
  const of = (_: unknown, k: number): number => labels[Math.min(first + k, labels.length - 1)]
  return array("int32", [rows], Int32Array.from({ length: rows }, of))
}

/** dx/dphi = v `[batch, ...shape]` at x in variance-preserving coordinates, and its divergence `[batch]`. */
function slopeOf(
  model: Denoiser,
  x: Tensor,
  place: Tensor,
  signs: Tensor | null,
  labels: Tensor | undefined,
): [Tensor, Tensor] {
  const [batch, ...shape] = x.shape
  const [t, signal, sigma] = place.split(3).map((p) => p.broadcastTo([batch]).reshape([batch, ...shape.map(() => 1)]))
  const radius = signal.square().add(sigma.square()).sqrt()
  const told = model.process.told(t.reshape([batch]))
  const level = { signal, sigma, told }
  const field = (at: Tensor): Tensor => model.answer(at.mul(radius), level, labels).v
  if (signs === null) {
    const { value, trace } = divergence(field, x)
    return [value, trace]
  }
  const value = field(x)
  const probes = signs.split(signs.shape[1], 1).map((p) => p.reshape([batch, ...shape]))
  const found = probes.map((p) => perSample(gradients(value.mul(p).sum(), [x])[0].mul(p)))
  return [value, found.reduce((a, b) => a.add(b)).mul(1 / probes.length)]
}
