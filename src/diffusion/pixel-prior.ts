/** A network that says what each pixel may be, and Bayes' rule, which says what it then is on average. */
import { greater, where } from "../engine/ops/compare.ts"
import { exp, log, maximum, round, softplus, stopGradient } from "../engine/ops/elementwise.ts"
import { formatShape, UsageError } from "../engine/shape.ts"
import type { Tensor } from "../engine/tensor.ts"
import type { Network } from "./denoiser.ts"
import type { Process } from "./process.ts"

/** Half the distance of two bytes in [-1, 1]. */
const half = 1 / 255

/**
 * Predicts x0 of images of bytes from a network with four outputs for each number: the logits of black and of white
 * (against anything between), and mean and width of a Gaussian over what lies between. With x_t = a x0 + s eps, Bayes' rule
 * weighs black and white by exp(logit) N(x_t; -a or a, s^2) and the rest by N(x_t; a m, s^2 + a^2 w^2), within which x0 is
 * N(g, v) with g = (m s^2 + w^2 a x_t) / (s^2 + a^2 w^2) and v = s^2 w^2 / (s^2 + a^2 w^2), on the bytes alone where that
 * is narrower than they are apart.
 *
 * So where there is little noise x0 is exact without the network having to copy what it sees: a pixel near black is
 * black, one near a byte is that byte. Nearly all of a digit's pixels are of that kind, and the bound counts low noise as
 * much as high; a plain U-Net of a few minutes needs three times the bits. Join it by `predict: "x0"`.
 *
 * @example denoiser(new PixelPrior(new UNet({ outputs: 4 }), process), process, { predict: "x0" })
 */
export class PixelPrior<N extends Network> implements Network {
  readonly network: N
  readonly shape: readonly number[]
  readonly #process: Process

  /** @throws RangeError when samples are no images, or the process tells networks levels that cannot be read back. */
  constructor(network: N, process: Process) {
    if (network.shape.length !== 3)
      throw new RangeError(
        `PixelPrior: got samples of shape [${network.shape.join(", ")}], expected images [channels, height, width]`,
      )
    this.network = network
    this.shape = network.shape
    this.#process = process
  }

  /** Images `[batch, channels, height, width]` -> x0 of the same shape. */
  forward(x: Tensor, t: Tensor, labels?: Tensor, given?: Tensor): Tensor {
    const output = this.network.forward(x, t, labels, given)
    if (output.shape[1] !== 4 * x.shape[1])
      throw new UsageError(
        `PixelPrior: the network gave ${formatShape(output.shape)} for ${formatShape(x.shape)}, expected four times the channels`,
      )
    const [black, white, middle, width] = output.split(4, 1)
    return posteriorMean(x, this.#process.scalesTold(t, x.rank), {
      black,
      white,
      middle,
      width: softplus(width).add(half),
    })
  }
}

/** What a pixel may be: black or white by logits, or between, with a Gaussian's mean and standard deviation. */
interface Prior {
  readonly black: Tensor
  readonly white: Tensor
  readonly middle: Tensor
  readonly width: Tensor
}

/** E[x0 | x_t], each number by itself. */
function posteriorMean(
  x: Tensor,
  [signal, sigma]: readonly [signal: Tensor, sigma: Tensor],
  { black, white, middle, width }: Prior,
): Tensor {
  const noise = sigma.square()
  const spread = width.mul(signal).square()
  const whole = spread.add(noise)
  // Less than log N(x_t; ...) by what all three have.
  const atom = (logit: Tensor, at: Tensor): Tensor => logit.sub(x.sub(at).square().div(noise.mul(2)))
  const mean = middle.mul(noise).add(width.square().mul(signal).mul(x)).div(whole)
  const between = onBytes(mean, noise.mul(width.square()).div(whole))
  const logits = [
    atom(black, signal.neg()),
    atom(white, signal),
    log(whole.div(noise))
      .add(x.sub(middle.mul(signal)).square().div(whole))
      .mul(-0.5)
      .add(between.logMass),
  ]
  const most = stopGradient(logits.reduce((a, b) => maximum(a, b)))
  const [b, w, g] = logits.map((l) => exp(l.sub(most)))
  return w.sub(b).add(g.mul(between.mean)).div(b.add(w).add(g))
}

/** A Gaussian on bytes: its mean there, and the log of what all of them have of it, which is 0 of a wide one. */
interface OnBytes {
  readonly mean: Tensor
  readonly logMass: Tensor
}

/**
 * N(mean, variance) taken at bytes alone. With a standard deviation of 0.7 of their distance or more, the mean stays to 1e-3
 * of it and the mass is 1; of a narrower one the five nearest bytes have all.
 */
function onBytes(mean: Tensor, variance: Tensor): OnBytes {
  const step = 2 * half
  const nearest = stopGradient(round(mean.add(1).mul(1 / step)))
    .mul(step)
    .sub(1)
  const offsets = [-2, -1, 0, 1, 2].map((k) => step * k)
  const apart = nearest.sub(mean)
  const twice = maximum(variance, 1e-12).mul(2)
  // Relative to the nearest, at distance d, the byte k further has exp(-(2 d k + k^2) / 2 v), at most 1.
  const shares = offsets.map((k) =>
    exp(
      apart
        .mul(2 * k)
        .add(k * k)
        .div(twice)
        .neg(),
    ),
  )
  const sum = (parts: readonly Tensor[]): Tensor => parts.reduce((a, b) => a.add(b))
  const total = sum(shares)
  const logMass = log(total.mul(step / Math.sqrt(Math.PI)))
    .sub(log(twice).mul(0.5))
    .sub(apart.square().div(twice))
  const shift = sum(shares.map((share, i) => share.mul(offsets[i]))).div(total)
  const isWide = greater(variance, (0.7 * step) ** 2)
  return { mean: where(isWide, mean, nearest.add(shift)), logMass: where(isWide, 0, logMass) }
}
