/** Weights of training by the signal-to-noise ratio: what each objective makes of a squared error of x0. */
import { minimum } from "../engine/ops/elementwise.ts"
import type { Tensor } from "../engine/tensor.ts"

/**
 * The weight of a squared error of x0 at signal-to-noise ratio signal^2 / sigma^2 (of any shape). Errors of other
 * predictions are errors of x0 times a function of the level, so one weight serves all: see `Denoiser.gain`.
 */
export type Weighting = (snr: Tensor) => Tensor

/** The ratio itself: equal weights for errors of eps. The simple objective of Ho et al. 2020 for every prediction; denoising score matching weighed by sigma^2. */
export const bySnr: Weighting = (snr) => snr

/** The ratio plus one: equal weights for errors of v. Source: Salimans and Ho 2022, section 4. */
export const bySnrPlusOne: Weighting = (snr) => snr.add(1)

/** At most gamma: early times no longer outweigh the rest. Source: Hang et al. 2023, equation 4 (gamma 5). */
export function minSnr(gamma = 5): Weighting {
  if (!(gamma > 0)) throw new RangeError(`minSnr: got gamma ${gamma}, expected a number above 0`)
  return (snr) => minimum(snr, gamma)
}

/**
 * snr / (k + snr)^gamma: perceptual times, where coarse contents are decided, weigh more.
 * Source: Choi et al. 2022 (P2), equation 8 (k 1, gamma 1, for errors of eps).
 */
export function p2({ k = 1, gamma = 1 }: { readonly k?: number; readonly gamma?: number } = {}): Weighting {
  if (!(k > 0 && gamma >= 0)) throw new RangeError(`p2: got k ${k} and gamma ${gamma}, expected k > 0 and gamma >= 0`)
  return (snr) => snr.div(snr.add(k).pow(gamma))
}

/**
 * EDM's (sigma^2 + sigmaData^2) / (sigma sigmaData)^2, which is snr + 1 / sigmaData^2: equal weights for errors of its
 * network's output. Source: Karras et al. 2022, table 1.
 */
export function edmWeight(sigmaData = 0.5): Weighting {
  if (!(sigmaData > 0)) throw new RangeError(`edmWeight: got sigmaData ${sigmaData}, expected a number above 0`)
  return (snr) => snr.add(1 / sigmaData ** 2)
}
