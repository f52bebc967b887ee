/** Layers that halve and double a map's size, with the parameter names of diffusers. */
import { array } from "../engine/array.ts"
import { upsampleConv2d } from "../engine/fused/pool.ts"
import { conv2d, convTranspose2d } from "../engine/ops/conv.ts"
import { UsageError } from "../engine/shape.ts"
import { constant, type Tensor } from "../engine/tensor.ts"
import { Conv2d } from "./conv.ts"

/** A 3x3 convolution of stride 2: half the size. With padding 0 it sees one row and column of zeros at the end only. */
export class Downsampler {
  readonly conv: Conv2d

  constructor(channels: number, { padding = 1 }: { readonly padding?: number } = {}) {
    if (padding !== 0 && padding !== 1)
      throw new UsageError(`Downsampler: padding is ${padding}, expected 0 or 1 (any other does not halve the size)`)
    const sides = padding === 0 ? ([0, 1] as const) : 1
    this.conv = new Conv2d(channels, channels, 3, { stride: 2, padding: [sides, sides] })
  }

  forward(x: Tensor): Tensor {
    return this.conv.forward(x)
  }
}

/** {@link upsampleConv2d} as a layer: `[batch, channels, h, w]` to `[batch, channels, 2h, 2w]`. */
export class Upsampler {
  readonly conv: Conv2d

  constructor(channels: number) {
    this.conv = new Conv2d(channels, channels, 3, { padding: 1 })
  }

  forward(x: Tensor): Tensor {
    return upsampleConv2d(x, this.conv.weight, this.conv.bias)
  }
}

/** The outer product of (1, 3, 3, 1) with itself for every channel, `[channels, 1, 4, 4]`, its sum being `gain`. */
function binomial(x: Tensor, gain: number): Tensor {
  const taps = [1, 3, 3, 1]
  const kernel = Float32Array.from({ length: 16 }, (_, i) => (gain * taps[i >> 2] * taps[i & 3]) / 64)
  return constant(array("float32", [1, 1, 4, 4], kernel)).broadcastTo([x.shape[1], 1, 4, 4])
}

/**
 * Half the size of `[batch, channels, h, w]` by the filter (1, 3, 3, 1) / 8 along both sides, without parameters. Source: Song
 * et al. 2021, "Score-based", appendix H.
 */
export function firDown(x: Tensor): Tensor {
  return conv2d(x, binomial(x, 1), null, { stride: 2, padding: 1, groups: x.shape[1] })
}

/** Twice the size by a binomial filter, without parameters: the transpose of {@link firDown}, times 4. */
export function firUp(x: Tensor): Tensor {
  return convTranspose2d(x, binomial(x, 4), null, { stride: 2, padding: 1, groups: x.shape[1] })
}
