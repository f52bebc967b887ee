/** LeNet: a small classifier of images, whose last hidden layer gives the features that our figures are measured in. */
import type { NdArray } from "../engine/array.ts"
import { compile } from "../engine/compile.ts"
import { maxPool2d } from "../engine/fused/pool.ts"
import { relu } from "../engine/ops/elementwise.ts"
import { softmax } from "../engine/ops/softmax.ts"
import { UsageError } from "../engine/shape.ts"
import type { Tensor } from "../engine/tensor.ts"
import { Conv2d } from "../nn/conv.ts"
import { seeded } from "../nn/init.ts"
import { dropout } from "../nn/layers.ts"
import { Linear } from "../nn/linear.ts"
import { loadStateDict, stateDict } from "../nn/module.ts"
import { type FeatureNetwork, fingerprint } from "./network.ts"

/** Options of {@link LeNet}. */
export interface LeNetOptions {
  readonly channels?: number
  /** Height and width of the images: a multiple of 4. */
  readonly size?: number
  readonly classes?: number
  /** Width of the last hidden layer. */
  readonly features?: number
}

/**
 * LeNet with rectifiers: two 5 x 5 convolutions (32 and 64 channels), each halved by its maxima, and two linear layers,
 * with dropout before the last. Images are [batch, channels, size, size] in [-1, 1]. After LeCun et al. 1998.
 *
 * @throws UsageError for a size that is no multiple of 4.
 */
export class LeNet {
  readonly conv1: Conv2d
  readonly conv2: Conv2d
  readonly fc1: Linear
  readonly fc2: Linear

  constructor({ channels = 1, size = 28, classes = 10, features = 128 }: LeNetOptions = {}) {
    if (!(Number.isInteger(size) && size >= 4 && size % 4 === 0))
      throw new UsageError(`LeNet: size is ${size}, expected a multiple of 4`)
    this.conv1 = new Conv2d(channels, 32, 5, { padding: 2 })
    this.conv2 = new Conv2d(32, 64, 5, { padding: 2 })
    this.fc1 = new Linear(64 * (size / 4) ** 2, features)
    this.fc2 = new Linear(features, classes)
  }

  /** The last hidden layer [batch, features], from 0 up. @throws UsageError for images of another size. */
  features(x: Tensor): Tensor {
    const inputs = this.fc1.weight.shape[1]
    const [batch, channels, height, width] = x.shape
    const expected = this.conv1.weight.shape[1]
    if (x.shape.length !== 4 || channels !== expected || (height >> 2) * (width >> 2) * 64 !== inputs) {
      const side = 4 * Math.sqrt(inputs / 64)
      throw new UsageError(
        `LeNet: images are [${x.shape.slice(1).join(", ")}], expected [${expected}, ${side}, ${side}]`,
      )
    }
    const h = maxPool2d(relu(this.conv2.forward(maxPool2d(relu(this.conv1.forward(x))))))
    return relu(this.fc1.forward(h.reshape([batch, inputs])))
  }

  /** Logits [batch, classes]. */
  forward(x: Tensor): Tensor {
    return this.fc2.forward(dropout(this.features(x), 0.5))
  }
}

/**
 * A LeNet with the weights of a state dictionary (`conv1.weight`, ...), of the sizes they have.
 *
 * @throws RangeError for weights that are no LeNet's.
 */
export async function lenetFrom(state: ReadonlyMap<string, NdArray>): Promise<LeNet> {
  const shapeOf = (name: string): readonly number[] => state.get(name)?.shape ?? []
  const [features = 0, inputs = 0] = shapeOf("fc1.weight")
  const size = 4 * Math.sqrt(inputs / 64)
  const [channels, classes] = [shapeOf("conv1.weight")[1], shapeOf("fc2.weight")[0]]
  if (![features, size / 4, channels, classes].every((n) => Number.isInteger(n) && n >= 1 && n <= 65536)) {
    throw new RangeError(
      `lenetFrom: conv1.weight is [${shapeOf("conv1.weight")}], fc1.weight [${shapeOf("fc1.weight")}] and fc2.weight [${shapeOf("fc2.weight")}], expected [32, channels, 5, 5], [features, 64 (size / 4)^2] and [classes, features]`,
    )
  }
  const network = seeded(0, () => new LeNet({ channels, size, classes, features }))
  await loadStateDict(network, state)
  return network
}

/**
 * The features and class probabilities of a LeNet. Its name ends with a fingerprint of the weights as they are now, so
 * numbers of two trainings are not mistaken for each other; weights that change later are not seen.
 *
 * @example await evaluateImages(samples, { name: "mnist test", images: real }, { network: await lenetFeatures(net) })
 */
export async function lenetFeatures(
  network: LeNet,
  { name = "lenet" }: { readonly name?: string } = {},
): Promise<FeatureNetwork & { dispose(): Promise<void> }> {
  const state = await stateDict(network)
  const own = await lenetFrom(state)
  const read = compile((x: Tensor) => {
    const features = own.features(x)
    return { features, probabilities: softmax(own.fc2.forward(features)) }
  })
  return {
    name: `${name} ${fingerprint(state.values())}`,
    read: (images) => read(images),
    dispose: () => read.dispose(),
  }
}
