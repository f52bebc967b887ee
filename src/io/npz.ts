/** The npz file format of NumPy: a zip archive of npy files. */

import type { NdArray } from "../engine/array.ts"
import { readNpy } from "./npy.ts"
import { readZip } from "./zip.ts"

/**
 * The arrays of an npz file (`numpy.savez`, `savez_compressed`) by name.
 *
 * @throws RangeError `npz: ...` when it is no such archive, holds more than `maxBytes` (default 2^31), or an array is of a
 * kind that {@link readNpy} does not read.
 */
export function readNpz(bytes: Uint8Array, { maxBytes = 2 ** 31 }: { maxBytes?: number } = {}): Map<string, NdArray> {
  const arrays = new Map<string, NdArray>()
  for (const entry of readZip(bytes, { where: "npz", maxBytes })) {
    if (!entry.name.endsWith(".npy")) throw new RangeError(`npz: ${JSON.stringify(entry.name)} is no npy file`)
    const name = entry.name.slice(0, -4)
    try {
      arrays.set(name, readNpy(entry.read()))
    } catch (cause) {
      const message = (cause as Error).message.replace(/^npz: /, "")
      throw new RangeError(`npz: array ${JSON.stringify(name)}: ${message}`, { cause })
    }
  }
  return arrays
}
