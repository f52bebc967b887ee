/** Whole samplers of recipes: what goes in, what comes out, and what is refused. */
import * as ort from "onnxruntime-node"
import { expect, test } from "vitest"
import { toNumbers } from "../engine/array.ts"
import { exportOnnx } from "../engine/export.ts"
import { fillNormal, fold, keyOf } from "../engine/random.ts"
import { configure } from "../engine/runtime.ts"
import { recipes } from "./index.ts"
import type { Experiment, SampleRequest, WholeRequest } from "./recipe.ts"

configure({ threads: 1 })

function built(name: string, options: object): Experiment {
  const recipe = recipes.get(name)!
  return recipe.build(recipe.options.parse(options) as never)
}

async function expectSame(experiment: Experiment, request: WholeRequest): Promise<void> {
  const { inputs, output, call, metadata } = experiment.exportedSampler(request)
  const bytes = await exportOnnx(call as never, inputs, {
    inputNames: inputs.map((i) => i.name),
    outputNames: [output],
    variables: experiment.variables,
    metadata,
  })
  const session = await ort.InferenceSession.create(bytes, { intraOpNumThreads: 1 })
  const shape = [inputs[0].shape[0], 2, ...experiment.shape]
  const [noise, size] = [new Float32Array(shape.reduce((a, b) => a * b)), experiment.shape.reduce((a, b) => a * b)]
  for (let i = 0; i < noise.length / size; i++)
    fillNormal(noise.subarray(i * size, (i + 1) * size), fold(keyOf(3), i % 2, Math.floor(i / 2)))
  const { samples } = await session.run({ noise: new ort.Tensor("float32", noise, shape) })
  let x: Float64Array | undefined
  for await (const step of experiment.sample({ ...request, count: 2, seed: 3 } as SampleRequest)) x = toNumbers(step.x)
  const far = [...(samples.data as Float32Array)].map((v, i) => Math.abs(v - x![i]))
  expect(Math.max(...far)).toBeLessThan(1e-4 * Math.max(1, ...x!.map(Math.abs)))
  await session.release()
}

const small = { width: 8, layers: 1, times: 40 }

test("points come out as they are, of processes of any kind and of learned variances", async () => {
  await expectSame(built("points", small), { sampler: "ddim", steps: 5 })
  await expectSame(built("points", { ...small, process: "learned", objective: "vdm" }), { sampler: "ddpm", steps: 5 })
  await expectSame(built("points", { ...small, process: "ve", predict: "edm", objective: "edm" }), {
    sampler: "heun",
    steps: 5,
  })
  await expectSame(built("points", { ...small, variance: "learned", objective: "hybrid" }), {
    sampler: "ddpm",
    steps: 5,
  })
})

test("guidance is an input unless it is fixed, and asks for labels", () => {
  const labelled = built("glyphs", { width: 8, layers: 1, groups: 4, labels: true })
  const names = (request: WholeRequest): string[] => labelled.exportedSampler(request).inputs.map((i) => i.name)
  expect(names({ sampler: "ddim" })).toEqual(["noise", "labels", "guidance"])
  expect(names({ sampler: "ddim", guidance: 2 })).toEqual(["noise", "labels"])
  expect(labelled.exportedSampler({ sampler: "ddim", guidance: 2 }).metadata["tweedie.guidance"]).toBe("2")
  const points = built("points", small)
  expect(() => points.exportedSampler({ sampler: "ddim", guidance: 2 })).toThrow(
    "guidance: the model was not trained with labels",
  )
  expect(() => points.exportedSampler({ sampler: "probabilityFlow" })).toThrow(
    "sampler: probabilityFlow chooses its steps while it runs, so it cannot be written as one file",
  )
})
