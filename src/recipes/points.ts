/** Recipe that denoises points in the plane. */
import { z } from "zod"
import { checkerboard, eightGaussians, moons, pinwheel, swissRoll } from "../data/points.ts"
import { PointNet } from "../diffusion/pointnet.ts"
import type { NdArray } from "../engine/array.ts"
import type { Raster } from "../io/png.ts"
import { seeded } from "../nn/init.ts"
import { built, judged } from "./model.ts"
import { diffusionOptions, expectFits, grouped, objectiveOptions, trainingOptions } from "./options.ts"
import type { Recipe } from "./recipe.ts"
import { defaultSteps, exportedDenoiser, exportedSampler, sampled } from "./sampling.ts"
import { trained } from "./training.ts"

const sets = { moons, swissRoll, eightGaussians, checkerboard, pinwheel }

const schema = z.strictObject({
  ...trainingOptions,
  ...diffusionOptions,
  ...objectiveOptions,
  steps: trainingOptions.steps.default(4000),
  batch: trainingOptions.batch.default(512),
  lr: trainingOptions.lr.default(2e-3),
  ema: trainingOptions.ema.default(0.995),
  ...grouped("Data:", {
    set: z
      .enum(["eightGaussians", "moons", "swissRoll", "checkerboard", "pinwheel"])
      .default("eightGaussians")
      .describe("which points"),
  }),
  ...grouped("Network:", {
    width: z.number().int().min(1).max(4096).default(128).describe("width of the hidden layers"),
    layers: z.number().int().min(1).max(64).default(3).describe("hidden layers"),
  }),
})

/** Points in the plane: the smallest diffusion model there is. */
export const points: Recipe = {
  name: "points",
  doc: "points in the plane (moons, swiss roll, 8 Gaussians, checkerboard, pinwheel): a minute",
  options: schema,
  build: (all) => {
    const o = all as z.output<typeof schema>
    expectFits("points", o.layers * o.width ** 2, o.batch * o.width)
    const outputs = o.variance === "learned" ? 2 : 1
    const network = seeded(o.seed, () => new PointNet({ width: o.width, layers: o.layers, outputs }))
    const { model, objective, variables } = built(network, o)
    return {
      variables,
      objective,
      ...trained(o),
      data: () => Promise.resolve(sets[o.set]({ count: 100_000, seed: o.seed })),
      heldOut: () => Promise.resolve(sets[o.set]({ count: 100_000, seed: o.seed + 1 })),
      defaultSteps: (sampler) => defaultSteps(model, sampler),
      sample: (request) => sampled(model, request),
      ...judged(model),
      previewCount: 2000,
      picture: ({ x }) => scatter(x),
      get exported() {
        return exportedDenoiser(model, "points")
      },
      exportedSampler: (request) => exportedSampler(model, request, "points"),
    }
  },
}

/** Points as a picture of the square [-3, 3]^2: the more points in a pixel, the brighter. */
function scatter(x: NdArray): Raster {
  const size = 448
  const counts = new Float64Array(size * size)
  for (let i = 0; i < x.data.length; i += 2) {
    const column = Math.floor(((Number(x.data[i]) + 3) / 6) * size)
    const row = Math.floor(((3 - Number(x.data[i + 1])) / 6) * size)
    // A point is a small disc, so that few points are seen too.
    for (const [dy, dx] of [
      [0, 0],
      [0, 1],
      [1, 0],
      [0, -1],
      [-1, 0],
    ]) {
      const [r, c] = [row + dy, column + dx]
      if (r >= 0 && r < size && c >= 0 && c < size) counts[r * size + c] += 1
    }
  }
  const data = Uint8Array.from(counts, (n) => Math.round(255 * (1 - Math.exp(-n))))
  return { width: size, height: size, channels: 1, data }
}
