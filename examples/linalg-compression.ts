/** An image kept as its first few singular triplets: how much is stored, how much is lost. */

import { fileURLToPath } from "node:url"
import { array } from "../src/engine/array.ts"
import { matmul, norm, type Real, subtract, svd } from "../src/linalg/index.ts"

/** A grey image [height, width] made by formula: a sky, a sun, hills and a fence, values 0 to 1. */
export function landscape(height = 450, width = 333): Real {
  const data = new Float64Array(height * width)
  for (let i = 0; i < height; i++) {
    for (let j = 0; j < width; j++) {
      const y = i / height
      const x = j / width
      const sun = Math.exp(-((x - 0.7) ** 2 + (y - 0.25) ** 2) / 0.01)
      const hill = 0.62 + 0.08 * Math.sin(7 * x) + 0.04 * Math.sin(19 * x + 1) + 0.01 * Math.sin(61 * x)
      const ground = 0.35 + 0.15 * Math.sin(90 * (x + 2 * y) * y)
      const isFence = y > 0.8 && (j % 24 < 5 || Math.abs(y - 0.87) < 0.01)
      data[i * width + j] = isFence ? 0.95 : y > hill ? ground : 0.25 + 0.5 * y + 0.4 * sun
    }
  }
  return { dtype: "float64", shape: [height, width], data }
}

/** What keeping `rank` triplets of an image costs and loses. */
export interface Compressed {
  readonly rank: number
  readonly image: Real
  /** Numbers to keep: (1 + height + width) rank. */
  readonly stored: number
  /** Stored numbers as a share of the pixels. */
  readonly share: number
  /** Squared Frobenius error, and the same from the singular values left out (Eckart and Young). */
  readonly error: number
  readonly tail: number
}

/** The best approximations of an image [height, width] at the given ranks: sum of s_i u_i v_i^T. (Notes 003, E4.) */
export function compress(image: Real, ranks: readonly number[] = [1, 5, 20, 50]): Compressed[] {
  const [height, width] = image.shape
  const { u, s, vt } = svd(image)
  const count = s.data.length
  return ranks.map((rank) => {
    const left = new Float64Array(height * rank)
    for (let i = 0; i < height; i++) {
      for (let k = 0; k < rank; k++) left[i * rank + k] = u.data[i * count + k] * s.data[k]
    }
    const right = vt.data.slice(0, rank * width)
    const kept = matmul(array("float64", [height, rank], left), array("float64", [rank, width], right))
    const stored = (1 + height + width) * rank
    let tail = 0
    for (let i = rank; i < count; i++) tail += s.data[i] ** 2
    return {
      rank,
      image: kept,
      stored,
      share: stored / (height * width),
      error: norm(subtract(image, kept)) ** 2,
      tail,
    }
  })
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const image = landscape()
  console.log(`pixels ${image.data.length}`)
  for (const { rank, stored, share, error } of compress(image)) {
    const lost = Math.sqrt(error) / norm(image)
    console.log(`rank ${rank}: ${stored} numbers, ${(100 * share).toFixed(2)} %, relative error ${lost.toFixed(4)}`)
  }
}
