/** Loops: what is computed, written once, and refused. */
import { expect, test } from "vitest"
import { compile } from "../compile.ts"
import { randomNormal } from "../create.ts"
import { evaluate } from "../evaluate.ts"
import { exportOnnx } from "../export.ts"
import { topological } from "../graph.ts"
import { readModel } from "../onnx/read.ts"
import { expand } from "../simplify.ts"
import { constant, type Tensor, Variable } from "../tensor.ts"
import { kept, loop } from "./loop.ts"

const x = { dtype: "float32", shape: [2] } as const

test("a loop takes a row of each table at a time, in their order", async () => {
  const run = compile((x: Tensor) =>
    loop(
      [x],
      [
        constant([1, 10]),
        constant([
          [1, 2],
          [3, 4],
        ]),
      ],
      ([y], [a, b]) => [y.mul(a).add(b)],
    ),
  )
  // (x + [1, 2]) 10 + [3, 4]
  expect([...(await run([5, 6]))[0].data]).toEqual([63, 84])
  await run.dispose()
})

test("a loop that files keep has the reference value of the steps one after another", () => {
  const table = constant([
    [1, 2],
    [3, 4],
    [5, -1],
  ])
  const shared = constant([0.5, 0.25]).exp()
  const [end, other] = loop([constant([1, 2]), constant([3, 4])], [table], ([a, b], [row]) => [
    a.mul(row).add(b),
    a.mul(shared),
  ])
  const outputs = [end.value, other.value]
  const whole = expand(outputs, new Map([["loop", kept((_, step) => step)]]))
  expect(topological(whole).map((n) => n.op.name)).toContain("scan")
  expect(evaluate(whole)).toEqual(evaluate(outputs))
})

test("a file holds the step once, and what does not change in it outside", async () => {
  const weight = new Variable([1, 2], { name: "weight" })
  const scale = new Variable([3, 4], { name: "scale" })
  const write = (steps: number): Promise<Uint8Array> => {
    const table = constant(Array.from({ length: steps }, (_, i) => i / steps))
    return exportOnnx(
      (x: Tensor) => loop([x], [table], ([y], [r]) => [y.add(weight.exp().mul(r).mul(y).div(scale))])[0],
      [x],
      {
        inputNames: ["x"],
        outputNames: ["y"],
      },
    )
  }
  const [few, many] = [readModel(await write(2)), readModel(await write(200))]
  const types = (nodes: readonly { type: string }[]): string[] => nodes.map((n) => n.type)
  expect(types(few.graph.nodes)).toEqual(["Constant", "Exp", "Scan"])
  expect(types(many.graph.nodes)).toEqual(types(few.graph.nodes))
  const { body } = many.graph.nodes[2].attributes
  expect("graph" in body && types(body.graph.nodes)).toEqual(["Mul", "Mul", "Div", "Add"])
  expect("graph" in body && [...body.graph.initializers.keys()]).toEqual(["scale"])
  expect([...many.graph.initializers.keys()]).toEqual(["weight"])
})

test("a loop refuses steps and tables that do not fit", () => {
  const rows = constant([1, 2, 3])
  const y = constant([1, 2])
  const counter = new Variable([0], { name: "counter" })
  expect(() => loop([y], [], ([a]) => [a])).toThrow(/^loop: got 1 tensors to carry and tables none, expected/)
  expect(() => loop([], [rows], () => [])).toThrow(/^loop: got 0 tensors to carry and tables \[3\], expected/)
  expect(() => loop([y], [rows, y], ([a]) => [a])).toThrow(
    "loop: got tables [3], [2], expected as many rows in all of them",
  )
  expect(() => loop([y], [rows], ([a]) => [a.sum()])).toThrow(
    "loop: the step gives float32 [], expected what it carries: float32 [2]",
  )
  expect(() => loop([y], [rows], ([a]) => [a, a])).toThrow("expected what it carries: float32 [2]")
  expect(() => loop([y], [rows], () => [])).toThrow("loop: the step gives nothing")
  const assigning = compile(() =>
    loop([y], [rows], ([a]) => {
      counter.assign(counter.add(1))
      return [a]
    }),
  )
  return expect(assigning()).rejects.toThrow("loop: the step assigns counter; carry it, and assign it after the loop")
})

test("a file refuses random numbers that a step draws", () =>
  expect(
    exportOnnx((x: Tensor) => loop([x], [constant([1])], ([y]) => [y.add(randomNormal([2]))])[0], [x]),
  ).rejects.toThrow("exportOnnx: the program draws random numbers"))
