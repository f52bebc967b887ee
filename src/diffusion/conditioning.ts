/** What training needs to condition a network: dropped labels, and something given beside the noisy sample. */
import type { NdArray } from "../engine/array.ts"
import { array } from "../engine/array.ts"
import { filled, randomUniform } from "../engine/create.ts"
import { less, where } from "../engine/ops/compare.ts"
import { concat } from "../engine/ops/movement.ts"
import { blockSum, upsample } from "../engine/ops/resize.ts"
import { formatShape, UsageError } from "../engine/shape.ts"
import type { Tensor } from "../engine/tensor.ts"
import type { Objective } from "../train/objective.ts"
import type { Network } from "./denoiser.ts"

/**
 * The objective with some labels, each with chance `share`, replaced by the one that stands for none: a network trained
 * on it is conditional and unconditional at once, as classifier-free guidance wants it.
 * Source: Ho and Salimans 2022, algorithm 1 (share 0.1 to 0.2).
 *
 * @throws RangeError when the share is not from 0 to 1.
 */
export function dropLabels(
  objective: Objective,
  { none, share = 0.1 }: { readonly none: number; readonly share?: number },
): Objective {
  if (!(share >= 0 && share <= 1)) throw new RangeError(`dropLabels: got share ${share}, expected a number from 0 to 1`)
  if (!(Number.isInteger(none) && none >= 0))
    throw new RangeError(`dropLabels: got none ${none}, expected the label of no class, a whole number from 0`)
  return {
    variables: objective.variables,
    loss: (batch) => {
      if (batch.y === undefined) throw new UsageError("dropLabels: the data have no labels")
      const isDropped = less(randomUniform(batch.y.shape), share)
      return objective.loss({ ...batch, y: where(isDropped, filled(batch.y.shape, none, "int32"), batch.y) })
    },
  }
}

/**
 * The objective whose network is given something made of each clean sample.
 *
 * @example given(simple(model), (x0) => smaller(x0, 4)) // super-resolution
 */
export function given(objective: Objective, of: (x0: Tensor) => Tensor): Objective {
  return {
    variables: objective.variables,
    loss: (batch) => objective.loss({ ...batch, given: of(batch.x) }),
  }
}

/** Means of blocks of `factor` x `factor` pixels: `[batch, c, h, w] -> [batch, c, h / factor, w / factor]`. */
export function smaller(x: Tensor, factor: number): Tensor {
  return blockSum(x, factor).mul(1 / factor ** 2)
}

/** {@link smaller} of arrays, `[count, c, h, w]`: the images that super-resolution begins with. */
export function smallerImages(x: NdArray<"float32">, factor: number): NdArray<"float32"> {
  const [count, channels, height, width] = x.shape
  const [h, w] = [height / factor, width / factor]
  if (x.shape.length !== 4 || !(Number.isInteger(factor) && factor >= 1 && Number.isInteger(h) && Number.isInteger(w)))
    throw new RangeError(
      `smallerImages: got ${formatShape(x.shape)} by ${factor}, expected [count, channels, height, width] that it divides`,
    )
  const out = new Float32Array(count * channels * h * w)
  for (let i = 0; i < x.data.length; i++) {
    const plane = Math.floor(i / (height * width))
    const row = Math.floor((i % (height * width)) / width)
    out[(plane * h + Math.floor(row / factor)) * w + Math.floor((i % width) / factor)] += x.data[i] / factor ** 2
  }
  return array("float32", [count, channels, h, w], out)
}

/**
 * A network that sees images beside its noisy ones, such as small ones to be made large: those that are given,
 * `[batch, extra, h / k, w / k]`, are enlarged to the size of the noisy ones by repeated pixels and follow them as more
 * channels. The network within takes `channels + extra` channels and gives as many; those of the image are kept, so for
 * a learned variance its `outputs` are 2. Source: Saharia et al. 2021 (SR3), section 2.4.
 *
 * @example new Concatenated(new UNet({ channels: 2, size: 28 }), 1)
 */
export class Concatenated<N extends Network> implements Network {
  readonly network: N
  /** Shape of one sample, without what is given. */
  readonly shape: readonly number[]

  /** @throws RangeError when the network takes no more channels than those that are given. */
  constructor(network: N, extra: number) {
    const [channels, ...size] = network.shape
    if (network.shape.length !== 3 || !(Number.isInteger(extra) && extra >= 1 && extra < channels))
      throw new RangeError(
        `Concatenated: got ${extra} channels given for a network of [${network.shape.join(", ")}], expected from 1 to fewer than it takes`,
      )
    this.network = network
    this.shape = [channels - extra, ...size]
  }

  forward(x: Tensor, t: Tensor, labels?: Tensor, seen?: Tensor): Tensor {
    const [channels, height, width] = this.shape
    const extra = this.network.shape[0] - channels
    const factor = seen === undefined ? 0 : height / seen.shape[2]
    if (seen === undefined || seen.shape[1] !== extra || !Number.isInteger(factor) || seen.shape[3] * factor !== width)
      throw new UsageError(
        `Concatenated: got ${seen === undefined ? "nothing" : formatShape(seen.shape)} given, expected [batch, ${extra}, ${height} / k, ${width} / k]`,
      )
    const output = this.network.forward(concat([x, factor === 1 ? seen : upsample(seen, factor)], 1), t, labels)
    const wide = this.network.shape[0]
    const parts = Array.from({ length: output.shape[1] / wide }, (_, i) =>
      output.slice([null, [i * wide, i * wide + channels]]),
    )
    return parts.length === 1 ? parts[0] : concat(parts, 1)
  }
}
