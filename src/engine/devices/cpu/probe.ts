/** Whether this machine's ONNX Runtime has the blocked operators, in which block size, and whether they are right here. */
import { array, type NdArray, sizeOf, toNumbers } from "../../array.ts"
import { silu } from "../../fused/activation.ts"
import { groupNorm } from "../../fused/normalize.ts"
import { upsampleConv2d } from "../../fused/pool.ts"
import { differentiate } from "../../grad.ts"
import { lower } from "../../lower.ts"
import type { OnnxModel } from "../../onnx/model.ts"
import { writeModel } from "../../onnx/write.ts"
import { conv2d } from "../../ops/conv.ts"
import { concat } from "../../ops/movement.ts"
import { fillNormal, keyOf } from "../../random.ts"
import { theRoom } from "../../runtime.ts"
import { simplify } from "../../simplify.ts"
import type { Tensor } from "../../tensor.ts"
import { trace } from "../../trace.ts"
import type { Device } from "../device.ts"
import { blockedDomain } from "./blocks.ts"

/** Sessions of programs are counted from 0. */
let session = -1

async function once(
  model: OnnxModel,
  feeds: Readonly<Record<string, NdArray>>,
  fetches: readonly string[],
): Promise<NdArray[]> {
  const id = session--
  await theRoom().load(id, writeModel(model), { threads: 1 })
  try {
    return (await theRoom().run({ session: id, feeds, reads: {}, writes: {}, fetches }))!
  } finally {
    await theRoom().release(id)
  }
}

/** The size of a block, which depends on the processor, or `undefined` where the runtime has none. */
export async function probeBlock(): Promise<number | undefined> {
  const x = { name: "x", dtype: "float32" as const, shape: [1, 4, 1, 1] }
  const model: OnnxModel = {
    graph: {
      name: "probe",
      nodes: [
        { name: "reorder", type: "ReorderInput", domain: blockedDomain, inputs: ["x"], outputs: ["y"], attributes: {} },
      ],
      initializers: new Map(),
      inputs: [x],
      // Four channels become one block; how many that are is what we ask, so the shape is left open.
      outputs: [{ name: "y", dtype: "float32", shape: undefined }],
    },
    opsets: new Map([
      ["", 18],
      [blockedDomain, 1],
    ]),
    irVersion: 8,
    producer: "tweedie",
    metadata: new Map(),
  }
  try {
    const [y] = await once(model, { x: array("float32", x.shape, Float32Array.of(1, 2, 3, 4)) }, ["y"])
    const block = y.shape[1]
    const expected = Array.from({ length: block }, (_, i) => (i < 4 ? i + 1 : 0))
    return (block === 8 || block === 16) && expected.every((v, i) => v === y.data[i]) ? block : undefined
  } catch {
    return undefined
  }
}

/** A network that meets most blocked operators of the device, with the gradients of all its parameters. */
function sample(x: Tensor, ...parameters: readonly Tensor[]): Tensor[] {
  const [w1, w2, w3, w4, w5, weight, bias] = parameters
  const a = conv2d(x, w1, bias, { padding: 1 })
  const b = conv2d(silu(groupNorm(a, 4, { weight, bias })), w2, bias, { padding: 1 }).add(a)
  const c = upsampleConv2d(conv2d(b, w3, null, { padding: 1, stride: 2 }), w4, bias)
  const y = conv2d(concat([b, c], 1), w5)
    .square()
    .mean()
  const wrt = [x, ...parameters]
  return [y, ...differentiate([y], [y.like(1)], wrt).map((g) => g!)]
}

/** Relative errors of float32 in another order of summation are a hundred times smaller. */
const tolerance = 1e-3

/** Whether a device gives the values of another on a small case. */
export async function agree(one: Device, other: Device, block: number): Promise<boolean> {
  const shapes = [
    [3, 2, 6, 4],
    [block, 2, 3, 3],
    ...new Array<number[]>(3).fill([block, block, 3, 3]),
    [3, 2 * block, 1, 1],
    [block],
    [block],
  ]
  const values = shapes.map((shape, i) =>
    array("float32", shape, fillNormal(new Float32Array(sizeOf(shape)), keyOf(i))),
  )
  const run = async (device: Device): Promise<NdArray[]> => {
    const { graph } = trace(
      sample as never,
      shapes.map((shape) => ({ dtype: "float32", shape })),
    )
    const { model, inputs, outputs } = lower(device.adapt(simplify(graph, device.compositions), () => undefined).graph)
    const fetches = outputs.slice(0, graph.outputs.length)
    return once(model, Object.fromEntries(inputs.map((name, i) => [name, values[i]])), fetches)
  }
  try {
    const [a, b] = [await run(one), await run(other)]
    return a.every((v, i) => apart(v, b[i]) < tolerance)
  } catch {
    return false
  }
}

function apart(a: NdArray, b: NdArray): number {
  const [x, y] = [toNumbers(a), toNumbers(b)]
  const [difference, size] = [0, 0].map((_, k) => x.reduce((s, v, i) => s + (k === 0 ? (v - y[i]) ** 2 : y[i] ** 2), 0))
  return Math.sqrt(difference / size)
}
