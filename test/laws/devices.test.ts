/** Laws of devices: the CPU's programs, the portable ones and the reference interpreter agree, gradients included. */
import { afterAll, describe, expect, test } from "vitest"
import { type NdArray, toNumbers } from "../../src/engine/array.ts"
import { compile } from "../../src/engine/compile.ts"
import { groupNorm } from "../../src/engine/fused/normalize.ts"
import { gradients } from "../../src/engine/grad.ts"
import { topological } from "../../src/engine/graph.ts"
import { gather } from "../../src/engine/ops/gather.ts"
import { Generator } from "../../src/engine/random.ts"
import { configure } from "../../src/engine/runtime.ts"
import { placeholder, type Tensor } from "../../src/engine/tensor.ts"
import { distanceInBlocks, distances, meetsBlocks } from "./agreement.ts"
import { blockCases, largeMeans } from "./blocks.ts"
import { opCases } from "./cases.ts"
import { randomNetwork } from "./networks.ts"
import { trained, variablesApart } from "./training.ts"

afterAll(() => configure({ device: "auto" }))

type Fn = (...x: Tensor[]) => Tensor

async function expectAgreement(fn: Fn, inputs: readonly NdArray[], depth: number, tolerance = 1e-4): Promise<void> {
  for (const [i, { cpu, devices }] of (await distances(fn, inputs, depth)).entries()) {
    expect(cpu, `result ${i}, cpu and host`).toBeLessThan(tolerance)
    expect(devices, `result ${i}, cpu and portable`).toBeLessThan(tolerance)
  }
}

describe("every op agrees, with its first and second gradients", () => {
  test.each(opCases)("$name", ({ fn, inputs, smooth }) => expectAgreement(fn, inputs, smooth ? 2 : 0))
})

describe("ops on whole blocks agree, with their first and second gradients", () => {
  test.each(blockCases)("$name", ({ fn, inputs }) => expectAgreement(fn, inputs, 2))
})

describe("random networks agree, with their first and second gradients", () => {
  // TWEEDIE_NETWORKS=200 tries more of them.
  const count = Number(process.env["TWEEDIE_NETWORKS"] ?? 25)
  test.each(Array.from({ length: count }, (_, seed) => seed))("network %i", (seed) => {
    const { fn, inputs } = randomNetwork(seed)
    return expectAgreement(fn, inputs, 2)
  })
})

describe.each([8, 16])("programs for blocks of %i agree, whatever the blocks of this processor", (block) => {
  test.each(blockCases)("$name", async ({ fn, inputs }) => {
    expect(await distanceInBlocks(block, fn, inputs, 2)).toBeLessThan(1e-4)
  })
  test("and most of these are written with blocked operators", () => {
    const met = blockCases.filter(({ fn, inputs }) => meetsBlocks(block, fn, inputs, 2))
    expect(met.length).toBeGreaterThan(0.7 * blockCases.length)
  })
  test.each(Array.from({ length: 10 }, (_, seed) => seed))("network %i", async (seed) => {
    const { fn, inputs } = randomNetwork(seed, block)
    expect(await distanceInBlocks(block, fn, inputs, 2)).toBeLessThan(1e-4)
  })
})

test.each([10, 100, 1000])("group normalisation is exact where the mean is %i times the spread", async (ratio) => {
  for (const { fn, inputs } of largeMeans(ratio)) await expectAgreement(fn, inputs, 1)
  const inside = largeMeans(ratio).at(-1)!
  for (const block of [8, 16]) {
    expect(meetsBlocks(block, inside.fn, inside.inputs, 1)).toBe(true)
    expect(await distanceInBlocks(block, inside.fn, inside.inputs, 1)).toBeLessThan(1e-4)
  }
})

test("group normalisation is exact where the mean's square is more than float32 holds", async () => {
  configure({ device: "cpu" })
  for (const { fn, inputs } of largeMeans(1000)) {
    const huge = inputs.map((x) => ({ ...x, data: Float32Array.from(x.data as Float32Array, (v) => v * 1e17) }))
    const [before, after] = [await compile(fn)(...inputs), await compile(fn)(...huge)]
    const distance = toNumbers(after).map((v, i) => Math.abs(v - toNumbers(before)[i]))
    expect(Math.max(...distance)).toBeLessThan(1e-4)
  }
})

test("group normalisation is exact where the squares of one sample alone overflow", async () => {
  const count = 4 * 32 * 16
  for (let at = 0; at < 4; at++) {
    const random = new Generator(at)
    const data = Float32Array.from({ length: count }, (_, i) =>
      Math.floor((4 * i) / count) === at ? 1e17 * (1000 + random.normal()) : random.normal(),
    )
    await expectAgreement((x) => groupNorm(x, 4), [{ dtype: "float32", shape: [4, 32, 4, 4], data }], 0)
  }
})

test("a training that goes from one device to the other arrives where it would have on one", async () => {
  const alone = await trained("portable", "portable", 16)
  for (const [first, second] of [
    ["cpu", "portable"],
    ["portable", "cpu"],
  ] as const) {
    const apart = await variablesApart(await trained(first, second, 16), alone, 16)
    expect(apart, `${first}, then ${second}`).toBeLessThan(1e-4)
  }
})

test.each(["cpu", "portable"] as const)(
  "rows of one index are all added up by several threads at once (%s)",
  async (device) => {
    configure({ device, threads: 2 })
    const [count, width, draws] = [50, 64, 20_000]
    const random = new Generator(7)
    const indices: NdArray = {
      dtype: "int32",
      shape: [draws],
      data: Int32Array.from({ length: draws }, () => random.integer(count)),
    }
    const table: NdArray = { dtype: "float32", shape: [count, width], data: new Float32Array(count * width).fill(1) }
    const run = compile((t: Tensor, i: Tensor) => gradients(gather(t, i).sum(), [t])[0])
    const expected = new Float32Array(count)
    for (const i of indices.data) expected[Number(i)]++
    for (let k = 0; k < 5; k++) {
      const { data } = await run(table, indices)
      expect(Float32Array.from({ length: count }, (_, i) => Number(data[i * width + (i % width)]))).toEqual(expected)
    }
    await run.dispose()
  },
)

test("the gradient of a split is laid side by side, with no zeros to add", () => {
  const x = placeholder("x", { dtype: "float32", shape: [2, 12] })
  const [a, b, c] = x.split([3, 4, 5], 1)
  const [g] = gradients(b.exp().sum().add(c.square().sum()).add(a.log().sum()), [x])
  expect(topological([g.value]).map((n) => n.op.name)).toContain("concat")
  expect(topological([g.value]).map((n) => n.op.name)).not.toContain("unslice")
})
