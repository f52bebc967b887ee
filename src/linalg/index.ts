/**
 * Linear algebra on the host: float64, synchronous, checked.
 *
 * A matrix is any real `NdArray` (its dtype is converted) or nested lists, a vector one with a single axis; results
 * are `NdArray<"float64">`, plain numbers for what is one number, and pairs of real arrays for what is complex. Where
 * a doc comment writes [..., m, n], leading axes are a batch. Wrong shapes, empty arrays, NaN and Infinity are a
 * RangeError, what the mathematics refuses (singular, not definite, overflow) a LinAlgError, both by the function's name.
 */

export { adjugate } from "./adjugate.ts"
export {
  add,
  column,
  diag,
  diagonal,
  eye,
  row,
  scale,
  subtract,
  trace,
  transpose,
} from "./arithmetic.ts"
export { cholesky, choleskySolve } from "./cholesky.ts"
export { complex, complexMatmul, complexSolve, conjTranspose, dft, vdot } from "./complex.ts"
export {
  type Definiteness,
  definiteness,
  isPositiveDefinite,
  leadingMinors,
  nearestPositiveDefinite,
  sylvester,
} from "./definite.ts"
export { type Eig, eig, eigvals, isDiagonalizable } from "./eig.ts"
export { type Eigh, eigh, eigvalsh } from "./eigh.ts"
export { expm } from "./expm.ts"
export { type Hessenberg, hessenberg } from "./hessenberg.ts"
export { distanceTo, gapBetween, type Hyperplane, hyperplane, nearestOn } from "./hyperplane.ts"
export { logm } from "./logm.ts"
export { type LeastSquares, lstsq, matrixRank, pinv } from "./lstsq.ts"
export { type Lu, type LuFactor, lu, luFactor, luSolve } from "./lu.ts"
export { type Complex, LinAlgError, type Real } from "./matrix.ts"
export { angle, cond, type MatrixNorm, norm } from "./norm.ts"
export { type Boundary, divergence, gradient, interpolate, laplacian, splat } from "./operators.ts"
export { dot, kron, matmul, matrixPower, outer, unvec, vec } from "./product.ts"
export { type Qr, qr } from "./qr.ts"
export {
  type ContourAxes,
  type CriticalKind,
  type CriticalPoint,
  type Curvature,
  contourAxes,
  criticalPoint,
  curvature,
  gaussianHeight,
  quadraticForm,
  taylor2,
} from "./quadratic.ts"
export { lowRank, randomizedSvd, truncatedSvd } from "./randomized.ts"
export { isOrthogonal, reflection, rotation } from "./rotation.ts"
export { type Schur, schur } from "./schur.ts"
export { det, inv, type SignedLogDet, slogdet, solve } from "./solve.ts"
export { sqrtm } from "./sqrtm.ts"
export { gramSchmidt, nullSpace, orth, projection } from "./subspace.ts"
export { type Svd, svd, svdvals } from "./svd.ts"
export { solveTriangular } from "./triangular.ts"
