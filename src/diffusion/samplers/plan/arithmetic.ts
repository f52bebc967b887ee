/** The arithmetic that a plan's numbers are worked out in: float64, or that of another's float32. */

/** What depends on it. */
export interface Arithmetic {
  /** Rounds a result. */
  round(x: number): number
  sqrt(x: number): number
  /** e^x - 1. */
  expm1(x: number): number
}

/** Numbers as they are, in float64. */
export const float64: Arithmetic = { round: (x) => x, sqrt: Math.sqrt, expm1: Math.expm1 }
