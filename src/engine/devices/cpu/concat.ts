/** Concatenated channels are never written out where whoever reads them can take the parts. */
import { apply } from "../../graph.ts"
import { concat } from "../../ops/movement.ts"
import type { Composition } from "../../simplify.ts"
import type { Tensor } from "../../tensor.ts"
import { convolution, turn } from "./conv.ts"

/** The tensors that were concatenated along the channels, or the tensor itself. */
export function partsOf(x: Tensor): Tensor[] {
  const { op, attrs, inputs } = x.value.node
  const isConcat = op.name === "concat" && (attrs as { axis: number }).axis === 1 && x.rank === 4
  return isConcat ? inputs.flatMap((v) => partsOf(x.derive(v))) : [x]
}

/** The parts as one tensor again, along the channels; a single part, of any rank, is itself. */
export function joined(parts: readonly Tensor[]): Tensor {
  return parts.length === 1 ? parts[0] : concat(parts, 1)
}

/** Channels of `x` from `start` to `end` made without the rest, or `undefined` where all of x must be there first. */
function channelsAlone(x: Tensor, start: number, end: number): Tensor | undefined {
  if (start === 0 && end === x.shape[1]) return x
  const { op, inputs, attrs } = x.value.node
  const tensors = inputs.map((v) => x.derive(v))
  if (op.name === "concat" && (attrs as { axis: number }).axis === 1) {
    let at = 0
    for (const t of tensors) {
      if (at <= start && end <= at + t.shape[1]) return channelsOf(t, start - at, end - at)
      at += t.shape[1]
    }
  }
  if (op.name === "add" && tensors.every((t) => t.shape.join() === x.shape.join())) {
    const [a, b] = tensors.map((t) => channelsOf(t, start, end))
    return a.add(b)
  }
  if (op.name === convolution.name) {
    const given = attrs as { groups: number; bias: boolean; sum: boolean }
    const [y, w] = tensors
    const { op: made, attrs: how, inputs: from } = w.value.node
    if (given.groups === 1 && !given.bias && !given.sum && made.name === turn.name) {
      const part = apply(turn, [w.derive(from[0]).slice([null, [start, end]])], how as { reverse: boolean })
      return apply(convolution, [y, part], attrs as never)
    }
  }
  return undefined
}

/** Channels of `x` from `start` to `end`, by way of what it was made of where that saves making the rest. */
function channelsOf(x: Tensor, start: number, end: number): Tensor {
  return channelsAlone(x, start, end) ?? x.slice([null, [start, end]])
}

/** `t`, whose second axis is the channels of all `parts`, cut into theirs. */
export function slices(t: Tensor, parts: readonly Tensor[]): Tensor[] {
  if (parts.length === 1) return [t]
  let at = 0
  return parts.map((p) => {
    const start = at
    at += p.shape[1]
    return t.rank === 4 ? channelsOf(t, start, at) : t.slice([null, [start, at]])
  })
}

interface Ranges {
  readonly starts: readonly number[]
  readonly ends: readonly number[]
  readonly steps: readonly number[]
}

const slice: Composition = ([x], { starts, ends, steps }: Ranges) => {
  const isWhole = (n: number, a: number): boolean => a === 1 || (starts[a] === 0 && ends[a] === n)
  if (x.rank !== 4 || x.dtype !== "float32" || !x.shape.every(isWhole) || !steps.every((s) => s === 1)) return undefined
  const part = channelsAlone(x, starts[1], ends[1])
  return part && [part]
}

/** Channels of a concatenation are those of its parts. */
export const concatCompositions: ReadonlyMap<string, Composition> = new Map<string, Composition>([["slice", slice]])
