import { expect, test } from "vitest"
import { array } from "../engine/array.ts"
import { fillNormal, keyOf } from "../engine/random.ts"
import { eye, scale, subtract } from "./arithmetic.ts"
import { largest } from "./blas.ts"
import { complex, complexMatmul, complexSolve, conjTranspose, dft, vdot } from "./complex.ts"
import type { Complex, Real } from "./matrix.ts"

const gauss = (seed: number, ...shape: number[]): Real =>
  array("float64", shape, fillNormal(new Float64Array(shape.reduce((p, n) => p * n, 1)), keyOf(seed)))
const vector = (seed: number, n: number): Complex => complex(gauss(seed, n), gauss(seed + 500, n))
const asColumn = (v: Complex): Complex => ({
  re: { ...v.re, shape: [v.re.data.length, 1] },
  im: { ...v.im, shape: [v.im.data.length, 1] },
})
const asVector = (v: Complex): Complex => ({
  re: { ...v.re, shape: [v.re.data.length] },
  im: { ...v.im, shape: [v.im.data.length] },
})

test("the conjugate transpose of the worked example is exact [C03]", () => {
  const a = complex(
    [
      [1, -2, 5],
      [1, 0, 4],
    ],
    [
      [0, -1, 0],
      [1, 1, -2],
    ],
  )
  const star = conjTranspose(a)
  expect(star.re.shape).toEqual([3, 2])
  expect(Array.from(star.re.data)).toEqual([1, 1, -2, 0, 5, 4])
  expect(Array.from(star.im.data)).toEqual([0, -1, 1, -1, 0, 2])
  const back = conjTranspose(star)
  expect(Array.from(back.im.data)).toEqual(Array.from(a.im.data))
})

test("the Fourier transform's adjoint is its inverse with unitary normalisation only: raw, F* F = n I [C06]", () => {
  for (const n of [1, 2, 5, 8, 12]) {
    const unitary = dft(n, { norm: "ortho" })
    const raw = dft(n)
    const x = vector(n, n)
    const y = vector(n + 50, n)
    for (const f of [unitary, raw]) {
      const fx = asVector(complexMatmul(f, asColumn(x)))
      const fy = asVector(complexMatmul(conjTranspose(f), asColumn(y)))
      const [re1, im1] = vdot(fx, y)
      const [re2, im2] = vdot(x, fy)
      expect(Math.abs(re1 - re2) + Math.abs(im1 - im2)).toBeLessThan(1e-12)
    }
    const one = complexMatmul(conjTranspose(unitary), unitary)
    expect(largest(subtract(one.re, eye(n)).data) + largest(one.im.data)).toBeLessThan(1e-13)
    const many = complexMatmul(conjTranspose(raw), raw)
    expect(largest(subtract(many.re, scale(n, eye(n))).data) + largest(many.im.data)).toBeLessThan(1e-12)
  }
  expect(() => dft(0)).toThrow(/dft: size is 0/)
})

test("complex systems are solved and singular ones refused", () => {
  const a = complex(gauss(1, 6, 6), gauss(2, 6, 6))
  const b = complex(gauss(3, 6, 2), gauss(4, 6, 2))
  const back = complexMatmul(a, complexSolve(a, b))
  expect(largest(subtract(back.re, b.re).data) + largest(subtract(back.im, b.im).data)).toBeLessThan(1e-12)
  const singular = complex(
    [
      [1, 0],
      [0, 1],
    ],
    [
      [0, 1],
      [-1, 0],
    ],
  )
  expect(() => complexSolve(singular, complex([[1], [1]]))).toThrow(/complexSolve: .*singular/)
  expect(() => complexMatmul(a, complex(gauss(3, 5, 2)))).toThrow(/inner sizes differ/)
  expect(() => complex([1, 2], [1])).toThrow(/complex: real part is \[2\], imaginary part \[1\]/)
})
