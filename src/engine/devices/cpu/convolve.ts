/** Convolutions as this device does them: the input gradient is a convolution too, concatenated parts stay apart. */
import { apply, type Node } from "../../graph.ts"
import type { ConvAttrs, SizedConvAttrs } from "../../ops/conv.ts"
import { concat } from "../../ops/movement.ts"
import type { Composition } from "../../simplify.ts"
import type { Tensor } from "../../tensor.ts"
import { partsOf } from "./concat.ts"
import { convolution, convolutionRule, geometryOf, turn } from "./conv.ts"
import { kernelGradient, kernelGradientRule } from "./gradient.ts"
import type { Rule } from "./layout.ts"
import { spread, spreadRule } from "./spread.ts"

/** A convolution with what is added to it in the same pass. */
export function convolve(
  x: Tensor,
  w: Tensor,
  attrs: ConvAttrs,
  { bias = null, sum = null }: { readonly bias?: Tensor | null; readonly sum?: Tensor | null } = {},
): Tensor {
  const inputs = [x, w, bias, sum].filter((t) => t !== null)
  return apply(convolution, inputs, { ...geometryOf(attrs), bias: bias !== null, sum: sum !== null })
}

const isImage = (t: Tensor): boolean => t.rank === 4 && t.dtype === "float32"

/** The kernel of each channel by itself with its taps reversed. */
function flipTaps(w: Tensor): Tensor {
  return w.slice([null, null, [null, null, -1], [null, null, -1]])
}

/** Compositions of the three primitives, for blocks of the given size. */
export function convCompositions(block: number): ReadonlyMap<string, Composition> {
  const isSupported = (rule: Rule, t: Tensor): boolean => rule(t.value.node as Node<never>, block) !== undefined
  /** The parts of a concatenated input, each made of whole blocks. */
  const wholeParts = (x: Tensor, { groups }: ConvAttrs): Tensor[] => {
    const parts = partsOf(x)
    return groups === 1 && parts.every((p) => p.shape[1] % block === 0) ? parts : [x]
  }

  const conv: Composition = ([x, w, b], attrs: ConvAttrs) => {
    if (!isImage(x)) return undefined
    let y: Tensor | null = null
    let start = 0
    for (const part of wholeParts(x, attrs)) {
      const end = start + part.shape[1] / attrs.groups
      y = convolve(part, w.slice([null, [start, end]]), attrs, { bias: y === null ? (b ?? null) : null, sum: y })
      start = end
    }
    return [y!]
  }
  const convInput: Composition = ([g, w], attrs: SizedConvAttrs) => {
    if (!isImage(g)) return undefined
    const { strides, dilations, groups, low, sizes } = attrs
    const isDepthwise = w.shape[1] === 1 && groups === w.shape[0] && groups > 1
    if (groups !== 1 && !isDepthwise) return undefined
    if (strides.every((s) => s === 1)) {
      const reach = dilations.map((d, i) => d * (w.shape[2 + i] - 1))
      const before = reach.map((r, i) => r - low[i])
      const after = sizes.map((n, i) => n - g.shape[2 + i] + reach[i] - before[i])
      if ([...before, ...after].some((p) => p < 0)) return undefined
      const turned = isDepthwise ? flipTaps(w) : apply(turn, [w], { reverse: true })
      const y = convolve(g, turned, { strides, dilations, groups, low: before, high: after })
      return isSupported(convolutionRule, y) ? [y] : undefined
    }
    if (groups !== 1 || dilations.some((d) => d !== 1)) return undefined
    const y = apply(spread, [g, apply(turn, [w], { reverse: false })], { ...geometryOf(attrs), sizes, bias: false })
    return isSupported(spreadRule, y) ? [y] : undefined
  }
  const convKernel: Composition = ([x, g], attrs: SizedConvAttrs) => {
    if (!isImage(x)) return undefined
    const grads = wholeParts(x, attrs).map((part) => apply(kernelGradient, [part, g], attrs))
    return grads.every((w) => isSupported(kernelGradientRule, w)) ? [concat(grads, 1)] : undefined
  }
  return new Map<string, Composition>([
    ["conv", conv],
    ["convInput", convInput],
    ["convKernel", convKernel],
  ])
}
