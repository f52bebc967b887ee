/** The law of scale X + shift. */

import { finite } from "../check.ts"
import { continuous } from "../continuous.ts"
import type { Continuous, Entropic, Generating, Spread } from "../law.ts"
import { mirrored } from "../special/tails.ts"

/** Factor and summand. */
export interface AffineOptions {
  scale?: number
  shift?: number
}

/** The law of scale X + shift has a mean, an entropy or a moment generating function where X's has. */
export type Affine<C extends Continuous> = Continuous &
  ([C] extends [Spread] ? Spread : unknown) &
  ([C] extends [Entropic] ? Entropic : unknown) &
  ([C] extends [Generating] ? Generating : unknown) & {
    readonly law: C
    readonly scale: number
    readonly shift: number
  }

/**
 * The law of Z = scale X + shift, density f_X((z - shift) / scale) / |scale|: by the magnitude of the scale, so that
 * it is positive for a negative one too (notes 004 print f(z / mu) / mu).
 *
 * @throws RangeError unless scale is finite and not 0 and shift is finite.
 */
export function affine<C extends Continuous>(law: C, { scale = 1, shift = 0 }: AffineOptions = {}): Affine<C> {
  finite("affine", "scale", scale)
  finite("affine", "shift", shift)
  if (scale === 0) throw new RangeError("affine: scale is 0, expected another number (the result would be a point)")
  const logSize = Math.log(Math.abs(scale))
  const ends = law.support.map((x) => scale * x + shift)
  const back = (z: number): number => (z - shift) / scale
  const members: Partial<Spread & Entropic & Generating> = {
    ...("mean" in law && typeof law.mean === "number" ? { mean: scale * law.mean + shift } : {}),
    ...("variance" in law && typeof law.variance === "number" ? { variance: scale * scale * law.variance } : {}),
    ...(has<Entropic>(law, "entropy") ? { entropy: () => law.entropy() + logSize } : {}),
    ...(has<Generating>(law, "mgf") ? { mgf: (t: number) => Math.exp(shift * t) * law.mgf(scale * t) } : {}),
  }
  return Object.freeze({
    ...continuous({
      name: "affine",
      support: [Math.min(...ends), Math.max(...ends)],
      logProb: (z) => law.logProb(back(z)) - logSize,
      tails(z) {
        const x = back(z)
        const tails = { lower: law.cdf(x), upper: law.sf(x), logLower: law.logCdf(x), logUpper: law.logSf(x) }
        return scale > 0 ? tails : mirrored(tails)
      },
      quantile(p, q) {
        const [below, above] = scale > 0 ? [p, q] : [q, p]
        return scale * (below <= above ? law.quantile(below) : law.upperQuantile(above)) + shift
      },
      draw: (generator) => scale * law.sample(1, generator)[0] + shift,
    }),
    ...members,
    law,
    scale,
    shift,
  }) as unknown as Affine<C>
}

function has<T extends object>(law: object, member: keyof T & string): law is T {
  return member in law
}
