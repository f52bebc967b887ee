/** An autoencoder on arrays: images to latents and back, some at a time. */
import { allocate, array, type NdArray, sizeOf } from "../engine/array.ts"
import { type Compiled, compile } from "../engine/compile.ts"
import { formatShape } from "../engine/shape.ts"
import type { Tensor, Variable } from "../engine/tensor.ts"
import type { AutoencoderKL } from "./autoencoder.ts"

/** Options of {@link codec}. */
export interface CodecOptions {
  /** Images of one run, default 64; fewer are filled up, so that one program serves. */
  readonly batch?: number
  /** Averaged weights in place of the network's own: `training.average`. */
  readonly replace?: (variable: Variable) => Variable
}

/** Compiled ways through an autoencoder. Arrays are `[count, ...]`, of any count. */
export interface Codec {
  /** Images in [-1, 1] as the latents a diffusion model sees: the posterior's mean, scaled. */
  encode(x: NdArray<"float32">): Promise<NdArray<"float32">>
  /** Such latents as images in [-1, 1], up to the decoder's error. */
  decode(z: NdArray<"float32">): Promise<NdArray<"float32">>
  /** Images through both, and what their latents tell: the divergence from the standard normal in nats, `[count]`. */
  reconstruct(x: NdArray<"float32">): Promise<{ readonly y: NdArray<"float32">; readonly kl: NdArray<"float32"> }>
  dispose(): Promise<void>
}

/**
 * Compiles the ways through an autoencoder, for arrays in place of tensors; each is loaded when it is first taken. Latents are
 * `[count, latentChannels, height / factor, width / factor]`, moved and scaled as {@link AutoencoderKL.scaled} has it.
 *
 * @example const images = await codec(network).decode(x) // x of any sampler of a model of latents
 * @throws RangeError, by the calls, for no images; UsageError for images or latents of another shape.
 */
export function codec(network: AutoencoderKL, { batch = 64, replace }: CodecOptions = {}): Codec {
  const options = replace === undefined ? {} : { replace }
  const encode = compile((x: Tensor) => [network.scaled(network.encode(x).mode())], options)
  const decode = compile((z: Tensor) => [network.decode(network.unscaled(z))], options)
  const both = compile((x: Tensor) => {
    const posterior = network.encode(x)
    return [network.decode(posterior.mode()), posterior.kl()]
  }, options)
  return {
    encode: async (x) => (await inRows(encode, x, batch))[0],
    decode: async (z) => (await inRows(decode, z, batch))[0],
    reconstruct: async (x) => {
      const [y, kl] = await inRows(both, x, batch)
      return { y, kl }
    },
    dispose: async () => {
      for (const program of [encode, decode, both]) await program.dispose()
    },
  }
}

/** Runs a program over all rows, `most` at a time and the last of them filled up with zeros. */
async function inRows(
  program: Compiled<[Tensor], Tensor[]>,
  x: NdArray<"float32">,
  most: number,
): Promise<NdArray<"float32">[]> {
  const [count, ...shape] = x.shape
  const size = sizeOf(shape)
  if (!(count > 0)) throw new RangeError(`codec: got ${formatShape(x.shape)}, expected some along the first axis`)
  const results: NdArray<"float32">[] = []
  for (let start = 0; start < count; start += most) {
    const part = new Float32Array(most * size)
    part.set(x.data.subarray(start * size, Math.min(count, start + most) * size))
    const found = await program(array("float32", [most, ...shape], part))
    for (const [k, y] of found.entries()) {
      const each = sizeOf(y.shape.slice(1))
      results[k] ??= array("float32", [count, ...y.shape.slice(1)], allocate("float32", count * each))
      const rows = Math.min(most, count - start)
      results[k].data.set((y.data as Float32Array).subarray(0, rows * each), start * each)
    }
  }
  return results
}
