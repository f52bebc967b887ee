/**
 * Metrics of predictions, and measures of generated images, in double precision: `tweedie/metrics`.
 *
 * The target comes first, then what was predicted. Lists are arrays of numbers of any kind; a table of scores [examples,
 * classes] is an `NdArray` or nested lists. Lists that do not fit each other, and what is no number, are a RangeError by
 * the function's name; a rate that is 0 / 0 is `zeroDivision`, 0 unless said otherwise.
 *
 * Measures of images are asynchronous: they take streams of features, or of images and a network, and what is large in
 * them runs on the engine.
 */
export {
  accuracy,
  type BalancedOptions,
  balancedAccuracy,
  cohenKappa,
  type KappaOptions,
  mcc,
  type TopKOptions,
  topKAccuracy,
} from "./agreement.ts"
export { type Batches, FeatureBank, type Rows } from "./batches.ts"
export {
  brier,
  type CalibrationOptions,
  calibrationError,
  logLoss,
  type ReliabilityBin,
  type ReliabilityOptions,
  reliability,
  type TopLabel,
  topLabel,
} from "./calibration.ts"
export {
  type BinaryOptions,
  binaryCounts,
  type Confusion,
  type ConfusionOptions,
  type Counts,
  confusionMatrix,
} from "./confusion.ts"
export {
  type EvaluateOptions,
  type EvaluateSetsOptions,
  evaluateImages,
  evaluateSets,
  type MeasuredSet,
  type MeasureName,
  type MeasureReport,
  measureNames,
  type ReadSetOptions,
  type ReferenceImages,
  readSet,
} from "./evaluate.ts"
export { fid } from "./fid.ts"
export { type InceptionOptions, type InceptionScore, inceptionScore } from "./inception.ts"
export { type Kid, type KidOptions, kid } from "./kid.ts"
export type { WeightOptions } from "./labels.ts"
export { LeNet, type LeNetOptions, lenetFeatures, lenetFrom } from "./lenet.ts"
export { type Line, type LinePlotOptions, linePlot } from "./line-plot.ts"
export {
  type DensityCoverage,
  densityCoverage,
  type ManifoldOptions,
  type PrecisionRecall,
  precisionRecall,
} from "./manifold.ts"
export { type FeatureMmdOptions, featureMmd } from "./mmd.ts"
export { type FeatureStatistics, featureStatistics, MomentStream, type SignalOptions } from "./moments.ts"
export { type FeatureNetwork, featuresOf, fingerprint, pixels, type Reading, type ReadingOptions } from "./network.ts"
export { type OnnxFeatureOptions, onnxFeatures } from "./onnx.ts"
export {
  type ConfusionPlotOptions,
  confusionPlot,
  type PlotOptions,
  prPlot,
  reliabilityPlot,
  rocPlot,
} from "./plot.ts"
export {
  auc,
  averagePrecision,
  type OneVsRestOptions,
  oneVsRest,
  type PrCurve,
  prCurve,
  type RocCurve,
  type RocOptions,
  rocAuc,
  rocCurve,
} from "./ranking.ts"
export {
  type Box,
  boxIou,
  type ClassRates,
  dice,
  type FBetaOptions,
  f1,
  fBeta,
  iou,
  npv,
  perClass,
  precision,
  type RateOptions,
  recall,
  specificity,
} from "./rates.ts"
export {
  explainedVariance,
  mae,
  mape,
  mse,
  type PinballOptions,
  pinball,
  r2,
  rmse,
} from "./regression.ts"
