/** Concatenated channels are never written out where whoever reads them can take the parts. */
import { apply } from "../../graph.ts"
import { concat } from "../../ops/movement.ts"
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

/** Channels of `x` from `start` to `end`, by way of what it was made of where that saves making the rest. */
export function channelsOf(x: Tensor, start: number, end: number): Tensor {
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
    const kernel = w.value.node
    if (given.groups === 1 && !given.bias && !given.sum && kernel.op.name === turn.name) {
      const part = apply(
        turn,
        [w.derive(kernel.inputs[0]).slice([null, [start, end]])],
        kernel.attrs as { reverse: boolean },
      )
      return apply(convolution, [y, part], attrs as never)
    }
  }
  return x.slice([null, [start, end]])
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
