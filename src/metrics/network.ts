/** What turns images into features: any function with a name. */
import { type Arrayable, array, asArray, castArray, type NdArray, sizeOf, toNumbers } from "../engine/array.ts"
import { integer } from "../stats/check.ts"
import { type Batches, eachBatch } from "./batches.ts"
import type { SignalOptions } from "./moments.ts"

/** What a network says of a batch of images. */
export interface Reading {
  /** [batch, features] */
  readonly features: Arrayable
  /** [batch, classes], where it classifies: what {@link inceptionScore} needs. */
  readonly probabilities?: Arrayable
}

/** A network that judges images [batch, channels, height, width] in [-1, 1]; each image must be judged by itself. */
export interface FeatureNetwork {
  /** Printed with every number that was measured with it. */
  readonly name: string
  read(images: NdArray<"float32">): Reading | Promise<Reading>
}

/** Pixels as features: no network at all. They see brightness and place, not shape; for tests and small problems. */
export const pixels: FeatureNetwork = {
  name: "pixels",
  read: (images) => ({
    features: array("float32", [images.shape[0], sizeOf(images.shape.slice(1))], images.data),
  }),
}

/** How images come, and how they are read. */
export interface ReadingOptions extends SignalOptions {
  /** Images a run of the network. */
  readonly batch?: number
  /** The values of black and white in the images. Datasets and a sampler's `x` have [-1, 1], its `images` [0, 1]. */
  readonly range?: readonly [black: number, white: number]
  /**
   * Shades of a pixel: values are clamped and rounded to as many, 256 as in a file, so that what is judged is what
   * would be seen; or `null` to leave them as they are.
   */
  readonly levels?: number | null
}

/** Images moved to [-1, 1] and rounded. */
function prepared(
  data: Float32Array,
  [black, white]: readonly [number, number],
  levels: number | null,
): Float32Array<ArrayBuffer> {
  const scale = 2 / (white - black)
  const steps = levels === null ? 0 : (levels - 1) / 2
  const out = new Float32Array(data.length)
  for (let i = 0; i < out.length; i++) {
    const v = (data[i] - black) * scale - 1
    out[i] = levels === null ? v : Math.round((Math.min(1, Math.max(-1, v)) + 1) * steps) / steps - 1
  }
  return out
}

/** Images in batches of one size (the last may be smaller), however they come. */
async function* regrouped(
  where: string,
  images: Batches,
  { batch = 128, range = [-1, 1], levels = 256, signal }: ReadingOptions,
): AsyncGenerator<NdArray<"float32">> {
  integer(where, "batch", batch, 1)
  if (levels !== null) integer(where, "levels", levels, 2)
  if (!(range[1] - range[0] > 0 && range[1] - range[0] < Infinity))
    throw new RangeError(`${where}: range is [${range.join(", ")}], expected black below white, both finite`)
  let shape: readonly number[] | undefined
  let held = new Float32Array(0)
  let filled = 0
  let seen = 0
  for await (const given of eachBatch(images)) {
    signal?.throwIfAborted()
    const [count, ...item] = given.shape
    if (item.length !== 3 || sizeOf(item) === 0) {
      throw new RangeError(
        `${where}: a batch of images is [${given.shape.join(", ")}], expected [batch, channels, height, width]`,
      )
    }
    shape ??= item
    if (shape.join() !== item.join()) {
      throw new RangeError(
        `${where}: a batch holds images [${item.join(", ")}], expected [${shape.join(", ")}] like those before`,
      )
    }
    const data = castArray(given, "float32").data
    const step = sizeOf(item)
    const bad = data.findIndex((v) => !Number.isFinite(v))
    if (bad >= 0)
      throw new RangeError(
        `${where}: image ${seen + Math.floor(bad / step)} holds ${data[bad]}, expected finite numbers`,
      )
    seen += count
    if (held.length === 0) held = new Float32Array(batch * step)
    for (let from = 0; from < count; ) {
      const rows = Math.min(count - from, batch - filled)
      held.set(prepared(data.subarray(from * step, (from + rows) * step), range, levels), filled * step)
      filled += rows
      from += rows
      if (filled === batch) {
        yield array("float32", [batch, ...item], held)
        held = new Float32Array(batch * step)
        filled = 0
        signal?.throwIfAborted()
      }
    }
  }
  if (filled > 0 && shape !== undefined)
    yield array("float32", [filled, ...shape], held.slice(0, filled * sizeOf(shape)))
}

/** A batch's readings, checked: a row for each image. */
export interface CheckedReading {
  readonly features: NdArray
  readonly probabilities?: NdArray
}

/** What a network says of all images, batch by batch. */
export async function* readingsOf(
  where: string,
  images: Batches,
  network: FeatureNetwork,
  options: ReadingOptions = {},
): AsyncGenerator<CheckedReading> {
  for await (const batch of regrouped(where, images, options)) {
    const reading = await network.read(batch)
    const checked = (what: string, given: Arrayable): NdArray => {
      const rows = asArray(given)
      if (rows.shape[0] === batch.shape[0]) return rows
      throw new RangeError(
        `${where}: ${network.name} gave ${what} [${rows.shape.join(", ")}] for ${batch.shape[0]} images, expected a row for each`,
      )
    }
    yield {
      features: checked("features", reading.features),
      ...(reading.probabilities !== undefined && {
        probabilities: checked("probabilities", reading.probabilities),
      }),
    }
  }
}

/**
 * The features of a stream of images [batch, channels, height, width], batch by batch: what {@link fid}, {@link kid} and
 * the others take.
 *
 * @example await fid(featuresOf(samples, network), featuresOf(real, network))
 * @throws RangeError for images of several shapes or not finite, and a network that gives no row for each.
 */
export async function* featuresOf(
  images: Batches,
  network: FeatureNetwork,
  options: ReadingOptions = {},
): AsyncGenerator<NdArray> {
  for await (const { features } of readingsOf("featuresOf", images, network, options)) yield features
}

/** A short name for bytes or numbers, the same wherever they are the same: FNV-1a in 32 bits, as eight hex digits. */
export function fingerprint(parts: Iterable<NdArray | Uint8Array>): string {
  let hash = 0x811c9dc5
  for (const part of parts) {
    const bytes =
      part instanceof Uint8Array ? part : new Uint8Array(Float32Array.from(toNumbers(part)).buffer as ArrayBuffer)
    for (let i = 0; i < bytes.length; i++) hash = Math.imul(hash ^ bytes[i], 0x01000193)
  }
  return (hash >>> 0).toString(16).padStart(8, "0")
}
