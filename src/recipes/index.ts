/** `tweedie/recipes`: whole experiments by name. */
import { fashion, glyphs, mnist } from "./images.ts"
import { points } from "./points.ts"
import type { Recipe } from "./recipe.ts"

export { fashion, glyphs, mnist } from "./images.ts"
export { type LeNetTraining, type TrainLeNetOptions, trainLeNet } from "./lenet.ts"
export { points } from "./points.ts"
export type { CommonOptions, Experiment, Exported, Recipe, SampleRequest } from "./recipe.ts"

/** All recipes by name. */
export const recipes: ReadonlyMap<string, Recipe> = new Map([glyphs, mnist, fashion, points].map((r) => [r.name, r]))
