/** File formats of arrays and images, on bytes: `tweedie/io`. */

export { writeFileAtomic } from "./atomic.ts"
export { readNpy, writeNpy } from "./npy.ts"
export { decodePng, encodePng, fromRaster, type GridOptions, grid, type Raster } from "./png.ts"
export { readSafetensors, type Safetensors, writeSafetensors } from "./safetensors.ts"
