/** A classifier of another tool is read, cut, frozen, trained on and written again. */
import { readFileSync } from "node:fs"
import { afterAll, describe, expect, test } from "vitest"
import { glyphs } from "../data/glyphs.ts"
import { loader } from "../data/loader.ts"
import { array, fromNumbers, type NdArray, toNumbers } from "../engine/array.ts"
import { compile } from "../engine/compile.ts"
import { exportOnnx } from "../engine/export.ts"
import { importOnnx } from "../engine/import.ts"
import { readModel } from "../engine/onnx/read.ts"
import { writeModel } from "../engine/onnx/write.ts"
import { LocalRoom } from "../engine/session.ts"
import { batchSize } from "../engine/shape.ts"
import { read } from "../engine/state.ts"
import type { Tensor } from "../engine/tensor.ts"
import { crossEntropyLoss } from "../losses/classification.ts"
import { adamW } from "../optim/adam.ts"
import { train } from "../train/loop.ts"
import { seeded } from "./init.ts"
import { freeze, parameters, variables } from "./module.ts"
import { ImportedClassifier } from "./transfer.ts"

const fixture = (name: string): Uint8Array => new Uint8Array(readFileSync(new URL(`fixtures/${name}`, import.meta.url)))
const said = JSON.parse(new TextDecoder().decode(fixture("mnist.json"))) as { pixels: number[]; logits: number[][] }
const pixels = array(
  "float32",
  [4, 1, 28, 28],
  Float32Array.from(said.pixels, (p) => (p / 255 - 0.1307) / 0.3081),
)
const exporters = ["script", "dynamo"] as const

const room = new LocalRoom()
let sessions = 0

/** What ONNX Runtime alone makes of a file. */
async function plain(bytes: Uint8Array, x: NdArray, output = "logits"): Promise<Float64Array> {
  const session = sessions++
  await room.load(session, bytes, { threads: 1 })
  const [y] = (await room.run({ session, feeds: { x }, reads: {}, writes: {}, fetches: [output] }))!
  await room.release(session)
  return toNumbers(y)
}

async function forwardOf(fn: (x: Tensor) => Tensor, x: NdArray): Promise<Float64Array> {
  const run = compile(fn)
  const y = await run(x)
  await run.dispose()
  return toNumbers(y)
}

function apart(a: ArrayLike<number>, b: ArrayLike<number>): number {
  expect(a.length).toBe(b.length)
  return Array.from(a).reduce((worst, v, i) => Math.max(worst, Math.abs(v - b[i])), 0)
}

describe.each(exporters)("a network exported by the exporter %s", (exporter) => {
  const bytes = fixture(`mnist-${exporter}.onnx`)

  test("gives PyTorch's logits, by its own last layer and for any batch", async () => {
    const model = new ImportedClassifier(bytes)
    expect([model.input.name, model.output, model.classes, model.width]).toEqual(["x", "logits", 10, 32])
    expect(model.input.shape).toEqual([batchSize, 1, 28, 28])
    expect([...model.head.keys()].sort()).toEqual(["fc2.bias", "fc2.weight"])
    expect(apart(await forwardOf((x) => model.forward(x), pixels), said.logits.flat())).toBeLessThan(1e-4)
    const one = fromNumbers("float32", [1, 1, 28, 28], [...pixels.data.slice(0, 784)].map(Number))
    expect(apart(await forwardOf((x) => model.forward(x), one), said.logits[0])).toBeLessThan(1e-4)
  })

  test("takes a new last layer on a frozen trunk, learns, and is written as a file that ONNX Runtime reads alike", async () => {
    const model = seeded(1, () => new ImportedClassifier(bytes, { classes: 10 }))
    freeze(model, /^(?!head\.)/)
    expect([...parameters(model).keys()]).toEqual(["head.weight", "head.bias"])
    const before = await read([...model.trunk.values()])
    // Glyphs are digits too, drawn by a program; inverted, they are nothing that the trunk has seen.
    const view = (x: Tensor): Tensor => x.neg().mul(1.6228).add(1.1985)
    const losses: number[] = []
    const training = train(
      {
        variables: variables(model),
        loss: ({ x, y }) => ({ total: crossEntropyLoss(model.forward(view(x)), y!) }),
      },
      loader(glyphs({ count: 512 }), { batch: 64 }),
      { optimizer: adamW({ lr: 0.02 }), steps: 60, ema: null },
    )
    for await (const { loss } of training) losses.push(loss)
    await training.dispose()
    expect(losses.slice(-5).every((l) => l < 0.5 * losses[0])).toBe(true)
    expect(await read([...model.trunk.values()])).toEqual(before)

    const file = await exportOnnx((x: Tensor) => model.answer(x), [model.input], {
      inputNames: ["x"],
      outputNames: [model.output],
      variables: variables(model),
    })
    const own = await forwardOf((x) => model.forward(x), pixels)
    expect(apart(await plain(file, pixels), own)).toBeLessThan(1e-4)
    const again = new ImportedClassifier(file)
    expect([...again.head.keys()].sort()).toEqual(["head.bias", "head.weight"])
    expect([...again.trunk.keys()].sort()).toEqual([...model.trunk.keys()].sort())
    expect(apart(await forwardOf((x) => again.forward(x), pixels), own)).toBeLessThan(1e-4)
  })

  test("trains every layer; what was folded or kept as statistics stays", async () => {
    const model = new ImportedClassifier(bytes)
    const names = [...parameters(model).keys()]
    const [x, y] = [pixels, array("int32", [4], Int32Array.of(3, 1, 4, 1))]
    const before = new Map([...variables(model)].map(([name, v]) => [name, v.initial]))
    const training = train(
      { variables: variables(model), loss: (b) => ({ total: crossEntropyLoss(model.forward(b.x), b.y!) }) },
      loader({ name: "four", length: 4, shape: [1, 28, 28], classes: 10, batch: () => ({ x, y }) }, { batch: 4 }),
      { optimizer: adamW({ lr: 1e-3 }), steps: 2, ema: null },
    )
    for await (const _ of training);
    const after = await read([...variables(model).values()])
    await training.dispose()
    for (const [i, name] of [...variables(model).keys()].entries()) {
      const isSame = apart(toNumbers(after[i]), toNumbers(before.get(name)!)) === 0
      expect([name, isSame]).toEqual([name, !names.includes(name)])
    }
  })

  test("is cut at any value: maps of features are averaged over their places", async () => {
    const { nodes } = importOnnx(bytes)
    const maps = nodes.filter((n) => n.type === "MaxPool")[1].outputs[0]
    const model = seeded(0, () => new ImportedClassifier(bytes, { classes: 3, cut: maps }))
    expect([model.width, model.classes, model.cut]).toEqual([16, 3, maps])
    expect([...model.trunk.keys()].some((name) => name.startsWith("fc"))).toBe(false)
    const cut = importOnnx(bytes, { outputs: [maps] })
    expect(
      apart(
        await forwardOf((x) => model.features(x), pixels),
        await forwardOf((x) => cut.call({ x })[maps].mean({ axes: [2, 3] }), pixels),
      ),
    ).toBeLessThan(1e-6)
  })
})

afterAll(async () => {
  for (let k = 0; k < sessions; k++) await room.release(k).catch(() => {})
})

test("a file whose batch is fixed is opened, and probabilities stay what it answers", async () => {
  const model = readModel(fixture("mnist-script.onnx"))
  const { graph } = model
  const soft = { name: "s", type: "Softmax", domain: "", inputs: ["logits"], outputs: ["p"], attributes: {} }
  const fixed = writeModel({
    ...model,
    graph: {
      ...graph,
      nodes: [...graph.nodes, { ...soft, attributes: { axis: { int: 1 } } }],
      inputs: graph.inputs.map((v) => ({ ...v, shape: [1, 1, 28, 28] })),
      outputs: [{ name: "p", dtype: "float32", shape: [1, 10] }],
    },
  })
  const found = new ImportedClassifier(fixed)
  expect([found.input.shape, found.output]).toEqual([[batchSize, 1, 28, 28], "p"])
  expect(apart(await forwardOf((x) => found.forward(x), pixels), said.logits.flat())).toBeLessThan(1e-4)
  const sums = await forwardOf((x) => found.answer(x).sum({ axes: 1 }), pixels)
  expect(apart(sums, [1, 1, 1, 1])).toBeLessThan(1e-5)
})

test("what cannot be tuned is refused with what was found and what to do", () => {
  const model = readModel(fixture("mnist-script.onnx"))
  const { graph } = model
  const last = graph.nodes.length - 1
  const changed = (node: Partial<(typeof graph.nodes)[0]>): Uint8Array =>
    writeModel({
      ...model,
      graph: { ...graph, nodes: graph.nodes.map((n, i) => (i === last ? { ...n, name: "the last", ...node } : n)) },
    })
  expect(
    () => new ImportedClassifier(changed({ type: "Relu", inputs: [graph.nodes[last].inputs[0]], attributes: {} })),
  ).toThrow(/importedClassifier: "logits" is made by Relu \(node "the last"\), expected the last linear layer .* cut/)
  expect(() => new ImportedClassifier(changed({ type: "TopK" }))).toThrow(
    /node "the last" \(TopK, operator set \d+\): the operator is not known/,
  )
  expect(() => new ImportedClassifier(fixture("mnist-script.onnx"), { classes: 2, cut: "nothing" })).toThrow(
    /output "nothing" is not made by any node/,
  )
})
