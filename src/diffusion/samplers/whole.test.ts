/** A sampler in one file gives, from the same noise, the samples that it gives step by step. */
import * as ort from "onnxruntime-node"
import { expect, test } from "vitest"
import { fromNumbers, type NdArray, toNumbers } from "../../engine/array.ts"
import { exportOnnx } from "../../engine/export.ts"
import { Generator } from "../../engine/random.ts"
import { configure } from "../../engine/runtime.ts"
import { batchSize } from "../../engine/shape.ts"
import { placeholder, type Tensor } from "../../engine/tensor.ts"
import { seeded } from "../../nn/init.ts"
import { type Denoiser, type DenoiserOptions, denoiser } from "../denoiser.ts"
import { guided } from "../guidance.ts"
import { PointNet } from "../pointnet.ts"
import { gaussian, type Process } from "../process.ts"
import { edm, flow } from "../process-sde.ts"
import { cosine } from "../schedule.ts"
import { UNet } from "../unet.ts"
import { type AnyOptions, plans, type Sampler, type SamplerName, samplers } from "./all.ts"
import type { Target } from "./plan/path.ts"
import type { Plan } from "./plan/plan.ts"
import { last } from "./sampler.ts"
import { drawsOf, wholeSampler } from "./whole.ts"

configure({ threads: 1 })

const discrete = gaussian(cosine(100))
const unet = (outputs = 1, classes: number | null = null): UNet =>
  seeded(3, () => new UNet({ size: 8, width: 16, multipliers: [1, 2], outputs, classes }))
const images = (process: Process = discrete, options: DenoiserOptions = { predict: "v" }): Denoiser =>
  denoiser(unet(options.variance === "learned" ? 2 : 1), process, options)

interface Row {
  readonly name: Exclude<SamplerName, "probabilityFlow">
  readonly options?: AnyOptions
  readonly model?: Denoiser
}

const rows: readonly Row[] = [
  { name: "ddpm" },
  { name: "ddpm", model: images(discrete, { predict: "eps", variance: "learned" }) },
  { name: "ddim" },
  { name: "ddim", options: { eta: 1, threshold: { ratio: 0.9, max: 2 } } },
  { name: "ddim", options: { compat: "diffusers", rederive: false } },
  { name: "euler", model: images(flow({ steps: 100 }), { predict: "velocity" }) },
  { name: "euler", options: { churn: 10 }, model: images(edm({ steps: 100 }), { predict: "edm" }) },
  { name: "eulerAncestral" },
  { name: "heun" },
  { name: "dpmSolver", options: { order: 2 } },
  { name: "dpmSolver", options: { order: 3 } },
  { name: "dpmSolver", options: { algorithm: "sde-dpmsolver++", spacing: "karras" } },
  { name: "dpmSolverSingle", options: { order: 3 } },
  { name: "unipc" },
  { name: "unipc", options: { order: 3, variant: "bh1" } },
  { name: "pndm", model: images(discrete, { predict: "x0" }) },
  { name: "pndm", options: { skipPrk: false }, model: images(discrete, { predict: "x0" }) },
  { name: "predictorCorrector" },
  { name: "langevin", options: { inner: 2 } },
  { name: "repaint", options: { repeats: 2, jump: 2 } },
  {
    name: "heun",
    model: denoiser(
      seeded(2, () => new PointNet({ width: 16 })),
      discrete,
      { predict: "eps" },
    ),
  },
]

const batch = 3
const noiseOf = (sample: number, question: number, size: number): Float32Array => {
  const random = new Generator(1000 * sample + question)
  return Float32Array.from({ length: size }, () => random.normal())
}

/** Noise of some questions, `[draws, batch, ...shape]`. */
function noiseFor(draws: readonly number[], shape: readonly number[]): NdArray {
  const size = shape.reduce((a, b) => a * b, 1)
  const all = draws.flatMap((question) =>
    Array.from({ length: batch }, (_, sample) => [...noiseOf(sample, question, size)]).flat(),
  )
  return fromNumbers("float32", [draws.length, batch, ...shape], all)
}

async function run(bytes: Uint8Array, feeds: Readonly<Record<string, NdArray>>): Promise<ort.Tensor> {
  const session = await ort.InferenceSession.create(bytes, { intraOpNumThreads: 1 })
  const tensors = Object.entries(feeds).map(([name, a]) => [
    name,
    new ort.Tensor(a.dtype as "float32", a.data as Float32Array, a.shape),
  ])
  const { y } = await session.run(Object.fromEntries(tensors))
  await session.release()
  return y
}

function expectSame(got: ort.Tensor, expected: NdArray): void {
  expect(got.dims).toEqual(expected.shape)
  const values = toNumbers(expected)
  const apart = Math.max(...[...(got.data as Float32Array)].map((v, i) => Math.abs(v - values[i])))
  // Nothing bounds some samplers, and a network that was not trained leads them far out.
  expect(apart).toBeLessThan(1e-4 * Math.max(1, ...values.map(Math.abs)))
  expect(Math.max(...values) - Math.min(...values)).toBeGreaterThan(0.5)
}

const planOf = ({ name, options }: Row, model: Denoiser, steps: number): Plan =>
  (plans[name] as (target: Target, options: AnyOptions) => Plan)(model, { ...options, steps })

test.each(rows)("$name in one file is $name step by step, $options", async (row) => {
  const { name, options = {}, model = images() } = row
  const steps = 6
  const plan = planOf(row, model, steps)
  const draws = drawsOf(plan)
  const { threshold } = options
  const bytes = await exportOnnx(
    (noise: Tensor) => wholeSampler(model, plan, noise, threshold === undefined ? {} : { threshold }),
    [{ dtype: "float32", shape: [draws.length, batchSize, ...model.shape] }],
    { inputNames: ["noise"], outputNames: ["y"] },
  )
  const size = model.shape.reduce((a, b) => a * b, 1)
  const expected = await last(
    (samplers[name] as Sampler)(model, {
      ...options,
      steps,
      count: batch,
      noise: (sample, question) => noiseOf(sample, question, size),
    }),
  )
  expectSame(await run(bytes, { noise: noiseFor(draws, model.shape) }), expected.x)
})

test("every sampler that has a plan is among them", () => {
  expect([...new Set(rows.map((r) => r.name))].sort()).toEqual(Object.keys(plans).sort())
})

test("labels are followed as strongly as each sample is told, or as the file says", async () => {
  const own = denoiser(unet(1, 5), discrete, { predict: "v" })
  const plan = plans.dpmSolver(own, { steps: 6 })
  const specs = [
    { dtype: "float32", shape: [1, batchSize, ...own.shape] },
    { dtype: "int32", shape: [batchSize] },
    { dtype: "float32", shape: [batchSize] },
  ] as const
  const labels = Int32Array.of(0, 3, 1)
  const noise = noiseFor([0], own.shape)
  const feeds = { noise, labels: fromNumbers("int32", [3], labels) }
  const byScale = async (scale: number): Promise<NdArray> => {
    const model = guided(own, { none: 4, scale })
    const options = { steps: 6, count: batch, labels, noise: (i: number, k: number) => noiseOf(i, k, 64) }
    return (await last(samplers.dpmSolver(model, options))).x
  }
  const asked = await exportOnnx(
    (noise: Tensor, labels: Tensor, scale: Tensor) =>
      wholeSampler(guided(own, { none: 4, scale }), plan, noise, { labels }),
    specs,
    { inputNames: ["noise", "labels", "scale"], outputNames: ["y"] },
  )
  for (const scale of [0, 1, 3])
    expectSame(
      await run(asked, { ...feeds, scale: fromNumbers("float32", [3], [scale, scale, scale]) }),
      await byScale(scale),
    )
  const baked = await exportOnnx(
    (noise: Tensor, labels: Tensor) => wholeSampler(guided(own, { none: 4, scale: 3 }), plan, noise, { labels }),
    specs.slice(0, 2),
    { inputNames: ["noise", "labels"], outputNames: ["y"] },
  )
  expectSame(await run(baked, feeds), await byScale(3))
  const mixed = (await run(asked, { ...feeds, scale: fromNumbers("float32", [3], [0, 1, 3]) })).data as Float32Array
  for (const [i, scale] of [0, 1, 3].entries()) {
    const one = toNumbers(await byScale(scale)).subarray(64 * i, 64 * (i + 1))
    expect(Math.max(...one.map((v, j) => Math.abs(v - mixed[64 * i + j])))).toBeLessThan(1e-4)
  }
})

test("noise of another shape is refused", () => {
  const model = images()
  const noise = placeholder("noise", { dtype: "float32", shape: [1, 2, 1, 8, 8] })
  expect(() => wholeSampler(model, plans.ddpm(model, { steps: 4 }), noise)).toThrow(
    "wholeSampler: got noise [1, 2, 1, 8, 8], expected [4, batch, 1, 8, 8]",
  )
})
