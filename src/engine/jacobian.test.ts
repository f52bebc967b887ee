/** Jacobians and Hessians against closed forms, by the reference and by the runtime. */
import { expect, test } from "vitest"
import { toNested, toNumbers } from "./array.ts"
import { compile } from "./compile.ts"
import { hostValue } from "./evaluate.ts"
import { hessian, jacobian } from "./jacobian.ts"
import { conv1d } from "./ops/conv.ts"
import { cos, exp, sin } from "./ops/elementwise.ts"
import { stack } from "./ops/movement.ts"
import { batchSize } from "./shape.ts"
import { constant, placeholder, type Tensor } from "./tensor.ts"

const nested = (t: Tensor): unknown => toNested(hostValue(t))
const vector = (...values: number[]): Tensor => constant(values, "float64")

test("a Jacobian has the output's axes first, then the argument's", async () => {
  const square = jacobian((x: Tensor) => x.square())
  expect(nested(square(vector(1, 2, 3)))).toEqual([
    [2, 0, 0],
    [0, 4, 0],
    [0, 0, 6],
  ])
  // y[i] = sum_jk M[j, k] s[i]: every axis at its place.
  const fn = (m: Tensor, s: Tensor): Tensor => m.sum().mul(s)
  expect(jacobian(fn)(constant([[1, 2, 3]]), vector(4, 5).cast("float32")).shape).toEqual([2, 1, 3])
  expect(nested(jacobian(fn)(constant([[1, 2]]), constant([4, 5])))).toEqual([[[4, 4]], [[5, 5]]])
  const run = compile(square)
  expect(toNested(await run([1, 2, 3]))).toEqual([
    [2, 0, 0],
    [0, 4, 0],
    [0, 0, 6],
  ])
  await run.dispose()
})

test("polar coordinates: the Jacobian's columns are the radial and the tangent direction", () => {
  const polar = (p: Tensor): Tensor => {
    const [r, angle] = p.split(2).map((t) => t.reshape([]))
    return stack([r.mul(cos(angle)), r.mul(sin(angle))])
  }
  const [r, a] = [2, 0.7]
  const found = toNumbers(hostValue(jacobian(polar)(vector(r, a))))
  const expected = [Math.cos(a), -r * Math.sin(a), Math.sin(a), r * Math.cos(a)]
  found.forEach((v, i) => {
    expect(v).toBeCloseTo(expected[i], 14)
  })
})

test("the Jacobian of a convolution is the banded matrix of its kernel", () => {
  const kernel = constant([[[1, 2, 4]]], "float64")
  const y = (x: Tensor): Tensor => conv1d(x.reshape([1, 1, 5]), kernel).reshape([3])
  expect(nested(jacobian(y)(vector(0, 0, 0, 0, 0)))).toEqual([
    [1, 2, 4, 0, 0],
    [0, 1, 2, 4, 0],
    [0, 0, 1, 2, 4],
  ])
})

test("a Hessian is symmetric and of second derivatives; of a linear function it is 0", () => {
  // f = x0^2 x1 + e^(x1 x2)
  const f = (x: Tensor): Tensor => {
    const [a, b, c] = x.split(3).map((t) => t.reshape([]))
    return a
      .square()
      .mul(b)
      .add(exp(b.mul(c)))
  }
  const [a, b, c] = [1.5, -0.5, 2]
  const e = Math.exp(b * c)
  const expected = [
    [2 * b, 2 * a, 0],
    [2 * a, c * c * e, (1 + b * c) * e],
    [0, (1 + b * c) * e, b * b * e],
  ].flat()
  toNumbers(hostValue(hessian(f)(vector(a, b, c)))).forEach((v, i) => {
    expect(v).toBeCloseTo(expected[i], 13)
  })
  expect(nested(hessian((x: Tensor) => x.sum())(vector(1, 2)))).toEqual([
    [0, 0],
    [0, 0],
  ])
  // The Jacobian of the Hessian: third derivatives.
  const third = jacobian(hessian((x: Tensor) => x.square().mul(x).sum()))
  expect(nested(third(vector(3)))).toEqual([[[6]]])
})

test("what has no Jacobian is refused by name", () => {
  const x = placeholder("x", { dtype: "float32", shape: [batchSize] })
  expect(() => jacobian((t: Tensor) => t)(x)).toThrow(
    "jacobian: the argument is [batch], expected sizes that are known",
  )
  expect(() => jacobian((t: Tensor) => t)(constant([1], "int32"))).toThrow("jacobian: the argument is int32")
  expect(() => jacobian((t: Tensor) => t.cast("int32"))(constant([1]))).toThrow("jacobian: the output is int32")
  expect(() => hessian((t: Tensor) => t)(constant([1, 2]))).toThrow("expected a scalar")
})
