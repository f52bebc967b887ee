/** Pi by throwing points at a square: the share inside the quadrant, times 4, with its error bar. */

import { fileURLToPath } from "node:url"
import { type Estimate, monteCarlo } from "../src/stats/index.ts"

/** Four Monte Carlo steps: a domain, inputs drawn from it, a computation on each, and their mean. */
export function estimatePi(count: number, seed = 0): Estimate {
  return monteCarlo(
    (generator) => {
      const x = generator.uniform()
      const y = generator.uniform()
      return x * x + y * y < 1 ? 4 : 0
    },
    { count, source: seed },
  )
}

/** Standard deviation of one throw: 4 sqrt(p (1 - p)) with p = pi / 4, about 1.642. */
export const spreadOfThrow: number = Math.sqrt(Math.PI * (4 - Math.PI))

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  for (const count of [100, 10_000, 1_000_000]) {
    const { mean, error } = estimatePi(count)
    console.log(`${count} points: ${mean} +- ${error} (off by ${mean - Math.PI})`)
  }
}
