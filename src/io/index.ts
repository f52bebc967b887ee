/** File formats of arrays and images, on bytes: `tweedie/io`. */

export { writeFileAtomic } from "./atomic.ts"
export { type CsvOptions, readCsv } from "./csv.ts"
export { gunzip, gunzipAll, isGzip } from "./gzip.ts"
export { decodeJpeg, type JpegHeader, type JpegOptions, readJpegHeader } from "./jpeg.ts"
export { readNpy, writeNpy } from "./npy.ts"
export { readNpz } from "./npz.ts"
export {
  decodePng,
  encodePng,
  fromRaster,
  type GridOptions,
  grid,
  type PngOptions,
  type Raster,
  readPngHeader,
} from "./png.ts"
export { readSafetensors, type Safetensors, writeSafetensors } from "./safetensors.ts"
export { encodeEvent, eventHeader, readEvents, type SeenEvent, type TrainEvent } from "./tensorboard.ts"
export { readZip, type ZipEntry, type ZipOptions } from "./zip.ts"
