/** Layers without parameters of their own, and their composition. */
import { randomUniform } from "../engine/create.ts"
import { greaterEqual } from "../engine/ops/compare.ts"
import { isTraining, type Tensor } from "../engine/tensor.ts"
import type { NamedChildren } from "./module.ts"

/** Anything with `forward`, or a plain function. */
export type Layer = { forward(x: Tensor): Tensor } | ((x: Tensor) => Tensor)

function expectProbability(where: string, probability: number): void {
  if (!(probability >= 0 && probability < 1))
    throw new RangeError(`${where}: got ${probability}, expected a probability from 0 to below 1`)
}

/**
 * x with each element dropped with the given probability in training, the others divided by 1 - probability so that the
 * mean stays; x itself otherwise. (The notes give the probability of keeping, and scale when evaluating.)
 *
 * @throws RangeError when the probability is not from 0 to below 1.
 */
export function dropout(x: Tensor, probability = 0.5): Tensor {
  expectProbability("dropout", probability)
  if (!isTraining() || probability === 0) return x
  const kept = greaterEqual(randomUniform(x.shape), probability)
  return x.mul(kept.cast(x.dtype)).mul(1 / (1 - probability))
}

/** {@link dropout} as a layer. */
export class Dropout {
  readonly probability: number

  constructor(probability = 0.5) {
    expectProbability("Dropout", probability)
    this.probability = probability
  }

  forward(x: Tensor): Tensor {
    return dropout(x, this.probability)
  }
}

/**
 * Layers one after another, each a layer or a function of a tensor; parameters are named by position, as PyTorch's:
 * `0.weight`, `2.bias`.
 *
 * @example new Sequential(new Linear(784, 128), relu, new Linear(128, 10)).forward(x)
 */
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
