/** What samples are made of, where no file says it: data that training has not seen. */
import { type Dataset, range } from "../data/dataset.ts"
import type { NdArray } from "../engine/array.ts"
import type { Experiment } from "../recipes/recipe.ts"

/**
 * What an experiment whose samples are made of something is given for `count` of them: the first of the held-out data, in
 * turn where there are fewer, or of `otherwise` where there are none. `undefined` where samples are made of nothing.
 */
export async function givenOf(
  { given, heldOut }: Pick<Experiment, "given" | "heldOut">,
  count: number,
  otherwise?: Dataset,
): Promise<NdArray<"float32"> | undefined> {
  if (given === undefined) return undefined
  const images = await heldOut().catch((error: unknown) => {
    if (otherwise === undefined) throw error
    return otherwise
  })
  const indices = range(count).map((i) => i % images.length)
  await images.prepare?.(indices)
  return given.of(images.batch(indices).x)
}
