/** Ops at the edges of what they are defined for: zeros, infinities, no elements, and numbers that cannot be. */
import { expect, test } from "vitest"
import { asArray, type NdArray, toNested, toNumbers, zeros } from "../array.ts"
import { compile } from "../compile.ts"
import { randomInteger, randomUniform } from "../create.ts"
import { silu } from "../fused/activation.ts"
import { linear } from "../fused/attention.ts"
import { groupNorm, layerNorm } from "../fused/normalize.ts"
import { maxPool2d, upsampleConv2d } from "../fused/pool.ts"
import { grad, gradients } from "../grad.ts"
import { constant, type Tensor, Variable } from "../tensor.ts"
import { argMax } from "./along.ts"
import { equal, isNan, where } from "./compare.ts"
import { conv2d, convTranspose2d } from "./conv.ts"
import { maximum } from "./elementwise.ts"
import { scatterAdd } from "./gather.ts"
import { concat } from "./movement.ts"
import { upsample } from "./resize.ts"
import { pad } from "./slice.ts"

type Fn = (...inputs: Tensor[]) => readonly Tensor[]
type Values = NdArray | readonly number[]

async function valuesOf(fn: Fn, ...inputs: readonly Values[]): Promise<number[][]> {
  const run = compile(fn as never) as unknown as (...inputs: readonly Values[]) => Promise<readonly NdArray[]>
  return (await run(...inputs)).map((a) => [...toNumbers(a)])
}

test("what lies beyond an image of integers is below all of them, for the largest of a window", async () => {
  const pooled = (x: Tensor): Tensor[] => [maxPool2d(x, 2, { stride: 1, padding: 1 })]
  const x: NdArray = { dtype: "int32", shape: [1, 1, 2, 2], data: Int32Array.of(-5, -7, -6, -8) }
  expect(await valuesOf(pooled, x)).toEqual([[-5, -5, -7, -5, -5, -7, -6, -6, -8]])
})

test("the gradient of a power at 0 is a number, and so are those of its gradients", async () => {
  const times = (n: number, f: (x: Tensor) => Tensor): ((x: Tensor) => Tensor) =>
    n === 0 ? f : times(n - 1, (x) => grad((z: Tensor) => f(z).sum())(x))
  const x = [0, 2, -3]
  const powers = [0, 1, 2].map((n) => (z: Tensor) => z.pow(n))
  expect(await valuesOf((z) => powers.map((f) => times(1, f)(z)), x)).toEqual([
    [0, 0, 0],
    [1, 1, 1],
    [0, 4, -6],
  ])
  expect(await valuesOf((z) => [times(2, powers[2])(z), times(3, powers[2])(z)], x)).toEqual([
    [2, 2, 2],
    [0, 0, 0],
  ])
  const slopes: Fn = (a, b) => gradients(a.pow(b).sum(), [a, b])
  const [da, db] = await valuesOf(slopes, [0, 0, 0, 2], [0, 1, 2, 0])
  expect(da).toEqual([0, 1, 0, 0])
  expect(db).toEqual([0, 0, 0, Math.fround(Math.LN2)])
})

test("the exponent's slope of a power's slope is right where the exponent is 0", async () => {
  // d/db of b a^(b - 1) is a^(b - 1) + b a^(b - 1) ln a: 1 / a for b = 0.
  const slope = (a: Tensor, b: Tensor): Tensor => gradients(a.pow(b).sum(), [a])[0]
  const [mixed] = await valuesOf((a, b) => gradients(slope(a, b).sum(), [b]), [2, 4], [0, 0])
  expect(mixed).toEqual([0.5, 0.25])
})

test("values that differ only in an infinity or in the sign of 0 are two values", async () => {
  const bordered: Fn = (x) => [pad(x, [[1, 0]], Infinity), pad(x, [[1, 0]], -Infinity)]
  expect(await valuesOf(bordered, [1])).toEqual([
    [Infinity, 1],
    [-Infinity, 1],
  ])
  expect(await valuesOf((x) => [x.div(constant(0)), x.div(constant(-0))], [1])).toEqual([[Infinity], [-Infinity]])
})

test("a range that ends before it begins is empty, also between others", async () => {
  const parts: Fn = (x) => [concat([x.slice([[0, 3]]), x.slice([[3, 1]])]), x.slice([[3, 1]])]
  expect(await valuesOf(parts, [1, 2, 3, 4, 5])).toEqual([[1, 2, 3], []])
})

test("booleans are chosen from as numbers are", async () => {
  const [a, b, c] = [
    [true, true, false, false],
    [true, false, true, false],
    [true, false, false, true],
  ].map((values) => asArray(values))
  expect(await valuesOf((...x) => [where(x[2], x[0], x[1])], a, b, c)).toEqual([[1, 0, 1, 0]])
})

test("a number that a tensor's dtype does not hold is refused", async () => {
  const whole = constant([1, 2], "int32")
  expect(() => whole.mul(0.5)).toThrow(
    /^mul: got 0.5 for a tensor of int32, expected a whole number from -2147483648 to 2147483647 \(cast/,
  )
  for (const value of [2 ** 31, Infinity, Number.NaN]) expect(() => whole.add(value)).toThrow(/^add: got/)
  expect(() => maximum(0.5, whole)).toThrow(/^max: got 0.5/)
  expect(() => equal(constant([true]), 2)).toThrow(/^equal: got 2 for a tensor of bool/)
  expect(await valuesOf((x) => [x.add(-(2 ** 31)), x.mul(3)], asArray([1, 2], "int32"))).toEqual([
    [1 - 2 ** 31, 2 - 2 ** 31],
    [3, 6],
  ])
})

test("slices are added along any axis, and indices must be of that axis", async () => {
  const at = asArray([2, 0, 2], "int32")
  const g = asArray([
    [1, 2, 3],
    [4, 5, 6],
  ])
  const added = compile((x: Tensor, i: Tensor) => scatterAdd(x, i, -1, 4))
  expect(toNested(await added(g, at))).toEqual([
    [2, 0, 4, 0],
    [5, 0, 10, 0],
  ])
  expect(() => scatterAdd(constant(g), constant(at), 0, 4)).toThrow(/^scatterAdd: \[2, 3\] has no axes \[3\]/)
  expect(() => scatterAdd(constant(g), constant([0.5, 1, 2]), 1, 4)).toThrow(/^scatterAdd: got float32/)
  expect(() => scatterAdd(constant(g), constant(at), 2, 4)).toThrow(/^scatterAdd: axis 2 is out of range/)
})

test("sums over no images and no features are zero", async () => {
  const slopes: Fn = (x, w) => gradients(conv2d(x, w).sum(), [x, w])
  const [dx, dw] = await valuesOf(slopes, zeros([0, 16, 4, 4]), zeros([16, 16, 3, 3]))
  expect(dx).toEqual([])
  expect(dw).toEqual(new Array(16 * 16 * 9).fill(0))
  expect(await valuesOf((...x) => [linear(x[0], x[1], x[2])], zeros([2, 0]), zeros([3, 0]), [1, 2, 3])).toEqual([
    [1, 2, 3, 1, 2, 3],
  ])
})

test("networks of no images give none, and no axis need have elements", async () => {
  const network: Fn = (x, w, v) => {
    const y = silu(groupNorm(conv2d(x, w, null, { padding: 1 }), 4, { weight: v, bias: v }))
    return gradients(upsampleConv2d(maxPool2d(y), w, v).sum(), [x, w, v])
  }
  const [dx, dw, dv] = await valuesOf(network, zeros([0, 16, 4, 4]), zeros([16, 16, 3, 3]), zeros([16]))
  expect(dx).toEqual([])
  expect([...dw, ...dv]).toEqual(new Array(16 * 16 * 9 + 16).fill(0))
  const turned = compile((x: Tensor) => [x.transpose([1, 0, 2]), x.transpose([2, 0, 1])])
  expect((await turned(zeros([1, 0, 4]))).map((y) => y.shape)).toEqual([
    [0, 1, 4],
    [4, 1, 0],
  ])
  const empty = new Variable(zeros([5, 0]))
  const grown = compile(() => {
    empty.assign(empty.mul(2))
    return empty.add(1)
  })
  expect((await grown()).shape).toEqual([5, 0])
})

test("what cannot be computed is refused where it is asked for", () => {
  const [x, image] = [constant([1, 2, 3]), constant(zeros([1, 1, 2, 2]))]
  expect(() => x.slice([[0.5, 2]])).toThrow(/^slice: position 0.5 of axis 0 is not an integer/)
  for (const shape of [
    [-1, -3],
    [-3, -1],
    [-1.5, -2],
    [0.5, 6],
  ])
    expect(() => x.reshape(shape)).toThrow(/^reshape: /)
  expect(() => constant(1).broadcastTo([-2])).toThrow(
    /^broadcastTo: got the shape \[-2\], expected whole numbers from 0/,
  )
  expect(() => randomUniform([2.5])).toThrow(/^random: got the shape \[2.5\]/)
  expect(() => randomInteger([2], 2.5)).toThrow(/^randomInteger: got 2.5, expected a whole number/)
  expect(() => pad(constant([1], "int32"), [[1, 0]], 0.5)).toThrow(/^pad: got 0.5 for a tensor of int32/)
  expect(() => linear(x, constant(zeros([2, 3, 3])))).toThrow(/^linear: weight is \[2, 3, 3\], expected two axes/)
  for (const groups of [0.5, -1]) expect(() => groupNorm(image, groups)).toThrow(/^groupNorm: 1 channels do not divide/)
  for (const sizes of [1.5, -1, 0])
    expect(() => x.split(sizes)).toThrow(/^split: sizes .* do not divide axis 0 of \[3\]/)
  expect(() => upsample(image, 1.5)).toThrow(/^upsample: factor is 1.5, expected a whole number from 1/)
  expect(() => upsampleConv2d(image, constant(zeros([1, 1, 9, 1])))).toThrow(
    /^upsampleConv2d: weight is \[1, 1, 9, 1\], expected \[out, in, 3, 3\]/,
  )
  expect(() => convTranspose2d(image, image, null, { padding: 2 })).toThrow(
    /^convTranspose2d: the output would have sizes \[-1, -1\]/,
  )
  expect(() => argMax(constant(zeros([2, 0])))).toThrow(/^argMax: no elements along axis 1 of \[2, 0\]/)
  expect(() => argMax(constant([true]))).toThrow(/^argMax: got bool/)
  expect(() => isNan(constant([1], "int32"))).toThrow(/^isNaN: got int32, expected float32 or float64/)
  for (const axes of [0, 2, -1]) expect(() => layerNorm(x, axes)).toThrow(/^layerNorm: got .* axes, expected from 1/)
})
