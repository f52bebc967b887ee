/** Data sets and how they are read in batches: `tweedie/data`. */

export {
  type Batch,
  type Dataset,
  type DatasetOptions,
  dataset,
  procedural,
  type Rule,
  range,
  type Split,
  split,
  subset,
  take,
} from "./dataset.ts"
export {
  type CrossValidation,
  crossValidate,
  type Fold,
  type FoldOptions,
  kFold,
  leaveOneOut,
  stratifiedKFold,
} from "./folds.ts"
export { glyphs } from "./glyphs.ts"
export { type Idx, type IdxOptions, readIdx, writeIdx } from "./idx.ts"
export { type ImageBytes, images } from "./images.ts"
export { type Loader, type LoaderOptions, type LoaderState, loader } from "./loader.ts"
export { fashion, type MnistOptions, mnist } from "./mnist.ts"
export {
  checkerboard,
  circles,
  eightGaussians,
  moons,
  type PointsOptions,
  pinwheel,
  spirals,
  swissRoll,
} from "./points.ts"
