/**
 * `tweedie/minimize`: minimisers, root finding and stationarity under constraints, for any differentiable program or a
 * plain function of Float64Array, in float64. Methods are nouns with their options; `iterate` yields steps and
 * `minimize` goes to the end, on the host; `iterateAsync` and `minimizeAsync` compile the function.
 */
export { bfgs, bfgsInverse, bfgsUpdate, type LbfgsOptions, lbfgs } from "./bfgs.ts"
export { type ConjugateOptions, conjugateGradient } from "./conjugate.ts"
export { type BoxOptions, type Convexity, convexity, isConvexSet } from "./convexity.ts"
export {
  type At,
  conditionAt,
  curvatureAt,
  definitenessAt,
  hessianAt,
  lipschitz,
  type Problem,
  plConstant,
  strongConvexity,
} from "./curvature.ts"
export { type DescentOptions, gradientDescent } from "./descent.ts"
export { type Stationary, type StationaryOptions, stationary } from "./lagrange.ts"
export type { Extremes, LanczosOptions } from "./lanczos.ts"
export { linearCg, type SolveCgOptions, solveCg } from "./linear.ts"
export { type ModifiedCholesky, modifiedCholesky, type NewtonOptions, newton } from "./newton.ts"
export { type AsyncObjective, type Objective, quadratic } from "./objective.ts"
export {
  type Arrays,
  type CompiledProgram,
  compiled,
  type Layout,
  type Program,
  program,
  type System,
} from "./program.ts"
export { type Bracket, bisection, brent, findRoot, type Root, type RootOptions } from "./root.ts"
export {
  type Answer,
  type Ask,
  type Context,
  type Ending,
  type Evaluated,
  type Method,
  MinimizeError,
  type Move,
  type Point,
  type Routine,
} from "./routine.ts"
export {
  iterate,
  iterateAsync,
  type MinimizeAsyncOptions,
  type MinimizeOptions,
  type Minimum,
  minimize,
  minimizeAsync,
  type Step,
} from "./run.ts"
export { type LineSearch, type LineSearchOptions, lineSearch } from "./search.ts"
export { type LeastSquaresFit, type LeastSquaresOptions, leastSquares } from "./squares.ts"
export {
  newtonRoot,
  type SystemOptions,
  type SystemRoot,
  type SystemStep,
  solveSystem,
} from "./system.ts"
export { newtonCg, type TrustOptions, trustRegion } from "./truncated.ts"
export type { Trial, WolfeOptions } from "./wolfe.ts"
