/** Pooling, and upsampling followed by convolution. */
import { ranges } from "../array.ts"
import { apply, type Op } from "../graph.ts"
import { conv2d } from "../ops/conv.ts"
import { maximum } from "../ops/elementwise.ts"
import { blockSum, upsample } from "../ops/resize.ts"
import { pad } from "../ops/slice.ts"
import { formatShape, UsageError } from "../shape.ts"
import { constant, type Tensor } from "../tensor.ts"
import { fused } from "./fused.ts"

interface Window {
  readonly size: number
  readonly stride: number
  readonly padding: number
}

/** Every position of the window as a strided slice of the padded input. */
function taps(x: Tensor, { size, stride, padding }: Window, value: number): Tensor[] {
  const [, , height, width] = x.shape
  const out = [height, width].map((n) => Math.floor((n + 2 * padding - size) / stride) + 1)
  if (out.some((n) => n < 1))
    throw new UsageError(`pooling: window ${size} is larger than the padded input ${formatShape(x.shape)}`)
  const padded = pad(
    x,
    [
      [0, 0],
      [0, 0],
      [padding, padding],
      [padding, padding],
    ],
    value,
  )
  return Array.from({ length: size * size }, (_, k) => {
    const at = [Math.floor(k / size), k % size]
    return padded.slice([null, null, ...at.map((a, i) => [a, a + (out[i] - 1) * stride + 1, stride] as const)])
  })
}

const maxPoolOp = fused<Window>("maxPool", "largest value of each window", ([x], window) => {
  const [batch, channels, height, width] = x.shape
  const { size, stride, padding } = window
  if (stride === size && padding === 0 && height % size === 0 && width % size === 0) {
    return x.reshape([batch, channels, height / size, size, width / size, size]).max({ axes: [3, 5] })
  }
  // The least finite number: an infinity would become NaN where it meets a zero gradient.
  return taps(x, window, ranges[x.dtype][0]).reduce((a, b) => maximum(a, b))
})

const avgPoolOp = fused<Window>("avgPool", "mean of each window, padding included", ([x], window) => {
  const { size, stride, padding } = window
  if (stride === size && padding === 0 && x.shape[2] % size === 0 && x.shape[3] % size === 0) {
    return blockSum(x, size).mul(1 / (size * size))
  }
  const channels = x.shape[1]
  const kernel = constant(1 / (size * size), x.dtype).broadcastTo([channels, 1, size, size])
  return conv2d(x, kernel, null, { stride, padding, groups: channels })
})

/** Geometry of pooling. */
export interface PoolOptions {
  /** Positions from one window to the next; the window's size unless given. */
  readonly stride?: number
  /** Positions outside x on every side, at most half of the window's size; default 0. */
  readonly padding?: number
}

function windowOf(where: string, x: Tensor, size: number, stride: number, padding: number): Window {
  if (x.rank !== 4)
    throw new UsageError(`${where}: input is ${formatShape(x.shape)}, expected [batch, channels, height, width]`)
  const whole = (n: number, least: number): boolean => Number.isInteger(n) && n >= least
  if (!whole(size, 1) || !whole(stride, 1) || !whole(padding, 0))
    throw new UsageError(`${where}: size and stride must be whole numbers from 1, padding from 0`)
  // A window that lies in the padding alone has no largest value.
  if (2 * padding > size)
    throw new UsageError(`${where}: padding is ${padding}, expected at most half of the window's size ${size}`)
  return { size, stride, padding }
}

/**
 * Largest value of each `size` x `size` window (2 unless given) of `[batch, channels, height, width]`. A side of n positions
 * becomes one of floor((n + 2 padding - size) / stride) + 1; padding never wins. Equal largest values share the gradient.
 *
 * @throws UsageError for another number of axes, sizes that are no whole numbers, or a window larger than the padded x.
 */
export function maxPool2d(x: Tensor, size = 2, { stride = size, padding = 0 }: PoolOptions = {}): Tensor {
  return apply(maxPoolOp, [x], windowOf("maxPool2d", x, size, stride, padding))
}

/**
 * Mean of each `size` x `size` window (2 unless given) of `[batch, channels, height, width]`; padded zeros count. Sides and
 * errors are as {@link maxPool2d} has them.
 */
export function avgPool2d(x: Tensor, size = 2, { stride = size, padding = 0 }: PoolOptions = {}): Tensor {
  return apply(avgPoolOp, [x], windowOf("avgPool2d", x, size, stride, padding))
}

const upsampleConvOp = fused<object>(
  "upsampleConv",
  "nearest upsampling by 2, then a 3x3 convolution",
  ([x, weight, bias]) => conv2d(upsample(x, 2), weight, bias ?? null, { padding: 1 }),
)

/**
 * Nearest upsampling by 2 followed by a 3x3 convolution of padding 1: `[batch, in, h, w] -> [batch, out, 2h, 2w]`.
 * Weight is `[out, in, 3, 3]`, bias `[out]`.
 * One op, because a device can do both at once for 4/9 of the arithmetic.
 *
 * @throws UsageError when the kernel is of another size.
 */
export function upsampleConv2d(x: Tensor, weight: Tensor, bias: Tensor | null = null): Tensor {
  if (weight.rank !== 4 || weight.shape[2] !== 3 || weight.shape[3] !== 3)
    throw new UsageError(`upsampleConv2d: weight is ${formatShape(weight.shape)}, expected [out, in, 3, 3]`)
  return apply(upsampleConvOp, bias === null ? [x, weight] : [x, weight, bias], {})
}

/** All records of this file. */
export const poolOps: readonly Op[] = [maxPoolOp, avgPoolOp, upsampleConvOp] as readonly Op[]
