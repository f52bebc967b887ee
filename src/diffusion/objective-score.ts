/** Score matching: distances between a function and the gradient of a log density, with and without noise. */
import { array } from "../engine/array.ts"
import { randomNormal } from "../engine/create.ts"
import { differentiate } from "../engine/grad.ts"
import { constant, type Tensor } from "../engine/tensor.ts"
import { type Module, variables } from "../nn/module.ts"
import type { Objective } from "../train/objective.ts"
import { perSample } from "./denoiser-reverse.ts"

/** A field over samples: `[batch, ...shape] -> [batch, ...shape]`. */
export type Field = (x: Tensor) => Tensor

/**
 * The Fisher divergence E || a(x) - b(x) ||^2 of two fields over samples `[batch, ...shape]`; with a the score of the
 * samples' law, what score matching makes small. (Half of it elsewhere.) Source: Hyvarinen 2005, equation 2.
 */
export function fisherDivergence(a: Field, b: Field, x: Tensor): Tensor {
  return perSample(a(x).sub(b(x)).square()).mean()
}

/** The divergence of a field, the trace of its Jacobian, `[batch]`: one backward pass an element of a sample. */
export function divergence(field: Field, x: Tensor): { readonly value: Tensor; readonly trace: Tensor } {
  const value = field(x)
  const [batch, ...shape] = x.shape
  const size = shape.reduce((n, d) => n * d, 1)
  let trace: Tensor | undefined
  for (let k = 0; k < size; k++) {
    const unit = new Float32Array(batch * size)
    for (let i = 0; i < batch; i++) unit[i * size + k] = 1
    const seed = constant(array("float32", x.shape, unit))
    const [row] = differentiate([value], [seed], [x])
    const own = row === null ? undefined : perSample(row.mul(seed))
    trace = own === undefined ? trace : (trace?.add(own) ?? own)
  }
  return { value, trace: trace ?? perSample(x).mul(0) }
}

/**
 * Hyvarinen's form of the Fisher divergence, which needs no score of the data: E [|| s ||^2 + 2 div s]. It is the
 * divergence less E || grad log p ||^2, a constant. Source: Hyvarinen 2005, theorem 1.
 */
export function implicitScoreMatching(network: Module, field: Field): Objective {
  return {
    variables: variables(network),
    loss: ({ x }) => {
      const { value, trace } = divergence(field, x)
      return { total: perSample(value.square()).add(trace.mul(2)).mean() }
    },
  }
}

/**
 * Denoising score matching at one noise level: sigma^2 E || s(x0 + sigma eps) + eps / sigma ||^2, which the score of the
 * noisy law makes least. For all levels of a process at once, train a denoiser that predicts `score` with `bySnr`.
 * Source: Vincent 2011, equation 9; the weight sigma^2 from Song and Ermon 2019.
 *
 * @throws RangeError when sigma is not above 0.
 */
export function denoisingScoreMatching(
  network: Module,
  field: Field,
  { sigma = 1 }: { readonly sigma?: number } = {},
): Objective {
  if (!(sigma > 0)) throw new RangeError(`denoisingScoreMatching: got sigma ${sigma}, expected a number above 0`)
  return {
    variables: variables(network),
    loss: ({ x }) => {
      const eps = randomNormal(x.shape)
      const error = field(x.add(eps.mul(sigma)))
        .mul(sigma)
        .add(eps)
      return { total: perSample(error.square()).mean() }
    },
  }
}
