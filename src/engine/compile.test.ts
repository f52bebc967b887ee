/** Compiled functions: arguments, variables, randomness, caching, and what mistakes say. */
import { expect, test } from "vitest"
import { array, asArray, castArray, toNested, toNumbers } from "./array.ts"
import { compile } from "./compile.ts"
import { randomInteger, randomNormal, randomUniform } from "./create.ts"
import { layerNorm } from "./fused/normalize.ts"
import { grad, gradients, valueAndGrad } from "./grad.ts"
import { conv2d } from "./ops/conv.ts"
import { sin } from "./ops/elementwise.ts"
import { read, write } from "./state.ts"
import { constant, isTraining, type Tensor, Variable } from "./tensor.ts"

test("a function of one list gives its value", async () => {
  const norm = compile((x: Tensor) => x.square().sum().sqrt())
  expect(toNested(await norm([3, 4]))).toBe(5)
})

test("arguments and results are trees of tensors", async () => {
  const both = compile((p: { a: Tensor; b: readonly Tensor[] }, c: Tensor) => ({
    sum: p.a.add(p.b[0]).add(c),
    list: [p.b[1].mul(2), c],
  }))
  const y = await both({ a: [1, 2], b: [asArray([10, 20]), asArray(3)] }, 100)
  expect(toNested(y.sum)).toEqual([111, 122])
  expect(y.list.map(toNested)).toEqual([6, 100])
})

test("the gradient of a gradient of a gradient is right", async () => {
  const f = (x: Tensor): Tensor => sin(x).mul(x.square()).sum()
  const third = grad((x: Tensor) => grad((z: Tensor) => grad(f)(z).sum())(x).sum())
  const x = 0.7
  // (x^2 sin x)''' = -x^2 cos x - 6 x sin x + 6 cos x
  const exact = -x * x * Math.cos(x) - 6 * x * Math.sin(x) + 6 * Math.cos(x)
  expect(toNumbers(await compile(third)([x]))[0]).toBeCloseTo(exact, 5)
  const [value, slope] = await compile(valueAndGrad(f))([x])
  expect(toNumbers(value)[0]).toBeCloseTo(x * x * Math.sin(x), 6)
  expect(toNumbers(slope)[0]).toBeCloseTo(2 * x * Math.sin(x) + x * x * Math.cos(x), 5)
})

test("a variable is read when a program runs and written when it has run", async () => {
  const v = new Variable([1, 2])
  const step = compile((g: Tensor) => {
    v.assign(v.sub(g))
    return v.sum()
  })
  expect(toNested(await step([0.5, 0.5]))).toBe(3)
  expect(toNested(await step([0.5, 0.5]))).toBe(2)
  expect((await read([v])).map(toNested)).toEqual([[0, 1]])
  await write(new Map([[v, array("float32", [2], Float32Array.of(5, 6))]]))
  expect(toNested(await step([0, 0]))).toBe(11)
})

test("programs share variables, and one can be read in place of another", async () => {
  const [a, b] = [new Variable([1]), new Variable([10])]
  const grow = compile(() => {
    a.assign(a.add(1))
    return a.sum()
  })
  const twice = compile(() => a.mul(2))
  const other = compile(() => a.mul(2), { replace: (v) => (v === a ? b : v) })
  await grow()
  await grow()
  expect(toNested(await twice())).toEqual([6])
  expect(toNested(await other())).toEqual([20])
})

test("the same seed draws the same numbers; every run draws new ones; a run can be taken up again", async () => {
  const draw = (): Tensor => randomNormal([4]).add(randomUniform([4]))
  const [one, two] = [compile(draw, { seed: 3 }), compile(draw, { seed: 3 })]
  const first = await one()
  const second = await one()
  expect(await two()).toEqual(first)
  expect(second).not.toEqual(first)
  two.runs = 1
  expect(await two()).toEqual(second)
  expect(await compile(draw, { seed: 4 })()).not.toEqual(first)
})

test("random integers fill their range evenly", async () => {
  const draw = compile(() => randomInteger([60_000], 6), { seed: 1 })
  const counts = new Array<number>(6).fill(0)
  for (const v of toNumbers(await draw())) counts[v]++
  // Chi-squared with 5 degrees of freedom: 20.5 has a tail of 0.001.
  expect(counts.reduce((s, c) => s + (c - 10_000) ** 2 / 10_000, 0)).toBeLessThan(20.5)
})

test("train or evaluate is a property of the trace", async () => {
  const f = (x: Tensor): Tensor => (isTraining() ? x.mul(2) : x)
  expect(toNested(await compile(f, { training: true })([1]))).toEqual([2])
  expect(toNested(await compile(f)([1]))).toEqual([1])
})

test("a shape error names the op, the shapes and the line of the caller", () => {
  const x = constant(array("float32", [8, 3, 32, 32], new Float32Array(8 * 3 * 32 * 32)))
  const w = constant(array("float32", [16, 4, 3, 3], new Float32Array(16 * 4 * 9)))
  expect(() => conv2d(x, w)).toThrow(
    /^conv2d: input has 3 channels, weight expects 4 \(input \[8, 3, 32, 32\], weight \[16, 4, 3, 3\]\)\n {2}at .*compile\.test\.ts:\d+:\d+$/,
  )
  expect(() => x.add(w)).toThrow(/^add: cannot broadcast \[8, 3, 32, 32\] with \[16, 4, 3, 3\]/)
  expect(() => x.matmul(w)).toThrow(/^matmul: .* has 32 columns, .* has 3 rows/)
  expect(() => layerNorm(x, 1, { weight: constant([1, 2]), bias: constant([1, 2]) })).toThrow(
    /\n {2}at .*compile\.test\.ts/,
  )
  expect(() => gradients(x, [x])).toThrow(/expected a scalar/)
})

test("a function that gives a promise or a map is refused, for its tensors would be lost", async () => {
  const late = compile((async (x: Tensor) => x.mul(2)) as unknown as (x: Tensor) => Tensor)
  await expect(late([1])).rejects.toThrow(/tensors in lists and records; got \[object Promise\] at y/)
  const named = compile((x: Tensor) => new Map([["a", x.mul(2)]]))
  await expect(named([1])).rejects.toThrow(/got \[object Map\] at y/)
})

test("an op that the runtime lacks in a dtype is refused by its name, with the cure", async () => {
  const image = array("float64", [1, 1, 3, 3], new Float64Array(9).fill(1))
  const blurred = compile((x: Tensor) => conv2d(x, x))
  await expect(blurred(image)).rejects.toThrow(
    "conv: ONNX Runtime computes no Conv of float64 here (cast its operands to float32)",
  )
  expect([...(await blurred(castArray(image, "float32"))).data]).toEqual([9])
})

test("a tensor of another program is refused by name", async () => {
  let leaked: Tensor | undefined
  await compile((x: Tensor) => {
    leaked = x
    return x.add(1)
  })([1])
  await expect(compile((x: Tensor) => x.add(leaked!))([1])).rejects.toThrow(/tensor of another program/)
})

test("training twice from the same seed gives the same bits", async () => {
  const trained = async (): Promise<unknown> => {
    const w = new Variable(Float32Array.from({ length: 64 }, (_, i) => Math.sin(i)))
    const step = compile(
      () => {
        const x = randomNormal([32, 64])
        const loss = x
          .matmul(w)
          .sub(x.sum({ axes: 1 }))
          .square()
          .mean()
        w.assign(w.sub(gradients(loss, [w])[0].mul(0.01)))
        return loss
      },
      { seed: 5, training: true },
    )
    for (let i = 0; i < 10; i++) await step()
    return (await read([w]))[0]
  }
  expect(await trained()).toEqual(await trained())
})
