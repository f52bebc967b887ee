import { readFileSync } from "node:fs"
import { expect, test } from "vitest"
import { Generator } from "../engine/random.ts"
import { encodeEvent, eventHeader, readEvents } from "./tensorboard.ts"

const { file }: { file: string } = JSON.parse(readFileSync(new URL("fixtures/events.json", import.meta.url), "utf8"))
const theirs = new Uint8Array(Buffer.from(file, "base64"))

const records = [
  eventHeader(1700000000.25),
  encodeEvent({ wallTime: 1700000001.5, step: 0, scalars: { loss: 0.75, lr: 0 } }),
  encodeEvent({ wallTime: 1700000002.5, step: 300, scalars: { loss: 0.125 } }),
  encodeEvent({ wallTime: 1700000003, step: 301, isRestart: true }),
]
const ours = new Uint8Array(Buffer.concat(records))

test("event files are those of TensorBoard's own writer, byte for byte", () => {
  expect(ours).toEqual(theirs)
})

test("what is written is read back, pictures by their sizes", () => {
  const picture = { width: 3, height: 2, channels: 1, data: new Uint8Array(6) } as const
  const more = encodeEvent({ wallTime: 5, step: 7, scalars: { a: 1.5 }, images: { "samples/0": picture } })
  const events = readEvents(new Uint8Array(Buffer.concat([ours, more])))
  expect(events.map((e) => [e.step, e.scalars, e.isRestart])).toEqual([
    [0, { loss: 0.75, lr: 0 }, false],
    [300, { loss: 0.125 }, false],
    [301, {}, true],
    [7, { a: 1.5 }, false],
  ])
  expect(events[3].images).toEqual({ "samples/0": [2, 3] })
})

test("the last record may be cut short, as it is in a run that was killed; nothing else may", () => {
  for (let cut = 1; cut < records[3].length; cut++)
    expect(readEvents(ours.subarray(0, ours.length - cut))).toHaveLength(2)
  expect(() => readEvents(new Uint8Array(0))).toThrow("events: the file is empty or cut short")
  expect(() => readEvents(new TextEncoder().encode("a text that is long enough"))).toThrow("is this an event file?")
  expect(() => readEvents(ours.subarray(records[0].length))).toThrow('begins with version ""')
})

test("a damaged byte is noticed, wherever it is", () => {
  const random = new Generator(2)
  for (let at = 0; at < ours.length - records[3].length; at++) {
    const hurt = ours.slice()
    hurt[at] ^= 1 + random.integer(255)
    expect(() => readEvents(hurt), `byte ${at}`).toThrow(/^events: /)
  }
})
