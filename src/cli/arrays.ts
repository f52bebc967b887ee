/** Arrays from files: numbers, images and samples, for verbs that begin with some. */
import { readFile } from "node:fs/promises"
import { array, type NdArray, sizeOf } from "../engine/array.ts"
import { readNpy } from "../io/npy.ts"
import { decodePng, fromRaster } from "../io/png.ts"
import { MisuseError } from "./flags.ts"

/**
 * Numbers from a .npy file or a PNG, `[count, ...]` in [0, 1] as `tweedie sample` writes them, or `[...]` of one.
 *
 * @throws MisuseError when the file cannot be read or holds something else.
 */
export async function readArray(flag: string, path: string): Promise<NdArray> {
  const bytes = await readFile(path).catch((error: NodeJS.ErrnoException) => {
    const cure = error.code === "EISDIR" ? "that is a folder, expected a .npy file or a PNG" : undefined
    throw new MisuseError(`${flag} ${path}: ${cure ?? `cannot be read (${error.code})`}`)
  })
  try {
    return bytes[0] === 0x89 ? fromRaster(decodePng(bytes)) : readNpy(bytes)
  } catch (error) {
    throw new MisuseError(`${flag} ${path}: ${(error as Error).message}, expected a .npy file or a PNG`)
  }
}

/**
 * Samples of a shape from a file: images in [0, 1] become [-1, 1], points stay as they are.
 *
 * @throws MisuseError when shapes or values are not those of the model.
 */
export async function readSamples(flag: string, path: string, shape: readonly number[]): Promise<NdArray<"float32">> {
  const found = await readArray(flag, path)
  const size = sizeOf(shape)
  const count = found.data.length / size
  const isOne = found.shape.join() === shape.join()
  if (!isOne && found.shape.slice(1).join() !== shape.join())
    throw new MisuseError(
      `${flag} ${path}: got [${found.shape.join(", ")}], expected [count, ${shape.join(", ")}] as the model draws`,
    )
  const isImage = shape.length === 3
  const data = Float32Array.from(found.data as ArrayLike<number>, (v) => (isImage ? 2 * Number(v) - 1 : Number(v)))
  const bad = data.findIndex((v) => !Number.isFinite(v) || (isImage && Math.abs(v) > 1.001))
  if (count === 0 || bad >= 0)
    throw new MisuseError(
      `${flag} ${path}: ${count === 0 ? "holds nothing" : `value ${found.data[bad]} at ${bad}`}, expected ${isImage ? "images in [0, 1]" : "finite numbers"}`,
    )
  return array("float32", [isOne ? 1 : count, ...shape], data)
}
