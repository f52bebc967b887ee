/** Data sets and how they are read in batches: `tweedie/data`. */

export { type AugmentOptions, augment } from "./augment.ts"
export { type Cifar100Options, type CifarOptions, cifar10, cifar100, cifarClasses } from "./cifar.ts"
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
export { type Enlargement, enlarged } from "./enlarge.ts"
export { cacheDirectory, FetchError, type FetchOptions, fetchFile, type RemoteFile } from "./fetch.ts"
export { type FolderLook, type FolderOptions, imageFolder, lookIntoFolder } from "./folder.ts"
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
export { type OmniglotOptions, omniglot } from "./omniglot.ts"
export { decodePicture, type PictureHeader, readPictureHeader } from "./picture.ts"
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
export { type PictureForm, scaled } from "./scale.ts"
export { type ArraysOptions, arrays, type Table, type TableOptions, table } from "./table.ts"
