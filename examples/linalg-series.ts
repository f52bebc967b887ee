/** The power series of exp and log, of numbers and of matrices: where they converge, and where only expm and logm help. */

import { fileURLToPath } from "node:url"
import { add, eye, matmul, type Real, scale, subtract } from "../src/linalg/index.ts"

/** sum_{i <= terms} a^i / i!, for every a. (Notes 003, D1.7.) */
export function expSeries(a: number, terms = 40): number {
  let term = 1
  let sum = 1
  for (let i = 1; i <= terms; i++) {
    term *= a / i
    sum += term
  }
  return sum
}

/**
 * sum_{i <= terms} (-1)^(i + 1) (a - 1)^i / i, which converges for 0 < a <= 2 only. (Notes 003, D1.9 say for every
 * real; at a = 3 ten terms give -64.8.)
 */
export function logSeries(a: number, terms = 40): number {
  let power = 1
  let sum = 0
  for (let i = 1; i <= terms; i++) {
    power *= a - 1
    sum += (i % 2 === 1 ? power : -power) / i
  }
  return sum
}

/** The same series for a square matrix [n, n]. (Notes 003, D1.8.) */
export function expmSeries(a: Real, terms = 40): Real {
  let term = eye(a.shape[0])
  let sum = term
  for (let i = 1; i <= terms; i++) {
    term = scale(1 / i, matmul(term, a))
    sum = add(sum, term)
  }
  return sum
}

/** The same series for a square matrix [n, n] whose A - I has a spectral radius below 1. (Notes 003, D1.10.) */
export function logmSeries(a: Real, terms = 40): Real {
  const step = subtract(a, eye(a.shape[0]))
  let power = step
  let sum = step
  for (let i = 2; i <= terms; i++) {
    power = matmul(power, step)
    sum = add(sum, scale((i % 2 === 1 ? 1 : -1) / i, power))
  }
  return sum
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  console.log(`exp 1: series ${expSeries(1)}, Math.exp ${Math.E}`)
  for (const a of [0.5, 1.5, 2, 3])
    console.log(`log ${a}: 10 terms ${logSeries(a, 10)}, 1000 terms ${logSeries(a, 1000)}, Math.log ${Math.log(a)}`)
}
