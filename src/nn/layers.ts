/** Layers without parameters of their own, and their composition. */
import { randomUniform } from "../engine/create.ts"
import { greaterEqual } from "../engine/ops/elementwise.ts"
import { isTraining, type Tensor } from "../engine/tensor.ts"
import type { NamedChildren } from "./module.ts"

/** Anything with `forward`, or a plain function. */
export type Layer = { forward(x: Tensor): Tensor } | ((x: Tensor) => Tensor)

/** x with each element dropped with the given probability in training, the others scaled so that the mean stays. */
export function dropout(x: Tensor, probability = 0.5): Tensor {
  if (!isTraining() || probability === 0) return x
  const kept = greaterEqual(randomUniform(x.shape), probability)
  return x.mul(kept.cast(x.dtype)).mul(1 / (1 - probability))
}

/** {@link dropout} as a layer. */
export class Dropout {
  readonly probability: number

  constructor(probability = 0.5) {
    if (!(probability >= 0 && probability < 1))
      throw new RangeError(`Dropout: got ${probability}, expected a probability from 0 to below 1`)
    this.probability = probability
  }

  forward(x: Tensor): Tensor {
    return dropout(x, this.probability)
  }
}

/** Layers one after another; parameters are named by position, as PyTorch's: `0.weight`, `2.bias`. */
export class Sequential implements NamedChildren {
  readonly layers: readonly Layer[]

  constructor(...layers: readonly Layer[]) {
    this.layers = layers
  }

  forward(x: Tensor): Tensor {
    return this.layers.reduce((at, layer) => (typeof layer === "function" ? layer(at) : layer.forward(at)), x)
  }

  children(): Iterable<readonly [string, unknown]> {
    return this.layers.map((layer, i) => [String(i), layer] as const)
  }
}
