import { expect, test } from "vitest"
import { fillNormal, fillUniform, fold, Generator, keyOf, threefry } from "./random.ts"

test.each([
  [
    [0, 0],
    [0, 0],
    [0x6b200159, 0x99ba4efe],
  ],
  [
    [0xffffffff, 0xffffffff],
    [0xffffffff, 0xffffffff],
    [0x1cb996fc, 0xbb002be7],
  ],
  [
    [0x13198a2e, 0x03707344],
    [0x243f6a88, 0x85a308d3],
    [0xc4923a9c, 0x483df7a0],
  ],
] as const)("Threefry-2x32 of 20 rounds gives the published answers (key %o)", (key, [x0, x1], expected) => {
  expect(threefry(key, x0, x1)).toEqual(expected)
})

test("numbers of one key are the same whatever the length, and others for another key", () => {
  for (const fill of [fillUniform, fillNormal]) {
    const long = fill(new Float32Array(9), keyOf(3))
    expect(fill(new Float32Array(4), keyOf(3))).toEqual(long.slice(0, 4))
    expect(fill(new Float32Array(9), fold(keyOf(3), 1))).not.toEqual(long)
  }
})

test("uniforms and normals have the moments of their laws", () => {
  const count = 200_000
  const moments = (x: Float64Array): number[] => [1, 2, 3, 4].map((k) => x.reduce((sum, v) => sum + v ** k, 0) / count)
  const near = (found: readonly number[], expected: readonly number[], bound: number): void => {
    for (const [i, v] of found.entries()) expect(Math.abs(v - expected[i])).toBeLessThan(bound)
  }
  near(moments(fillUniform(new Float64Array(count), keyOf(5))), [1 / 2, 1 / 3, 1 / 4, 1 / 5], 0.004)
  near(moments(fillNormal(new Float64Array(count), keyOf(5))), [0, 1, 0, 3], 0.07)
})

test("a permutation has every index once, and bounded integers miss none", () => {
  const random = new Generator(1)
  expect([...random.permutation(100)].toSorted((a, b) => a - b)).toEqual(Array.from({ length: 100 }, (_, i) => i))
  expect(new Set(Array.from({ length: 200 }, () => random.integer(7))).size).toBe(7)
})
