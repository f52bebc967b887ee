/** TensorBoard's event files: curves and pictures of a training, as records that are only ever added. */

import { WireReader } from "../engine/wire/read.ts"
import { WireWriter } from "../engine/wire/write.ts"
import { crc32c } from "./checksum.ts"
import { encodePng, type Raster } from "./png.ts"

/** What happened at a step. */
export interface TrainEvent {
  /** Seconds since 1970. */
  readonly wallTime: number
  readonly step: number
  /** Numbers by tag. */
  readonly scalars?: Readonly<Record<string, number>>
  /** Pictures by tag. */
  readonly images?: Readonly<Record<string, Raster>>
  /** Whether training begins here again: viewers forget what they have seen of this step and later ones. */
  readonly isRestart?: boolean
}

const version = "brain.Event:2"

/** Longest record that is read: a picture is the largest thing in one. */
const maxRecord = 2 ** 28

/** A record's frame: its length, both with masked checksums. Source: TensorFlow's `lib/io/record_writer.cc`. */
function framed(data: Uint8Array): Uint8Array<ArrayBuffer> {
  const out = new Uint8Array(data.length + 16)
  const view = new DataView(out.buffer)
  view.setUint32(0, data.length, true)
  view.setUint32(8, masked(out.subarray(0, 8)), true)
  out.set(data, 12)
  view.setUint32(12 + data.length, masked(data), true)
  return out
}

/** A checksum of bytes that hold checksums is weak, so they are turned and shifted. */
function masked(bytes: Uint8Array): number {
  const sum = crc32c(bytes)
  return (((sum >>> 15) | (sum << 17)) + 0xa282ead8) >>> 0
}

/** The record that an event file begins with. */
export function eventHeader(wallTime: number): Uint8Array<ArrayBuffer> {
  const w = new WireWriter()
  w.double(1, wallTime)
  w.string(3, version)
  return framed(w.finish())
}

/**
 * The record of an event: `Event` of `tensorflow/core/util/event.proto`, with a `Summary` of plain numbers and PNG pictures.
 */
export function encodeEvent({ wallTime, step, scalars, images, isRestart }: TrainEvent): Uint8Array<ArrayBuffer> {
  const w = new WireWriter()
  w.double(1, wallTime)
  if (step !== 0) w.int(2, step)
  if (scalars !== undefined || images !== undefined) {
    w.message(5, () => {
      for (const [tag, value] of Object.entries(scalars ?? {})) {
        w.message(1, () => {
          w.string(1, tag)
          w.float(2, value)
        })
      }
      for (const [tag, image] of Object.entries(images ?? {})) {
        w.message(1, () => {
          w.string(1, tag)
          w.message(4, () => {
            w.int(1, image.height)
            w.int(2, image.width)
            w.int(3, image.channels)
            w.bytes(4, encodePng(image))
          })
        })
      }
    })
  }
  if (isRestart) w.message(7, () => w.int(1, 1))
  return framed(w.finish())
}

/** What {@link readEvents} finds: pictures by their sizes alone. */
export interface SeenEvent {
  readonly wallTime: number
  readonly step: number
  readonly scalars: Readonly<Record<string, number>>
  readonly images: Readonly<Record<string, readonly [height: number, width: number]>>
  readonly isRestart: boolean
}

/**
 * The events of a file, but for the last if it was cut short, as it is while a training writes or when it was killed.
 *
 * @throws RangeError `events: ...` when it is no event file, or a record before its end is damaged.
 */
export function readEvents(bytes: Uint8Array): SeenEvent[] {
  const events: SeenEvent[] = []
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  let isFirst = true
  for (let at = 0; at + 12 <= bytes.length; ) {
    if (view.getUint32(at + 8, true) !== masked(bytes.subarray(at, at + 8))) {
      const what = isFirst ? "wrong checksum at the beginning (is this an event file?)" : `damaged at byte ${at}`
      throw new RangeError(`events: ${what}`)
    }
    const length = view.getUint32(at, true)
    if (view.getUint32(at + 4, true) !== 0 || length > maxRecord)
      throw new RangeError(`events: record of over ${maxRecord} bytes at byte ${at}`)
    const end = at + 12 + length + 4
    if (end > bytes.length) break
    const data = bytes.subarray(at + 12, end - 4)
    if (view.getUint32(end - 4, true) !== masked(data)) throw new RangeError(`events: damaged at byte ${at + 12}`)
    const event = decodeEvent(data, isFirst)
    if (event !== undefined) events.push(event)
    isFirst = false
    at = end
  }
  if (isFirst) throw new RangeError("events: the file is empty or cut short (is this an event file?)")
  return events
}

/** The event in a record; none for the one that begins a file. */
function decodeEvent(data: Uint8Array, isFirst: boolean): SeenEvent | undefined {
  const r = WireReader.of("events", data)
  let [wallTime, step, isRestart, stated] = [0, 0, false, ""]
  const scalars: Record<string, number> = {}
  const images: Record<string, readonly [number, number]> = {}
  while (r.next()) {
    if (r.field === 1) wallTime = r.double()
    else if (r.field === 2) step = r.int()
    else if (r.field === 3) stated = r.string()
    else if (r.field === 7) {
      const log = r.message()
      while (log.next()) if (log.field === 1) isRestart = log.int() === 1
    } else if (r.field === 5) {
      const summary = r.message()
      while (summary.next()) if (summary.field === 1) decodeValue(summary.message(), scalars, images)
    }
  }
  if (isFirst && stated !== version)
    throw new RangeError(`events: begins with version ${JSON.stringify(stated)}, expected ${JSON.stringify(version)}`)
  return isFirst || stated !== "" ? undefined : { wallTime, step, scalars, images, isRestart }
}

function decodeValue(
  r: WireReader,
  scalars: Record<string, number>,
  images: Record<string, readonly [number, number]>,
): void {
  let [tag, height, width]: [string, number, number] = ["", 0, 0]
  let scalar: number | undefined
  let isImage = false
  while (r.next()) {
    if (r.field === 1) tag = r.string()
    else if (r.field === 2) scalar = r.float()
    else if (r.field === 4) {
      isImage = true
      const image = r.message()
      while (image.next()) {
        if (image.field === 1) height = image.int()
        else if (image.field === 2) width = image.int()
      }
    }
  }
  if (tag === "__proto__") r.fail("a tag is __proto__")
  if (scalar !== undefined) scalars[tag] = scalar
  if (isImage) images[tag] = [height, width]
}
