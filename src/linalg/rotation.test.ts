import { expect, test } from "vitest"
import { array } from "../engine/array.ts"
import { fillNormal, Generator, keyOf } from "../engine/random.ts"
import { subtract, transpose } from "./arithmetic.ts"
import { largest } from "./blas.ts"
import type { Real } from "./matrix.ts"
import { norm } from "./norm.ts"
import { matmul } from "./product.ts"
import { isOrthogonal, reflection, rotation } from "./rotation.ts"
import { det, inv } from "./solve.ts"

const gauss = (seed: number, ...shape: number[]): Real =>
  array("float64", shape, fillNormal(new Float64Array(shape.reduce((p, n) => p * n, 1)), keyOf(seed)))

test("rotations have determinant 1, reflections -1; both keep lengths and have their transpose as inverse [C09]", () => {
  const g = new Generator(9)
  for (let k = 0; k < 1000; k++) {
    const angle = g.uniform(-10, 10)
    const n = 2 + (k % 5)
    const turns = [rotation(angle), rotation(angle, gauss(k, 3))]
    const mirror = reflection(gauss(k + 5000, n))
    for (const [q, sign] of [
      [turns[0], 1],
      [turns[1], 1],
      [mirror, -1],
    ] as const) {
      expect(Math.abs(det(q) - sign)).toBeLessThan(1e-13)
      expect(isOrthogonal(q)).toBe(true)
      const x = gauss(k + 9000, q.shape[0])
      expect(Math.abs(norm(matmul(q, x)) - norm(x))).toBeLessThan(1e-13)
      expect(largest(subtract(inv(q), transpose(q)).data)).toBeLessThan(1e-13)
    }
  }
})

test("a quarter turn sends e1 to e2, and a turn about an axis follows the right hand", () => {
  expect(largest(subtract(matmul(rotation(Math.PI / 2), [1, 0]), [0, 1]).data)).toBeLessThan(1e-15)
  expect(largest(subtract(matmul(rotation(Math.PI / 2, [0, 0, 2]), [1, 0, 0]), [0, 1, 0]).data)).toBeLessThan(1e-15)
  const axis = [1, 2, 3]
  expect(largest(subtract(matmul(rotation(1.2, axis), axis), axis).data)).toBeLessThan(1e-15)
})

test("a shear has determinant 1 and is not orthogonal", () => {
  const shear = [
    [1, 1],
    [0, 1],
  ]
  expect(det(shear)).toBe(1)
  expect(isOrthogonal(shear)).toBe(false)
  expect(() => reflection([0, 0])).toThrow(/reflection: normal is zero/)
  expect(() => rotation(1, [0, 0, 0])).toThrow(/rotation: axis is zero/)
  expect(() => rotation(Number.NaN)).toThrow(/rotation: angle is NaN/)
})
