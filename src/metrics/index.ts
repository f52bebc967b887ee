/**
 * Metrics on the host: float64, synchronous, checked: `tweedie/metrics`.
 *
 * The target comes first, then what was predicted. Lists are arrays of numbers of any kind; a table of scores [examples,
 * classes] is an `NdArray` or nested lists. Lists that do not fit each other, and what is no number, are a RangeError by
 * the function's name; a rate that is 0 / 0 is `zeroDivision`, 0 unless said otherwise.
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
export type { WeightOptions } from "./labels.ts"
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
