/** Optimal transport and distances between samples in float64 on the host: `tweedie/transport`. */

export { fitGaussian, frechetDistance, type Gaussian, mahalanobis } from "../stats/gaussian.ts"
export { type Kernel, type MmdOptions, type MmdTest, type MmdTestOptions, mmd, mmdTest } from "../stats/mmd.ts"
export { type Atoms, type BarycenterOptions, barycenter1d, type Cloud, displacement } from "./barycenter.ts"
export { type DistancesOptions, distances, type Metric } from "./distances.ts"
export {
  type GaussianBarycenter,
  type GaussianBarycenterOptions,
  type GaussianMap,
  type GaussianParts,
  gaussianBarycenter,
  gaussianGeodesic,
  gaussianMap,
  gaussianWasserstein,
} from "./gaussian.ts"
export { type DirectedHausdorff, directedHausdorff, hausdorff } from "./hausdorff.ts"
export { type ImageBarycenter, type ImageBarycenterOptions, imageBarycenter } from "./image-barycenter.ts"
export { type Coupling, type CouplingOptions, monotoneCoupling } from "./monotone.ts"
export { type OptimalTransport, type OptimalTransportOptions, optimalTransport } from "./optimal-transport.ts"
export { type Sinkhorn, type SinkhornOptions, type SinkhornSteps, sinkhorn } from "./sinkhorn.ts"
export {
  type SinkhornDivergence,
  type SinkhornDivergenceOptions,
  sinkhornDivergence,
} from "./sinkhorn-divergence.ts"
export {
  type WassersteinLawsOptions,
  type WassersteinLineOptions,
  type WassersteinOptions,
  wasserstein,
  wasserstein1d,
  wassersteinLaws,
} from "./wasserstein.ts"
