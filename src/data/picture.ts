/** One picture from the bytes of its file, whatever its kind: known by how it begins, not by its name. */

import { decodeJpeg, readJpegHeader } from "../io/jpeg.ts"
import { decodePng, type Raster, readPngHeader } from "../io/png.ts"

/** What a picture's file says of itself. */
export interface PictureHeader {
  readonly width: number
  readonly height: number
  readonly isGray: boolean
}

/** Bytes from the beginning of a file that hold its header, unless its segments are unusually long. */
export const headerBytes: number = 2 ** 18

function kindOf(bytes: Uint8Array): "png" | "jpeg" {
  if (bytes[0] === 0x89 && bytes[1] === 0x50) return "png"
  if (bytes[0] === 0xff && bytes[1] === 0xd8) return "jpeg"
  throw new RangeError("neither PNG nor JPEG, by how it begins (is it a picture?)")
}

/**
 * Size and colour of a picture, from the first {@link headerBytes} of its file or fewer.
 *
 * @throws RangeError for other files, and for pictures that are damaged there or too large.
 */
export function readPictureHeader(bytes: Uint8Array): PictureHeader {
  return kindOf(bytes) === "png" ? readPngHeader(bytes) : readJpegHeader(bytes)
}

/**
 * The pixels of a PNG or JPEG file.
 *
 * @throws RangeError for other files, and for pictures that are damaged or too large.
 */
export function decodePicture(bytes: Uint8Array): Raster {
  return kindOf(bytes) === "png" ? decodePng(bytes) : decodeJpeg(bytes)
}
