/** `tweedie/recipes`: whole experiments by name. */
import { autoencoder } from "./autoencoder.ts"
import { cifar10, fashion, glyphs, mnist, pictures } from "./images.ts"
import { latent } from "./latent.ts"
import { points } from "./points.ts"
import type { Recipe } from "./recipe.ts"

export { autoencoder } from "./autoencoder.ts"
export type { ErrorOptions, ErrorStep } from "./figures.ts"
export { cifar10, fashion, glyphs, mnist, pictures } from "./images.ts"
export { latent } from "./latent.ts"
export { type LeNetTraining, type TrainLeNetOptions, trainLeNet } from "./lenet.ts"
export { points } from "./points.ts"
export type { CommonOptions, Experiment, Exported, Recipe, SampleRequest } from "./recipe.ts"

/** All recipes by name. */
export const recipes: ReadonlyMap<string, Recipe> = new Map(
  [glyphs, mnist, fashion, cifar10, pictures, points, autoencoder, latent].map((r) => [r.name, r]),
)
