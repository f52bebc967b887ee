import { readFile } from "node:fs/promises"
import { expect, test } from "vitest"
import { array, type NdArray, sizeOf, toNumbers } from "../engine/array.ts"
import { compile } from "../engine/compile.ts"
import { evaluate } from "../engine/evaluate.ts"
import { gradients } from "../engine/grad.ts"
import { configure } from "../engine/runtime.ts"
import { placeholder, type Tensor, type Variable } from "../engine/tensor.ts"
import { readSafetensors, writeSafetensors } from "../io/safetensors.ts"
import { seeded } from "../nn/init.ts"
import { loadStateDict, parameterCount, parameters, stateDict, variables } from "../nn/module.ts"
import { UNet, type UNetOptions } from "./unet.ts"

const fixture = async (name: string): Promise<ReadonlyMap<string, NdArray>> =>
  readSafetensors(await readFile(new URL(`fixtures/${name}`, import.meta.url))).tensors

/** The network of the fixtures: three levels, attention in the second, two channels, three classes. */
const tiny: UNetOptions = {
  channels: 2,
  size: [8, 12],
  width: 4,
  multipliers: [1, 1, 2],
  attention: [1],
  headSize: 2,
  groups: 2,
  classes: 3,
}

/** Largest difference in units of the largest expected value. */
function distance(actual: NdArray, expected: NdArray): number {
  expect(actual.shape).toEqual(expected.shape)
  const [a, b] = [toNumbers(actual), toNumbers(expected)]
  const scale = b.reduce((m, v) => Math.max(m, Math.abs(v)), 1e-30)
  return a.reduce((m, v, i) => Math.max(m, Math.abs(v - b[i])), 0) / scale
}

/** Output, loss, and gradients by the input and every parameter in the order of their names. */
function study(network: UNet): (x: Tensor, t: Tensor, labels: Tensor, target: Tensor) => Tensor[] {
  const sorted = [...parameters(network)].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, v]) => v)
  return (x, t, labels, target) => {
    const y = network.forward(x, t, labels)
    const loss = y.sub(target).square().mean()
    return [y, loss, ...gradients(loss, [x, ...sorted])]
  }
}

/** The oracle's gradients of all parameters, cut at the same places as ours. */
function expectedOf(oracle: ReadonlyMap<string, NdArray>, network: UNet): NdArray[] {
  const flat = oracle.get("gradients")!.data as Float32Array
  let at = 0
  const cut = [...parameters(network)]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([, { shape }]) => array("float32", shape, flat.slice(at, (at += sizeOf(shape)))))
  expect(at).toBe(flat.length)
  return [oracle.get("y")!, oracle.get("loss")!, oracle.get("gradient")!, ...cut]
}

/** Keys are added to all scores of a query alike, so the true gradient of their bias is zero: all that is seen is rounding. */
const isIdle = (name: string): boolean => name.endsWith("to_k.bias")

test("with the weights of a diffusers UNet2DModel, output and all gradients are those of diffusers [A36]", async () => {
  const network = new UNet(tiny)
  await loadStateDict(network, await fixture("unet.safetensors"))
  const oracle = await fixture("oracle.safetensors")
  const inputs = ["x", "t", "labels", "target"].map((name) => oracle.get(name)!) as [NdArray, NdArray, NdArray, NdArray]
  const expected = expectedOf(oracle, network)
  const names = ["output", "loss", "x", ...[...parameters(network).keys()].sort()]
  const largest = Math.max(...expected.slice(2).flatMap((e) => [...toNumbers(e)].map(Math.abs)))

  const onDevice = async (device: "portable" | "auto"): Promise<readonly NdArray[]> => {
    configure({ device })
    const run = compile((x: Tensor, t: Tensor, labels: Tensor, target: Tensor) => study(network)(x, t, labels, target))
    const values = await run(...inputs)
    await run.dispose()
    return values
  }
  const inFloat32 = [await onDevice("portable"), await onDevice("auto")]

  const stands = inputs.map((a, i) => placeholder(`x${i}`, { dtype: a.dtype, shape: a.shape }))
  const given = new Map(stands.map((s, i) => [s.value.node, inputs[i]]))
  const roots = study(network)(stands[0], stands[1], stands[2], stands[3]).map((t) => t.value)
  const inFloat64 = evaluate(roots, (node) =>
    node.op.leaf === "variable" ? (node.attrs as { variable: Variable }).variable.initial : given.get(node),
  )

  for (const [i, name] of names.entries()) {
    if (isIdle(name)) {
      for (const values of inFloat32)
        expect(Math.max(...toNumbers(values[i]).map(Math.abs)), name).toBeLessThan(1e-6 * largest)
    } else {
      for (const values of inFloat32)
        expect(distance(values[i], expected[i]), `${name} in the runtime`).toBeLessThan(2e-5)
      expect(distance(inFloat64[i], expected[i]), `${name} in the reference`).toBeLessThan(1e-6)
    }
  }
})

test("parameters have the names and shapes of diffusers, and travel both ways as safetensors", async () => {
  const { networks } = JSON.parse(await readFile(new URL("fixtures/names.json", import.meta.url), "utf8")) as {
    networks: { options: UNetOptions; parameters: Record<string, string> }[]
  }
  for (const { options, parameters: expected } of networks) {
    const found = [...variables(new UNet(options))].map(([name, v]) => [name, v.shape.join("x")])
    expect(Object.fromEntries(found)).toEqual(expected)
  }
  const weights = await fixture("unet.safetensors")
  const network = new UNet(tiny)
  await loadStateDict(network, weights)
  const back = readSafetensors(writeSafetensors(await stateDict(network))).tensors
  expect([...back.keys()].sort()).toEqual([...weights.keys()].sort())
  for (const [name, value] of weights) expect(back.get(name), name).toEqual(value)
})

test("a seed fixes the initial weights, and their number is that of diffusers' UNet2DModel of this shape", () => {
  const build = (seed: number): UNet => seeded(seed, () => new UNet(tiny))
  expect(parameterCount(build(0))).toBe(12906)
  const [a, b, c] = [build(3), build(3), build(4)].map((n) => variables(n).get("mid_block.resnets.0.conv1.weight")!)
  expect(a.initial).toEqual(b.initial)
  expect(a.initial).not.toEqual(c.initial)
})

test("the answer has the input's shape, depends on the time and the class, and on nothing else in the batch", async () => {
  const network = seeded(0, () => new UNet(tiny))
  const run = compile((x: Tensor, t: Tensor, labels: Tensor) => network.forward(x, t, labels))
  const size = 2 * 8 * 12
  const images = array(
    "float32",
    [4, 2, 8, 12],
    Float32Array.from({ length: 4 * size }, (_, i) => Math.sin(i % size)),
  )
  const y = await run(images, Int32Array.of(5, 900, 5, 5), Int32Array.of(0, 0, 1, 0))
  await run.dispose()
  expect(y.shape).toEqual([4, 2, 8, 12])
  const row = (i: number): number[] => [...(y.data as Float32Array).subarray(i * size, (i + 1) * size)]
  const apart = (i: number, j: number): number => Math.max(...row(i).map((v, k) => Math.abs(v - row(j)[k])))
  expect(apart(0, 1)).toBeGreaterThan(0.01)
  expect(apart(0, 2)).toBeGreaterThan(0.01)
  expect(apart(0, 3)).toBeLessThan(1e-6)
})

test("a size that cannot be halved, a wrong input and missing labels are refused by name", () => {
  expect(() => new UNet({ size: 30, multipliers: [1, 2, 4] })).toThrow(
    "UNet: size 30 cannot be halved 2 times; use a multiple of 4 or fewer multipliers",
  )
  expect(() => new UNet({ width: 24, multipliers: [1, 2] })).toThrow("48 channels do not divide into heads of 32")
  expect(() => new UNet({ width: 20 })).toThrow("20 channels do not divide into 8 groups")
  const network = new UNet(tiny)
  const times = placeholder("t", { dtype: "int32", shape: [1] })
  const x = (shape: number[]): Tensor => placeholder("x", { dtype: "float32", shape })
  expect(() => network.forward(x([1, 3, 8, 12]), times)).toThrow(
    "UNet: input is [1, 3, 8, 12], expected [batch, 2, 8, 12]",
  )
  expect(() => network.forward(x([1, 2, 8, 12]), times)).toThrow(
    "UNet: the network was built with classes and got no labels",
  )
})
