import { expect, test } from "vitest"
import { images } from "./images.ts"

const bytes = { name: "tiny", shape: [1, 1, 2], pixels: Uint8Array.of(0, 255, 51, 102), classes: 2 } as const

test("bytes 0 to 255 become -1 to 1", () => {
  const set = images({ ...bytes, labels: [1, 0] })
  const { x, y } = set.batch(Int32Array.of(1, 0))
  expect(x.shape).toEqual([2, 1, 1, 2])
  expect([...x.data]).toEqual([51 / 127.5 - 1, 102 / 127.5 - 1, -1, 1].map(Math.fround))
  expect(y && [...y.data]).toEqual([0, 1])
  expect(images(bytes).batch(Int32Array.of(0)).y).toBeUndefined()
})

test("images and labels that do not belong together are refused", () => {
  expect(() => images({ ...bytes, labels: [1] })).toThrow("tiny: 2 images but 1 labels")
  expect(() => images({ ...bytes, labels: [1, 2] })).toThrow("tiny: label 1 is 2, expected 0 to 1")
  expect(() => images({ ...bytes, pixels: new Uint8Array(3) })).toThrow("3 bytes are no whole number of [1, 1, 2]")
  expect(() => images(bytes).batch(Int32Array.of(2))).toThrow("tiny: index 2")
})
