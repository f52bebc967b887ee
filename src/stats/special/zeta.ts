/** The zeta function of Hurwitz, from which Riemann's, the polygamma functions and several series take their numbers. */

// Bernoulli numbers B_2, B_4, ... divided by (2k)!
const bernoulli = [
  1 / 12,
  -1 / 720,
  1 / 30240,
  -1 / 1209600,
  1 / 47900160,
  -691 / 1307674368000,
  1 / 74724249600,
  -3617 / 10670622842880000,
  43867 / 5109094217170944000,
] as const

/**
 * Hurwitz's zeta function, sum over n >= 0 of (n + q)^-s, for s > 1 and q > 0; Riemann's is the default q = 1.
 * Nine terms of the sum and Euler and Maclaurin's remainder (DLMF 25.11.43).
 *
 * @throws RangeError outside s > 1, q > 0.
 */
export function zeta(s: number, q = 1): number {
  if (!(s > 1)) throw new RangeError(`zeta: s is ${s}, expected a number above 1`)
  if (!(q > 0)) throw new RangeError(`zeta: q is ${q}, expected a number above 0`)
  if (s === Infinity) return q > 1 ? 0 : q === 1 ? 1 : Infinity
  if (q === Infinity) return 0
  let sum = 0
  let w = q
  for (; w < q + 10 || w < s / 4; w++) {
    const term = w ** -s
    sum += term
    if (term < sum * 1e-18) return sum
  }
  sum += w ** (1 - s) / (s - 1) + w ** -s / 2
  let factor = s * w ** (-s - 1)
  for (let k = 0; k < bernoulli.length; k++) {
    const term = bernoulli[k] * factor
    sum += term
    if (Math.abs(term) < Math.abs(sum) * 1e-17) break
    factor *= ((s + 2 * k + 1) * (s + 2 * k + 2)) / (w * w)
  }
  return sum
}
