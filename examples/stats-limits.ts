/** The two limit theorems as numbers: means settle on the expectation, and their errors become normal. */

import { fileURLToPath } from "node:url"
import {
  type Continuous,
  cauchy,
  exponential,
  ksTest,
  mean,
  normal,
  type Spread,
  standardize,
  uniform,
} from "../src/stats/index.ts"

/** Means of the first n draws for n = 1, 10, 100, ... up to `count`. */
export function runningMeans(law: Continuous, count: number, seed = 0): { n: number; mean: number }[] {
  const draws = law.sample(count, seed)
  const out: { n: number; mean: number }[] = []
  for (let n = 1; n <= count; n *= 10) out.push({ n, mean: mean(draws.subarray(0, n)) })
  return out
}

/** Means of m draws, repeated k times. */
export function meansOf(law: Continuous, m: number, k: number, seed = 0): Float64Array {
  const draws = law.sample(m * k, seed)
  return Float64Array.from({ length: k }, (_, i) => mean(draws.subarray(i * m, (i + 1) * m)))
}

/** Largest distance of the distribution of means of m draws from the normal law the theorem names. */
export function distanceToNormal(law: Continuous & Spread, m: number, k: number, seed = 0): number {
  const limit = normal({ mean: law.mean, std: Math.sqrt(law.variance / m) })
  return ksTest(meansOf(law, m, k, seed), limit).statistic
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  console.log("running means of a uniform law, and of a Cauchy law, which has no expectation to settle on")
  const wild = runningMeans(cauchy(), 1_000_000)
  runningMeans(uniform(), 1_000_000).forEach((at, i) => {
    console.log(`${at.n}: ${at.mean}   ${wild[i].mean}`)
  })
  console.log("distance of means of m exponential draws from the normal law")
  for (const m of [1, 4, 16, 64]) console.log(`${m}: ${distanceToNormal(exponential(), m, 20_000)}`)
  console.log(`standardised means of 64: ${standardize(meansOf(exponential(), 64, 5)).join(" ")}`)
}
