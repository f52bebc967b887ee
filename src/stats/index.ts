/** Probability and statistics in float64 on the host: `tweedie/stats`. */

export { type Bootstrap, type BootstrapOptions, bootstrap } from "./bootstrap.ts"
export { sumDensity, sumMass } from "./convolution.ts"
export {
  type ChiSquaredTest,
  chiSquaredTest,
  type GoodnessOptions,
  type IndependenceOptions,
  independenceTest,
} from "./count-test.ts"
export { correlation, correlationMatrix, covariance, covarianceMatrix, spearman } from "./covariance.ts"
export {
  type BiasOptions,
  centralMoment,
  type DdofOptions,
  kurtosis,
  mean,
  median,
  quantile,
  ranks,
  skewness,
  standardize,
  std,
  sum,
  variance,
} from "./descriptive.ts"
export { jsMonteCarlo, klMonteCarlo, type Multivariate, type Scalar } from "./divergence.ts"
export { type ExpectationOptions, expectation } from "./expectation.ts"
export { fitGaussian, frechetDistance, type Gaussian, klGaussian, mahalanobis } from "./gaussian.ts"
export { crossEntropy, entropy, jsDivergence, klDivergence } from "./information.ts"
export {
  type IntervalOptions,
  meanInterval,
  type ProportionOptions,
  proportionInterval,
  varianceInterval,
} from "./interval.ts"
export {
  bayes,
  binnedTable,
  conditional,
  dependence,
  type JointTable,
  jointTable,
  marginal,
  mutualInformation,
  type Posterior,
} from "./joint.ts"
export { kolmogorovLimitSf, kolmogorovSf, smirnovSf } from "./kolmogorov.ts"
export { type KsOptions, type KsTest, ksTest, ksTestTwoSample } from "./ks-test.ts"
export type {
  Continuous,
  Discrete,
  Entropic,
  Fitting,
  Generating,
  Moments,
  Source,
  Spread,
  Univariate,
} from "./law.ts"
export { type Affine, type AffineOptions, affine } from "./laws/affine.ts"
export { type AlphaStable, type AlphaStableOptions, alphaStable } from "./laws/alpha-stable.ts"
export { type Bernoulli, type BernoulliOptions, bernoulli } from "./laws/bernoulli.ts"
export { type Beta, type BetaOptions, beta } from "./laws/beta.ts"
export { type Binomial, type BinomialOptions, binomial } from "./laws/binomial.ts"
export { type Categorical, type CategoricalOptions, categorical } from "./laws/categorical.ts"
export { type Cauchy, type CauchyOptions, cauchy } from "./laws/cauchy.ts"
export { type ChiSquared, type ChiSquaredOptions, chiSquared } from "./laws/chi-squared.ts"
export { type Dirichlet, type DirichletOptions, dirichlet } from "./laws/dirichlet.ts"
export { type Empirical, type EmpiricalOptions, empirical } from "./laws/empirical.ts"
export { type Exponential, type ExponentialOptions, exponential } from "./laws/exponential.ts"
export { type FisherF, type FisherFOptions, fisherF } from "./laws/fisher-f.ts"
export { type Gamma, type GammaOptions, gamma } from "./laws/gamma.ts"
export { type Laplace, type LaplaceOptions, laplace } from "./laws/laplace.ts"
export { type Levy, type LevyOptions, levy } from "./laws/levy.ts"
export { type Mixture, type MixtureOptions, mixture } from "./laws/mixture.ts"
export {
  type MultivariateNormal,
  type MultivariateNormalOptions,
  multivariateNormal,
} from "./laws/multivariate-normal.ts"
export { type Normal, type NormalOptions, normal } from "./laws/normal.ts"
export { type Poisson, type PoissonOptions, poisson } from "./laws/poisson.ts"
export { type StudentT, type StudentTOptions, studentT } from "./laws/student-t.ts"
export { type Uniform, type UniformOptions, uniform } from "./laws/uniform.ts"
export {
  type Likely,
  logLikelihood,
  type MaximumLikelihood,
  type MaximumLikelihoodOptions,
  maximumLikelihood,
} from "./likelihood.ts"
export { type Kernel, type MmdOptions, type MmdTest, type MmdTestOptions, mmd, mmdTest } from "./mmd.ts"
export { type Estimate, type MonteCarloOptions, monteCarlo } from "./monte-carlo.ts"
export { type Integral, type IntegrateOptions, integrate } from "./quadrature.ts"
export { digamma, polygamma, trigamma } from "./special/digamma.ts"
export {
  erf,
  erfc,
  erfcinv,
  erfcx,
  erfinv,
  logErfc,
  logNormalCdf,
  normalCdf,
  normalQuantile,
  normalQuantileLog,
} from "./special/erf.ts"
export {
  betaFunction,
  gammaFunction,
  lgamma,
  lgamma1p,
  logBeta,
  logBinomial,
  logGammaRatio,
  stirlingError,
} from "./special/gamma.ts"
export {
  betaTails,
  incompleteBeta,
  incompleteBetaUpper,
  inverseIncompleteBeta,
} from "./special/incomplete-beta.ts"
export {
  gammaTails,
  incompleteGammaP,
  incompleteGammaQ,
  inverseIncompleteGamma,
} from "./special/incomplete-gamma.ts"
export {
  cosPi,
  log1mexp,
  log1pexp,
  log1pmx,
  logAddExp,
  logSumExp,
  sinPi,
  xlog1py,
  xlogy,
} from "./special/logs.ts"
export type { Tails } from "./special/tails.ts"
export { zeta } from "./special/zeta.ts"
export {
  type Alternative,
  type MeanTest,
  type MeanTestOptions,
  pValue,
  type Summary,
  type TwoSampleOptions,
  tTest,
  tTestPaired,
  tTestSummary,
  tTestTwoSample,
  type ZTestOptions,
  zTest,
} from "./t-test.ts"
