/** How far images are from others: root mean square error and signal-to-noise ratio. */
import type { NdArray } from "../engine/array.ts"

/** A measurement under way. */
export interface ErrorStep {
  /** Samples measured so far, and of how many. */
  readonly done: number
  readonly count: number
  /** Figures so far, by name. */
  readonly figures: Readonly<Record<string, number>>
}

/** How samples are measured. */
export interface ErrorOptions {
  /** Samples drawn for each image, where they are drawn; the mean of them is measured too. */
  readonly draws?: number
  readonly seed?: number
  readonly signal?: AbortSignal
}

/** Sums up squared errors of images in [-1, 1], as they are seen: bounded, and on a scale of 0 to 1. */
export class ImageError {
  #squares = 0
  #count = 0

  /** Adds images and what they should be, arrays of one size. */
  add(x: ArrayLike<number>, truth: ArrayLike<number>): void {
    for (let i = 0; i < truth.length; i++) this.#squares += ((bounded(x[i]) - bounded(truth[i])) / 2) ** 2
    this.#count += truth.length
  }

  /** Root mean square error, 0 to 1. */
  get rmse(): number {
    return Math.sqrt(this.#squares / this.#count)
  }

  /** Peak signal-to-noise ratio in decibels, -20 log10 of the error of all images together. */
  get psnr(): number {
    return -20 * Math.log10(this.rmse)
  }
}

const bounded = (v: number): number => Math.min(1, Math.max(-1, v))

/** Some rows of an array, from `start` on. */
export function rowsOf(x: NdArray<"float32">, start: number, most: number): NdArray<"float32"> {
  const count = Math.min(most, x.shape[0] - start)
  const size = x.data.length / x.shape[0]
  return {
    dtype: "float32",
    shape: [count, ...x.shape.slice(1)],
    data: x.data.slice(start * size, (start + count) * size),
  }
}

/** Numbers end to end. */
export function joined(parts: readonly Float32Array[]): Float32Array {
  const all = new Float32Array(parts.reduce((n, p) => n + p.length, 0))
  let at = 0
  for (const part of parts) {
    all.set(part, at)
    at += part.length
  }
  return all
}
