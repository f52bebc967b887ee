/** Cases for devices: ops at sizes that fill whole blocks, miss them, or fill them in part. */
import { type NdArray, sizeOf } from "../../src/engine/array.ts"
import { gelu, silu } from "../../src/engine/fused/activation.ts"
import { attention, linear } from "../../src/engine/fused/attention.ts"
import { batchNorm, groupNorm, layerNorm } from "../../src/engine/fused/normalize.ts"
import { avgPool2d, maxPool2d, upsampleConv2d } from "../../src/engine/fused/pool.ts"
import { type ConvOptions, conv1d, conv2d, convTranspose2d } from "../../src/engine/ops/conv.ts"
import { relu, sigmoid } from "../../src/engine/ops/elementwise.ts"
import { concat } from "../../src/engine/ops/movement.ts"
import { prod } from "../../src/engine/ops/reduce.ts"
import { blockSum, upsample } from "../../src/engine/ops/resize.ts"
import { pad, slice } from "../../src/engine/ops/slice.ts"
import { Generator } from "../../src/engine/random.ts"
import { constant, type Tensor } from "../../src/engine/tensor.ts"

/** A function and inputs for it. */
export interface BlockCase {
  readonly name: string
  readonly inputs: readonly NdArray[]
  readonly fn: (...inputs: Tensor[]) => Tensor
}

const cases: BlockCase[] = []
const random = new Generator(11)

function row(name: string, shapes: readonly (readonly number[])[], fn: (...x: Tensor[]) => Tensor): void {
  const inputs = shapes.map((shape): NdArray => {
    const data = Float32Array.from({ length: sizeOf(shape) }, () => random.normal())
    return { dtype: "float32", shape, data }
  })
  cases.push({ name, inputs, fn })
}

const conv =
  (options: ConvOptions) =>
  (x: Tensor, w: Tensor, b?: Tensor): Tensor =>
    conv2d(x, w, b ?? null, options)

for (const [batch, inner, outer] of [
  [2, 16, 32],
  [16, 32, 16],
  [17, 16, 16],
  [3, 3, 16],
  [2, 1, 32],
  [32, 16, 1],
  [5, 16, 3],
  [2, 20, 16],
  [2, 16, 20],
  [2, 5, 7],
  [9, 8, 24],
  [3, 8, 7],
  [4, 7, 8],
]) {
  row(
    `conv2d 3x3, ${batch} images, ${inner} to ${outer}`,
    [[batch, inner, 5, 6], [outer, inner, 3, 3], [outer]],
    conv({ padding: 1 }),
  )
  row(
    `conv2d 1x1, ${batch} images, ${inner} to ${outer}`,
    [
      [batch, inner, 4, 3],
      [outer, inner, 1, 1],
    ],
    conv({}),
  )
  row(
    `conv2d stride 2, ${batch} images, ${inner} to ${outer}`,
    [[batch, inner, 6, 7], [outer, inner, 3, 3], [outer]],
    conv({ stride: 2, padding: 1 }),
  )
}
row(
  "conv2d 5x3, uneven padding",
  [
    [2, 16, 7, 6],
    [16, 16, 5, 3],
  ],
  conv({
    padding: [
      [2, 1],
      [0, 1],
    ],
  }),
)
row(
  "conv2d, stride 3 that leaves rows over",
  [
    [2, 16, 8, 9],
    [16, 16, 2, 2],
  ],
  conv({ stride: 3 }),
)
row(
  "conv2d, dilation",
  [
    [2, 16, 7, 7],
    [16, 16, 3, 3],
  ],
  conv({ dilation: 2, padding: 1 }),
)
row(
  "conv2d, dilated rows",
  [
    [2, 16, 7, 7],
    [16, 16, 3, 3],
  ],
  conv({ dilation: [2, 1], padding: 1 }),
)
row(
  "conv2d, stride and dilation",
  [
    [2, 16, 8, 7],
    [16, 16, 2, 3],
  ],
  conv({ dilation: [1, 2], stride: [2, 1], padding: 2 }),
)
row(
  "conv2d, padding beyond the kernel",
  [
    [2, 16, 3, 3],
    [16, 16, 2, 2],
  ],
  conv({ padding: 2 }),
)
row("conv2d, groups of whole blocks", [[2, 32, 4, 4], [64, 16, 3, 3], [64]], conv({ groups: 2, padding: 1 }))
row(
  "conv2d, groups of part of a block",
  [
    [2, 32, 4, 4],
    [32, 8, 3, 3],
  ],
  conv({ groups: 4, padding: 1 }),
)
row(
  "conv2d, groups of one block and a half",
  [
    [2, 48, 4, 4],
    [48, 24, 3, 3],
  ],
  conv({ groups: 2, padding: 1 }),
)
row(
  "conv2d, groups of half a block of 8",
  [
    [2, 16, 4, 4],
    [16, 4, 3, 3],
  ],
  conv({ groups: 4, padding: 1 }),
)
row(
  "conv2d, groups of one block of 8 and a half",
  [
    [2, 24, 4, 4],
    [24, 12, 3, 3],
  ],
  conv({ groups: 2, padding: 1 }),
)
row("conv2d, depthwise", [[2, 32, 5, 5], [32, 1, 3, 3], [32]], conv({ groups: 32, padding: 1 }))
row(
  "conv2d, depthwise stride 2",
  [
    [3, 16, 6, 5],
    [16, 1, 3, 3],
  ],
  conv({ groups: 16, stride: 2, padding: 1 }),
)
row("conv1d", [[2, 16, 9], [32, 16, 3], [32]], (x, w, b) => conv1d(x, w, b, { padding: 1 }))
row("convTranspose2d 4x4 stride 2", [[2, 32, 4, 3], [32, 16, 4, 4], [16]], (x, w, b) =>
  convTranspose2d(x, w, b, { stride: 2, padding: 1 }),
)
row(
  "convTranspose2d 3x3 stride 2",
  [
    [2, 16, 3, 4],
    [16, 16, 3, 3],
  ],
  (x, w) => convTranspose2d(x, w, null, { stride: 2, padding: 1, outputPadding: 1 }),
)
row(
  "convTranspose2d 2x2 stride 3",
  [
    [2, 16, 3, 4],
    [16, 16, 2, 2],
  ],
  (x, w) => convTranspose2d(x, w, null, { stride: 3 }),
)
row("convTranspose2d to 3 channels", [[2, 16, 3, 4], [16, 3, 4, 4], [3]], (x, w, b) =>
  convTranspose2d(x, w, b, { stride: 2, padding: 1 }),
)
for (const outer of [16, 20])
  row(`upsampleConv2d, 16 to ${outer}`, [[3, 16, 4, 3], [outer, 16, 3, 3], [outer]], (x, w, b) =>
    upsampleConv2d(x, w, b),
  )
for (const [count, groups] of [
  [32, 4],
  [32, 2],
  [48, 8],
  [20, 4],
  [16, 16],
  [32, 1],
]) {
  row(
    `conv2d, group norm of ${count} in ${groups}, silu`,
    [[2, 16, 5, 4], [count, 16, 3, 3], [count], [count]],
    (x, w, weight, bias) => silu(groupNorm(conv2d(x, w, null, { padding: 1 }), groups, { weight, bias })),
  )
}
row(
  "group norm after a shift of each channel",
  [
    [2, 32, 4, 4],
    [2, 32],
    [32, 32, 3, 3],
  ],
  (x, t, w) => groupNorm(conv2d(x, w, null, { padding: 1 }).add(t.reshape([2, 32, 1, 1])), 4),
)
row(
  "group norm over concatenated parts",
  [[2, 32, 4, 4], [2, 16, 4, 4], [16, 48, 3, 3], [48], [48]],
  (a, b, w, weight, bias) => conv2d(silu(groupNorm(concat([a, b], 1), 4, { weight, bias })), w, null, { padding: 1 }),
)
row("group norm of 3 axes", [[2, 16, 5], [16], [16]], (x, weight, bias) => groupNorm(x, 4, { weight, bias }))
row(
  "convolution of concatenated parts, beside a 1x1",
  [
    [2, 16, 4, 4],
    [2, 32, 4, 4],
    [16, 48, 3, 3],
    [16, 48, 1, 1],
  ],
  (a, b, w, v) => {
    const x = concat([a, b], 1)
    return conv2d(x, w, null, { padding: 1 }).add(conv2d(x, v))
  },
)
row(
  "convolution of parts that are no blocks",
  [
    [2, 20, 4, 4],
    [2, 12, 4, 4],
    [16, 32, 3, 3],
  ],
  (a, b, w) => conv2d(concat([a, b], 1), w, null, { padding: 1 }),
)
row(
  "residual sums",
  [
    [2, 16, 4, 4],
    [16, 16, 3, 3],
    [16, 16, 3, 3],
  ],
  (x, w, v) => {
    const a = conv2d(x, w, null, { padding: 1 }).add(x)
    const b = conv2d(relu(a), v, null, { padding: 1 }).add(a)
    return b.mul(sigmoid(b)).add(b)
  },
)
row(
  "a sum of a tensor with itself",
  [
    [2, 16, 4, 4],
    [16, 16, 3, 3],
  ],
  (x, w) => {
    const y = conv2d(x, w, null, { padding: 1 })
    return y.add(y)
  },
)
row(
  "broadcasts over channels, pixels and samples",
  [
    [2, 16, 4, 5],
    [16, 16, 3, 3],
    [1, 16, 1, 1],
    [2, 16, 1, 1],
    [4, 5],
    [2, 1, 1, 5],
    [16, 1, 1],
  ],
  (x, w, a, b, c, d, e) => conv2d(x, w, null, { padding: 1 }).mul(a).add(b).sub(c).mul(d).add(e).div(b.square().add(1)),
)
row(
  "reductions",
  [
    [2, 16, 4, 5],
    [16, 16, 3, 3],
  ],
  (x, w) => {
    const y = conv2d(x, w, null, { padding: 1 })
    return y
      .sum({ axes: [2, 3] })
      .add(y.mean({ axes: [0, 2, 3] }))
      .add(
        y
          .max({ axes: [1] })
          .sum({ axes: [1, 2] })
          .reshape([2, 1]),
      )
      .add(
        y
          .sum({ axes: [3], keepDims: true })
          .square()
          .sum(),
      )
      .add(
        y
          .mean({ axes: [0, 1], keepDims: true })
          .square()
          .sum(),
      )
  },
)
row(
  "slices, pads and concatenation",
  [
    [2, 32, 6, 5],
    [32, 32, 3, 3],
  ],
  (x, w) => {
    const y = conv2d(x, w, null, { padding: 1 })
    const z = concat(
      [
        slice(y, [null, [16, 32], [1, 5]]),
        slice(y, [null, [0, 16], [null, null, -1], null]).slice([null, null, [0, 4]]),
      ],
      1,
    )
    const odd = slice(z, [null, [3, 19]])
    return pad(
      z,
      [
        [0, 1],
        [0, 16],
        [1, 0],
        [0, 2],
      ],
      0.5,
    )
      .sum({ axes: 1 })
      .sum()
      .add(odd.square())
  },
)
row("flattened to rows for a linear map", [[2, 16, 4, 4], [16, 16, 3, 3], [5, 256], [5]], (x, w, v, b) =>
  linear(conv2d(x, w, null, { padding: 1 }).reshape([2, 256]), v, b),
)
row("tokens for attention and back", [[2, 32, 4, 3], [32, 32, 3, 3], [32, 32], [32]], (x, w, v, b) => {
  const y = conv2d(x, w, null, { padding: 1 })
  const tokens = linear(y.reshape([2, 32, 12]).transpose([0, 2, 1]), v, b)
  const heads = tokens.reshape([2, 12, 2, 16]).transpose([0, 2, 1, 3])
  const mixed = attention(heads, heads, heads).transpose([0, 2, 1, 3]).reshape([2, 12, 32])
  return layerNorm(mixed).transpose([0, 2, 1]).reshape(y.shape).add(y)
})
row("batch norm after a convolution", [[3, 16, 4, 4], [32, 16, 3, 3], [32], [32]], (x, w, weight, bias) =>
  relu(batchNorm(conv2d(x, w, null, { padding: 1 }), { weight, bias }).y),
)
row("batch norm after a linear map", [[6, 8], [16, 8], [16], [16]], (x, w, weight, bias) => {
  const { y, mean, variance } = batchNorm(linear(x, w), { weight, bias })
  return y.add(mean).mul(variance)
})
row(
  "max pooling",
  [
    [2, 16, 6, 6],
    [16, 16, 3, 3],
  ],
  (x, w) => maxPool2d(conv2d(x, w, null, { padding: 1 })),
)
row(
  "max pooling, overlapping",
  [
    [2, 16, 7, 6],
    [16, 16, 3, 3],
  ],
  (x, w) => maxPool2d(conv2d(x, w, null, { padding: 1 }), 3, { stride: 2, padding: 1 }),
)
row(
  "mean pooling",
  [
    [2, 16, 6, 6],
    [16, 16, 3, 3],
  ],
  (x, w) => avgPool2d(conv2d(x, w, null, { padding: 1 })),
)
row(
  "mean pooling, overlapping",
  [
    [2, 16, 7, 6],
    [16, 16, 3, 3],
  ],
  (x, w) => avgPool2d(conv2d(x, w, null, { padding: 1 }), 3, { stride: 2, padding: 1 }),
)
row(
  "upsampling and sums of blocks",
  [
    [2, 16, 4, 6],
    [16, 16, 3, 3],
  ],
  (x, w) => {
    const y = conv2d(x, w, null, { padding: 1 })
    return blockSum(upsample(blockSum(y), 4), 2).add(upsample(y, 3).square().sum())
  },
)

row(
  "sums of rows, and of rows of rows",
  [
    [40, 24],
    [3, 7, 32],
  ],
  (x, y) =>
    x
      .square()
      .sum({ axes: 0 })
      .sum()
      .add(
        y
          .square()
          .sum({ axes: [0, 1], keepDims: true })
          .exp()
          .mean(),
      ),
)
row("layer normalisation of many rows", [[3, 9, 32], [32], [32]], (x, weight, bias) =>
  layerNorm(x, 1, { weight, bias }),
)
row(
  "layer normalisation over two axes",
  [
    [20, 4, 8],
    [4, 8],
    [4, 8],
  ],
  (x, weight, bias) => layerNorm(x, 2, { weight, bias }),
)
row(
  "GELU of images",
  [
    [2, 16, 4, 5],
    [16, 16, 3, 3],
  ],
  (x, w) => gelu(conv2d(x, w, null, { padding: 1 })),
)

row(
  "extremes and products over pixels",
  [
    [2, 16, 3, 2],
    [16, 16, 3, 3],
  ],
  (x, w) => {
    const y = conv2d(x, w, null, { padding: 1 })
    return y
      .max({ axes: [2, 3] })
      .add(y.min({ axes: [0, 2, 3] }))
      .add(prod(y.mul(0.1), { axes: [2, 3] }))
  },
)
row(
  "sums of all of one image",
  [
    [1, 16, 4, 4],
    [16, 16, 3, 3],
  ],
  (x, w) => {
    const y = conv2d(x, w, null, { padding: 1 })
    return y.sum({ axes: [1, 2, 3] }).add(y.square().sum({ axes: [1, 2, 3] }))
  },
)
row(
  "convolution of parts whose share of the channels is no exact fraction",
  [
    [1, 112, 2, 2],
    [1, 288, 2, 2],
    [16, 400, 1, 1],
  ],
  (a, b, w) => conv2d(concat([a, b], 1), w),
)
row(
  "group norm of one map, shifted for each sample",
  [
    [1, 32, 4, 4],
    [2, 32],
  ],
  (x, t) => groupNorm(x.add(t.reshape([2, 32, 1, 1])), 4),
)

export const blockCases: readonly BlockCase[] = cases

/** Group normalisation where the mean is `ratio` times the spread: of rows, and in blocks behind a convolution that changes nothing. */
export function largeMeans(ratio: number): readonly BlockCase[] {
  const random = new Generator(ratio)
  const shapes = [
    [2, 32, 8, 8],
    [3, 12, 5, 7],
  ]
  const inputs = shapes.map((shape): NdArray => {
    const data = Float32Array.from({ length: sizeOf(shape) }, () => ratio + random.normal())
    return { dtype: "float32", shape, data }
  })
  const identity = Float32Array.from({ length: 32 * 32 }, (_, i) => (i % 33 === 0 ? 1 : 0))
  const kernel = constant({ dtype: "float32", shape: [32, 32, 1, 1], data: identity })
  return [
    ...inputs.map((x) => ({ name: `${x.shape}`, inputs: [x], fn: (t: Tensor) => groupNorm(t, 4) })),
    { name: `${shapes[0]} in blocks`, inputs: [inputs[0]], fn: (t) => groupNorm(conv2d(t, kernel), 4) },
  ]
}
