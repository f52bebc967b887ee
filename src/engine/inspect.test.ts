/** Programs as text and as pictures, and where the time of a run goes. */
import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { expect, test } from "vitest"
import { compile } from "./compile.ts"
import { randomNormal } from "./create.ts"
import { linear } from "./fused/attention.ts"
import { gradients } from "./grad.ts"
import type { Spec } from "./graph.ts"
import { describe, text, timings, timingTable, toDot } from "./inspect.ts"
import { conv2d } from "./ops/conv.ts"
import { configure } from "./runtime.ts"
import { batchSize } from "./shape.ts"
import { constant, type Tensor, Variable } from "./tensor.ts"
import { trace } from "./trace.ts"

const float = (...shape: number[]): Spec => ({ dtype: "float32", shape })
const weight = new Variable(
  [
    [1, 2],
    [3, 4],
  ],
  { name: "weight" },
)
const count = new Variable(0, { name: "count", role: "slot" })

function step(x: Tensor, t: { readonly label: Tensor }): Tensor {
  const y = linear(x, weight)
    .mul(constant([0.1, 0.25]))
    .add(randomNormal([2]))
    .sub(t.label)
  const loss = y.mul(0.5).sum({ axes: 1 }).mean()
  count.assign(count.add(1))
  return loss
}

test("a program is a line for each node, with names, settings, dtypes and shapes", () => {
  const { graph } = trace(step as never, [float(batchSize, 2), { label: float(batchSize, 2) }])
  expect(text(graph)).toBe(
    [
      "input x0: float32 [batch, 2]",
      "input x1.label: float32 [batch, 2]",
      "variable weight: float32 [2, 2]",
      "variable count: float32 []",
      "v1 = linear(x0, weight): float32 [batch, 2]",
      "c2 = constant(0.1, 0.25): float32 [2]",
      "v3 = mul(v1, c2): float32 [batch, 2]",
      "r4 = random(normal): float32 [2]",
      "v5 = add(v3, r4): float32 [batch, 2]",
      "v6 = sub(v5, x1.label): float32 [batch, 2]",
      "v7 = mul(v6, 0.5): float32 [batch, 2]",
      "v8 = reduceSum(v7, axes=[1], keepDims=false): float32 [batch]",
      "v9 = reduceMean(v8, axes=[0], keepDims=false): float32 []",
      "v10 = add(count, 1): float32 []",
      "output v9",
      "assign count <- v10",
    ].join("\n"),
  )
})

test("names that would be the same are numbered, and a batch inside a setting is called so", () => {
  const [a, b] = [new Variable([1], { name: "w" }), new Variable([2], { name: "w" })]
  const { graph } = trace((x: Tensor) => x.reshape([-1, 2]).mul(a).add(b), [float(2 * batchSize, 1)])
  expect(text(graph).split("\n")).toEqual([
    "input x0: float32 [2*batch, 1]",
    "variable w: float32 [1]",
    "variable w.1: float32 [1]",
    "v1 = reshape(x0, shape=[batch, 2]): float32 [batch, 2]",
    "v2 = mul(v1, w): float32 [batch, 2]",
    "v3 = add(v2, w.1): float32 [batch, 2]",
    "output v3",
  ])
})

test("a compiled function is described as it is run, below a count", () => {
  const described = describe(compile(step as never), [float(3, 2), { label: float(3, 2) }])
  const [first, ...rest] = described.split("\n")
  expect(first).toBe("8 nodes, 2 variables of 5 numbers, 1 assigned")
  // What is run has no fused ops.
  expect(rest).toContain("v1 = matmul(x0, weight, transposeA=false, transposeB=true): float32 [3, 2]")
})

test("a program is a picture: a box for each op, an edge with a shape for each value", () => {
  const named = new Variable([1], { name: 'a "name"' })
  const { graph } = trace((x: Tensor) => gradients(x.mul(named).sum(), [named])[0], [float(3)])
  const dot = toDot(graph)
  expect(dot).toMatch(/^digraph program \{\n[\s\S]*\n\}\n$/)
  expect(dot).toContain('label="x0", shape=ellipse')
  const ids = new Map([...dot.matchAll(/^ {2}(\w+) \[label="((?:[^"\\]|\\.)*)"/gm)].map((m) => [m[1], m[2]]))
  const edges = [...dot.matchAll(/^ {2}(\w+) -> (\w+) \[label="([^"]*)"\]/gm)].map((m) => [
    ids.get(m[1]),
    ids.get(m[2]),
    m[3],
  ])
  // d sum(x a) / da = sum(x): the seed 1, spread over x's shape, times x, summed to a's.
  expect(edges).toContainEqual(["x0", "mul", "[3]"])
  expect(edges.at(-1)).toEqual(["reshape", "output", "[1]"])
  expect([...ids.values()]).not.toContain('a "name"')
  expect(toDot(trace((x: Tensor) => x.mul(named), [float(3)]).graph)).toContain(
    '[label="a \\"name\\"", shape=box, style=filled',
  )
})

test("nodes of a picture can be renamed or left out", () => {
  const { graph } = trace((x: Tensor) => x.exp().mul(2), [float(3)])
  const dot = toDot(graph, { label: (n) => (n.op.leaf === "constant" ? null : n.op.name.toUpperCase()) })
  expect([...dot.matchAll(/label="([A-Z]+)"/g)].map((m) => m[1])).toEqual(["INPUT", "EXP", "MUL"])
})

test("the nodes of a run are timed, by op, without the first run", async () => {
  const folder = mkdtempSync(join(tmpdir(), "tweedie-profile-"))
  // Portable programs keep the names of the ops they were written with.
  configure({ device: "portable" })
  try {
    const kernel = new Variable({ dtype: "float32", shape: [4, 2, 3, 3], data: new Float32Array(72).fill(0.1) })
    const run = compile((x: Tensor) => conv2d(x, kernel, null, { padding: 1 }).square().sum(), {
      profile: join(folder, "step"),
    })
    const x = { dtype: "float32", shape: [8, 2, 32, 32], data: new Float32Array(8 * 2 * 32 * 32).fill(1) } as const
    for (let i = 0; i < 4; i++) await run(x)
    const file = await run.profile()
    expect(file.startsWith(join(folder, "step_"))).toBe(true)
    const rows = timings(readFileSync(file, "utf8"))
    expect(rows.find((r) => r.op === "conv")).toMatchObject({ operators: ["Conv"], nodes: 1 })
    expect(rows.map((r) => r.op).sort()).toEqual(expect.arrayContaining(["conv", "mul", "reduceSum"]))
    expect(rows.reduce((sum, r) => sum + r.share, 0)).toBeCloseTo(1)
    for (const [i, r] of rows.slice(1).entries()) expect(r.milliseconds).toBeLessThanOrEqual(rows[i].milliseconds)
    await run.dispose()
  } finally {
    configure({ device: "auto" })
    rmSync(folder, { recursive: true })
  }
})

/** Events as ONNX Runtime writes them. */
const node = (name: string, type: string, micros: number) => ({
  cat: "Node",
  name: `${name}_kernel_time`,
  dur: micros,
  args: { op_name: type },
})
const end = { cat: "Session", name: "model_run", dur: 1, args: {} }

test("timings are means over all runs but the first, and a table of them adds up", () => {
  const run = (scale: number) => [
    node("conv/Conv.1", "Conv", 3000 * scale),
    node("conv/Conv.2", "Conv", 3000 * scale),
    node("scatterAdd/ScatterND.7", "ScatterND", 1000 * scale),
    node("scatterAdd/Expand.5", "Expand", 500 * scale),
    node("_token_12", "Cast", 500 * scale),
    end,
  ]
  const rows = timings(JSON.stringify([...run(100), ...run(1), ...run(2)]))
  expect(rows).toEqual([
    { op: "conv", operators: ["Conv"], nodes: 2, milliseconds: 9, share: 0.75 },
    { op: "scatterAdd", operators: ["Expand", "ScatterND"], nodes: 2, milliseconds: 2.25, share: 0.1875 },
    { op: "runtime", operators: ["Cast"], nodes: 1, milliseconds: 0.75, share: 0.0625 },
  ])
  expect(timingTable(rows)).toBe(
    [
      "op              ms   share  nodes  ONNX",
      "conv         9.000   75.0%      2  Conv",
      "scatterAdd   2.250   18.8%      2  Expand ScatterND",
      "runtime      0.750    6.3%      1  Cast",
      "all         12.000  100.0%      5",
    ].join("\n"),
  )
})

test("a single run counts, and what is no profile is refused", () => {
  expect(timings(JSON.stringify([node("exp/Exp.0", "Exp", 5), end]))).toHaveLength(1)
  expect(() => timings(JSON.stringify([node("exp/Exp.0", "Exp", 5)]))).toThrow("timings: the profile holds no run")
  for (const wrong of ["", "{}", "[1]", '[{"cat": "Node"']) expect(() => timings(wrong)).toThrow("timings: expected")
})
