/**
 * `tweedie/ode`: ordinary differential equations dy/dt = f(t, y), forward or back in time. `integrate` yields steps and
 * `solve` goes to the end, on flat float64 states; `integrateAsync` and `solveAsync` take batches and promised slopes.
 */
export { type AdaptiveOptions, rk45 } from "./adaptive.ts"
export { euler, type FixedOptions, heun, midpoint, rk4 } from "./fixed.ts"
export { type Coefficient, linearEquation } from "./linear.ts"
export { type Method, OdeError, type Problem, type Reached } from "./method.ts"
export {
  type AsyncSlope,
  type IntegrateOptions,
  integrate,
  integrateAsync,
  type OdeStep,
  type Slope,
  type Solution,
  type SolveOptions,
  type Span,
  solve,
  solveAsync,
} from "./solve.ts"
export type { Request } from "./tableau.ts"
