/** The Frechet distance of two sets in the space of features (FID). */
import { array } from "../engine/array.ts"
import { svdvals } from "../linalg/svd.ts"
import { frechetParts } from "../stats/gaussian.ts"
import type { Batches } from "./batches.ts"
import { type FeatureStatistics, featureStatistics, type SignalOptions } from "./moments.ts"
import { withProducts } from "./product.ts"

const isStatistics = (x: Batches | FeatureStatistics): x is FeatureStatistics => "covariance" in x

/**
 * FID, the squared Frechet distance ||m - m'||^2 + Tr(S + S' - 2 (S S')^1/2) of the Gaussians fitted to two sets of
 * features: streams of batches [batch, features], or statistics from {@link featureStatistics}.
 *
 * It is 0 for equal sets and grows with what is blurred, missing or added. It depends on the features, and falls as the
 * sets grow (its bias is about 1 / count), so compare numbers of one network, one count and one reference only. The
 * trace is a sum of singular values of the product of the covariances' factors: exact also where there are fewer
 * images than features, where the root of the product is not. (For 2,048 features they take the calling thread some
 * seconds; statistics run on the engine.) Sources: Heusel et al. 2017; Dowson and Landau 1982.
 *
 * @throws RangeError for features of two widths, features that are not finite, or sets of fewer than two rows.
 */
export async function fid(
  generated: Batches | FeatureStatistics,
  reference: Batches | FeatureStatistics,
  options: SignalOptions = {},
): Promise<number> {
  const a = isStatistics(generated) ? generated : await featureStatistics(generated, options)
  const b = isStatistics(reference) ? reference : await featureStatistics(reference, options)
  const { f, g, means, traces } = frechetParts("fid", a, b)
  const [rank, width] = f.shape
  const other = g.shape[0]
  if (rank === 0 || other === 0) return means + traces
  const cross = await withProducts(rank * other * width, (products) => products.inner(f.data, g.data, width))
  const nuclear = svdvals(array("float64", [rank, other], cross)).data.reduce((sum, s) => sum + s, 0)
  return means + Math.max(0, traces - 2 * nuclear)
}
