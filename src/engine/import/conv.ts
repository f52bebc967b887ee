/** ONNX convolutions read as ours. */
import type { Importer, ImportSite } from "../graph.ts"
import { type ConvOptions, conv1d, conv2d, conv3d, convTranspose } from "../ops/conv.ts"
import type { Tensor } from "../tensor.ts"
import { expectKernel, readWindows, shared } from "./window.ts"

const convolutions = [conv1d, conv2d, conv3d]

function readConv(site: ImportSite): Tensor {
  const [x, weight] = [site.input(0), site.input(1)]
  const rank = x.rank - 2
  const conv = convolutions[rank - 1] ?? site.fail(`the input has ${x.rank} axes, expected 3, 4 or 5`)
  const kernel = weight.shape.slice(2)
  expectKernel(site, kernel)
  const { strides, dilations, low, high } = readWindows(site, x.shape.slice(2), kernel)
  const options: ConvOptions = {
    stride: strides,
    dilation: dilations,
    padding: low.map((p, i) => [p, high[i]] as const),
    groups: site.int("group", 1),
  }
  return conv(x, weight, site.inputs[2] ?? null, options)
}

function readConvTranspose(site: ImportSite): Tensor {
  const [x, weight] = [site.input(0), site.input(1)]
  const inputs = x.shape.slice(2)
  const kernel = weight.shape.slice(2)
  expectKernel(site, kernel)
  // What auto_pad means here depends on the output's size, so it is worked out below.
  const mode = site.text("auto_pad", "NOTSET")
  const isSame = mode !== "NOTSET" && mode !== "VALID"
  const asked = site.ints("output_shape")
  const extra = site.ints("output_padding") ?? inputs.map(() => 0)
  const groups = site.int("group", 1)
  if (asked !== undefined && asked.length !== inputs.length) site.fail("output_shape has too few or too many sizes")
  if (extra.length !== inputs.length || extra.some((n) => n < 0)) site.fail("output_padding does not fit")
  const window = readWindows(site, inputs, kernel)
  const { strides, dilations } = window
  const full = inputs.map((n, i) => strides[i] * (n - 1) + extra[i] + (kernel[i] - 1) * dilations[i] + 1)
  const wanted = asked ?? (isSame ? inputs.map((n, i) => n * strides[i]) : undefined)
  const { low, high } =
    wanted === undefined
      ? window
      : shared(
          site,
          full.map((n, i) => Math.max(0, n - wanted[i])),
          mode === "SAME_UPPER" ? mode : "SAME_LOWER",
        )
  const sizes = wanted ?? full.map((n, i) => n - low[i] - high[i])
  if (sizes.some((n) => !(n >= 1))) site.fail(`the output would have sizes [${sizes.join(", ")}]`)
  const y = convTranspose(x, weight, { strides, dilations, low, high, groups, sizes })
  const bias = site.inputs[2]
  return bias ? y.add(bias.reshape([1, -1, ...sizes.map(() => 1)])) : y
}

/** Convolutions. */
export const convImporters: readonly Importer[] = [
  { type: "Conv", read: readConv },
  { type: "ConvTranspose", read: readConvTranspose },
]
