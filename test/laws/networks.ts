/** Random small networks: convolutions of all kinds, norms, activations, branches that meet again. */
import { type NdArray, sizeOf } from "../../src/engine/array.ts"
import { gelu, silu } from "../../src/engine/fused/activation.ts"
import { batchNorm, groupNorm } from "../../src/engine/fused/normalize.ts"
import { avgPool2d, maxPool2d, upsampleConv2d } from "../../src/engine/fused/pool.ts"
import { conv2d, convTranspose2d } from "../../src/engine/ops/conv.ts"
import { relu, sigmoid, tanh } from "../../src/engine/ops/elementwise.ts"
import { concat } from "../../src/engine/ops/movement.ts"
import { softmax } from "../../src/engine/ops/softmax.ts"
import { Generator } from "../../src/engine/random.ts"
import type { Tensor } from "../../src/engine/tensor.ts"

/** One step of a network on the features so far, with parameters of the given shapes. */
interface Step {
  readonly parameters: readonly (readonly number[])[]
  apply(features: readonly Tensor[], parameters: readonly Tensor[]): Tensor
}

/** A function and inputs for it: an image, then the parameters. */
export interface Network {
  readonly fn: (...inputs: Tensor[]) => Tensor
  readonly inputs: readonly NdArray[]
}

/**
 * The network that a seed makes: 1 to 20 images, 1 to 70 channels, odd sizes, a few layers and branches. Half of all
 * channel counts are made of whole blocks of the given size.
 */
export function randomNetwork(seed: number, block = 16): Network {
  const random = new Generator(1000 + seed)
  const pick = <T>(...of: readonly T[]): T => of[random.integer(of.length)]
  const width = (): number => (random.integer(2) === 0 ? block * pick(1, 2, 3, 4) : 1 + random.integer(70))
  const batch = pick(1, 2, 3, 5, 16, 17, 20)
  const input = [batch, width(), 3 + random.integer(6), 3 + random.integer(6)]
  const shapes: number[][] = [input]
  const steps: Step[] = []
  const add = (shape: number[], step: Step): void => {
    shapes.push(shape)
    steps.push(step)
  }
  const count = 3 + random.integer(4)
  while (steps.length < count) {
    const at = random.integer(Math.min(3, shapes.length))
    const from = shapes.length - 1 - at
    const [, channels, height, rows] = shapes[from]
    const kind = random.integer(10)
    if (kind <= 3) {
      const [k, stride, padding] = [pick(1, 3, 3, 5), pick(1, 1, 2), pick(0, 1, 2)]
      const sizes = [height, rows].map((n) => Math.floor((n + 2 * padding - k) / stride) + 1)
      if (sizes.some((n) => n < 1)) continue
      const isDepthwise = random.integer(6) === 0
      const groups = isDepthwise ? channels : channels % 2 === 0 && random.integer(6) === 0 ? 2 : 1
      const outer = isDepthwise ? channels : groups * Math.ceil(width() / groups)
      add([batch, outer, ...sizes], {
        parameters: [[outer, channels / groups, k, k], [outer]],
        apply: (f, [w, b]) =>
          conv2d(f[from], w.mul(1 / Math.sqrt((channels * k * k) / groups)), b, { stride, padding, groups }),
      })
    } else if (kind === 4) {
      const groups = pick(...[1, 2, 4, 8, channels].filter((g) => channels % g === 0))
      if ((height * rows * channels) / groups < 4) continue
      const isBatch = random.integer(3) === 0 && batch * height * rows >= 8
      add([batch, channels, height, rows], {
        parameters: [[channels], [channels]],
        apply: (f, [weight, bias]) =>
          isBatch ? batchNorm(f[from], { weight, bias }, 0.01).y : groupNorm(f[from], groups, { weight, bias }, 0.01),
      })
    } else if (kind === 5) {
      const fn = pick<(x: Tensor) => Tensor>(silu, gelu, relu, tanh, sigmoid, silu)
      add(shapes[from], { parameters: [], apply: (f) => fn(f[from]) })
    } else if (kind === 6) {
      const other = shapes.findIndex((s, i) => i !== from && s[2] === height && s[3] === rows)
      if (other < 0) continue
      const isSum = shapes[other][1] === channels
      add([batch, isSum ? channels : channels + shapes[other][1], height, rows], {
        parameters: [],
        apply: (f) => (isSum ? f[from].add(f[other]) : concat([f[from], f[other]], 1)),
      })
    } else if (kind === 7) {
      if (height > 6 || rows > 6) continue
      const outer = width()
      const isFused = random.integer(2) === 0
      add([batch, outer, 2 * height, 2 * rows], {
        parameters: [isFused ? [outer, channels, 3, 3] : [channels, outer, 4, 4], [outer]],
        apply: (f, [w, b]) => {
          const scaled = w.mul(1 / Math.sqrt(channels * 4))
          return isFused
            ? upsampleConv2d(f[from], scaled, b)
            : convTranspose2d(f[from], scaled, b, { stride: 2, padding: 1 })
        },
      })
    } else if (kind === 8) {
      if (height < 3 || rows < 3) continue
      const [size, stride, padding] = pick([2, 2, 0], [3, 2, 1])
      const sizes = [height, rows].map((n) => Math.floor((n + 2 * padding - size) / stride) + 1)
      const pool = pick(maxPool2d, avgPool2d)
      add([batch, channels, ...sizes], { parameters: [], apply: (f) => pool(f[from], size, { stride, padding }) })
    } else {
      add(shapes[from], {
        parameters: [
          [batch, channels],
          [channels, 1, 1],
        ],
        apply: (f, [shift, scale]) => {
          const flat = softmax(f[from].mean({ axes: [2, 3] }).add(shift), 1)
          return f[from].mul(scale).add(flat.reshape([batch, channels, 1, 1]))
        },
      })
    }
  }
  const all = [input, ...steps.flatMap((s) => s.parameters)]
  const inputs = all.map((shape): NdArray => {
    const data = Float32Array.from({ length: sizeOf(shape) }, () => random.normal())
    return { dtype: "float32", shape, data }
  })
  const fn = (x: Tensor, ...parameters: Tensor[]): Tensor => {
    const features = [x]
    let next = 0
    for (const step of steps) {
      features.push(step.apply(features, parameters.slice(next, next + step.parameters.length)))
      next += step.parameters.length
    }
    return features[features.length - 1]
  }
  return { fn, inputs }
}
