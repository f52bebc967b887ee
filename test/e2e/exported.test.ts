/** An exported denoiser is a file like any other: a script that knows only ONNX Runtime gets our numbers from it. */
import { spawnSync } from "node:child_process"
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { afterAll, expect, test } from "vitest"
import { PointNet } from "../../src/diffusion/pointnet.ts"
import { UNet } from "../../src/diffusion/unet.ts"
import { fromNumbers, type NdArray, sizeOf, toNumbers } from "../../src/engine/array.ts"
import { compile } from "../../src/engine/compile.ts"
import { exportOnnx } from "../../src/engine/export.ts"
import { Generator } from "../../src/engine/random.ts"
import { batchSize } from "../../src/engine/shape.ts"
import type { Tensor } from "../../src/engine/tensor.ts"
import { seeded } from "../../src/nn/init.ts"
import { variables } from "../../src/nn/module.ts"

const script = fileURLToPath(new URL("./plain.mjs", import.meta.url))
const work = mkdtempSync(join(tmpdir(), "tweedie-exported-"))
afterAll(() => rmSync(work, { recursive: true, force: true }))

interface Network {
  readonly shape: readonly number[]
  forward(x: Tensor, t: Tensor, labels?: Tensor): Tensor
}

const networks: readonly [string, () => Network, readonly string[]][] = [
  ["a U-Net", () => new UNet({ size: [12, 8], width: 16, multipliers: [1, 2, 2], headSize: 16 }), ["x", "t"]],
  [
    "a U-Net of several channels and classes",
    () =>
      new UNet({ channels: 3, size: 8, width: 16, multipliers: [1, 2], attention: [0, 1], headSize: 8, classes: 5 }),
    ["x", "t", "labels"],
  ],
  ["a network for points", () => new PointNet({ width: 33, classes: 5 }), ["x", "t", "labels"]],
]

function feed(network: Network, names: readonly string[], batch: number): NdArray[] {
  const random = new Generator(batch)
  const shape = [batch, ...network.shape]
  const all = [
    fromNumbers(
      "float32",
      shape,
      Array.from({ length: sizeOf(shape) }, () => random.normal()),
    ),
    fromNumbers(
      "int32",
      [batch],
      Array.from({ length: batch }, () => random.integer(1000)),
    ),
    fromNumbers(
      "int32",
      [batch],
      Array.from({ length: batch }, () => random.integer(5)),
    ),
  ]
  return all.slice(0, names.length)
}

test("the script that runs exported files imports nothing of ours", () => {
  const source = readFileSync(script, "utf8")
  expect(source.split("\n").length).toBeLessThanOrEqual(21)
  expect([...source.matchAll(/from "(.*)"/g)].map((m) => m[1])).toEqual(["node:fs", "onnxruntime-node"])
})

test.each(networks)(
  "%s that was exported gives the same numbers without us, at batch 1 and 7",
  async (_, make, names) => {
    const network = seeded(2, make)
    const call = (x: Tensor, t: Tensor, labels?: Tensor): Tensor => network.forward(x, t, labels)
    const open = { dtype: "int32", shape: [batchSize] } as const
    const specs = [{ dtype: "float32", shape: [batchSize, ...network.shape] } as const, open, open].slice(
      0,
      names.length,
    )
    const bytes = await exportOnnx(call, specs, {
      inputNames: names,
      outputNames: ["v"],
      variables: variables(network),
    })
    const batches = [1, 7].map((batch) => feed(network, names, batch))
    writeFileSync(join(work, "model.onnx"), bytes)
    const feeds = batches.map((arrays) =>
      Object.fromEntries(arrays.map(({ data, ...a }, i) => [names[i], { ...a, data: [...data] }])),
    )
    writeFileSync(join(work, "feeds.json"), JSON.stringify(feeds))
    const run = spawnSync(process.execPath, [script, join(work, "model.onnx"), join(work, "feeds.json")], {
      encoding: "utf8",
    })
    expect(run.stderr).toBe("")
    const ours = compile(call as (...inputs: Tensor[]) => Tensor)
    for (const [i, line] of run.stdout.trim().split("\n").entries()) {
      const { v } = JSON.parse(line) as { v: { shape: number[]; data: number[] } }
      const expected = await ours(...batches[i])
      expect(v.shape).toEqual(expected.shape)
      const values = toNumbers(expected)
      const scale = Math.max(...values.map(Math.abs))
      expect(Math.max(...v.data.map((x, k) => Math.abs(x - values[k])))).toBeLessThanOrEqual(1e-5 * scale)
    }
    await ours.dispose()
  },
)
