/** Programs for blocks of any size on any machine: the runtime's blocked operators spelled out in standard ones. */
import { array, type NdArray } from "../../src/engine/array.ts"
import { blockedDomain } from "../../src/engine/devices/cpu/blocks.ts"
import { cpu } from "../../src/engine/devices/cpu/cpu.ts"
import { lower } from "../../src/engine/lower.ts"
import type { AttributeValue, OnnxModel, OnnxNode } from "../../src/engine/onnx/model.ts"
import { writeModel } from "../../src/engine/onnx/write.ts"
import { theRoom } from "../../src/engine/runtime.ts"
import { simplify } from "../../src/engine/simplify.ts"
import type { Tensor } from "../../src/engine/tensor.ts"
import { trace } from "../../src/engine/trace.ts"

/** Writes the nodes that stand for one, ending in its own outputs. */
class Speller {
  readonly nodes: OnnxNode[] = []
  readonly initializers: OnnxModel["graph"]["initializers"]
  #count = 0

  constructor(initializers: OnnxModel["graph"]["initializers"]) {
    this.initializers = initializers
  }

  node(type: string, inputs: readonly string[], attributes: Record<string, AttributeValue> = {}, output?: string) {
    const name = output ?? `spelled${this.#count++}`
    this.nodes.push({ name: `spelled/${name}`, type, domain: "", inputs, outputs: [name], attributes })
    return name
  }

  ints(values: readonly number[]): string {
    const name = `spelled${this.#count++}`
    const data = BigInt64Array.from(values, BigInt)
    ;(this.initializers as Map<string, unknown>).set(name, array("int64", [values.length], data))
    return name
  }

  /** Elements seen in the sizes `from`, their axes in another order, under the shape of `like` or the given one. */
  sorted(x: string, from: readonly number[], order: readonly number[], shape: string, output?: string): string {
    const view = this.node("Reshape", [x, this.ints(from)])
    const moved = this.node("Transpose", [view], { perm: { ints: order } })
    return this.node("Reshape", [moved, shape], {}, output)
  }

  /** Images of the given number of channels, out of blocks or into them. */
  images(x: string, count: number, block: number, isInto: boolean, output?: string): string {
    const shape = this.node("Shape", [x])
    const parts = isInto ? [0, count / block, block, -1] : [0, count / block, -1, block]
    return this.sorted(x, parts, [0, 1, 3, 2], shape, output)
  }
}

const intOf = (value: AttributeValue | undefined, otherwise: number): number =>
  value !== undefined && "int" in value ? Number(value.int) : otherwise

/** The shape of a value that is described, a constant, or reshaped by one. */
function shapes({ graph }: OnnxModel): (name: string) => readonly number[] {
  const makers = new Map(graph.nodes.flatMap((node) => node.outputs.map((name) => [name, node] as const)))
  const described = new Map([...graph.inputs, ...(graph.values ?? []), ...graph.outputs].map((v) => [v.name, v.shape]))
  return (name) => {
    const given = graph.initializers.get(name)?.shape ?? described.get(name)
    if (given !== undefined) return given as readonly number[]
    const maker = makers.get(name)
    const sizes = maker?.type === "Reshape" ? graph.initializers.get(maker.inputs[1]) : undefined
    if (sizes === undefined) throw new Error(`spelled: the shape of ${name} (${maker?.name}) is not known`)
    return Array.from(sizes.data, Number)
  }
}

/** A convolution as the runtime reads it: what it would misread without a word is refused. */
function conv(write: Speller, node: OnnxNode, [outer, inner, kh, kw]: readonly number[], block: number): void {
  const [x, w, bias = "", sum = ""] = node.inputs
  const { group, activation, ...attributes } = node.attributes
  const groups = intOf(group, 1)
  const isWhole = (n: number): boolean => n % block === 0
  const isDepthwise = inner === 1 && outer === groups
  const isBlocked = inner >= block || isDepthwise
  if (!isWhole(isDepthwise ? outer : outer / groups) || (inner >= block && !isWhole(inner)))
    throw new Error(`spelled: ${node.name} has ${groups} groups of ${inner} to ${outer / groups} in blocks of ${block}`)
  const images = isBlocked ? write.images(x, inner * groups, block, false) : x
  const target = write.ints([outer, inner, kh, kw])
  const kernels =
    inner >= block
      ? write.sorted(w, [outer / block, inner / block, kh, kw, block, block], [0, 5, 1, 4, 2, 3], target)
      : write.sorted(w, [outer / block, inner, kh, kw, block], [0, 4, 1, 2, 3], target)
  const inputs = [images, kernels, ...(bias === "" ? [] : [bias])]
  let y = write.images(write.node("Conv", inputs, { ...attributes, group: { int: groups } }), outer, block, true)
  if (sum !== "") y = write.node("Add", [y, sum])
  const last = activation !== undefined && "string" in activation ? activation.string : "Identity"
  write.node(last, [y], {}, node.outputs[0])
}

/** The same program with no operator of the blocked domain. */
export function spelled(model: OnnxModel, block: number): OnnxModel {
  const { graph } = model
  const shapeOf = shapes(model)
  const initializers = new Map(graph.initializers)
  const write = new Speller(initializers)
  for (const node of graph.nodes) {
    const [x] = node.inputs
    const [y] = node.outputs
    if (node.domain !== blockedDomain) write.nodes.push(node)
    else if (node.type === "Conv") conv(write, node, shapeOf(node.inputs[1]), block)
    else if (node.type === "ReorderOutput") {
      // Channels that only fill the last block are left out.
      const count = intOf(node.attributes["channels"], 0)
      const full = write.images(x, Math.ceil(count / block) * block, block, false)
      write.node("Slice", [full, write.ints([0]), write.ints([count]), write.ints([1])], {}, y)
    } else if (node.type === "ReorderInput") {
      const isLast = intOf(node.attributes["channels_last"], 0) === 1
      const images = isLast ? write.node("Transpose", [x], { perm: { ints: [0, 3, 1, 2] } }) : x
      write.images(images, shapeOf(x)[isLast ? 3 : 1], block, true, y)
    } else {
      const count = shapeOf(x)[1]
      const { scales, mode, ...attributes } = node.attributes
      const images = [write.images(x, count, block, false)]
      if (node.type === "Upsample") {
        const factors = scales !== undefined && "ints" in scales ? scales.ints : []
        const name = `${node.name}.scales`
        initializers.set(name, array("float32", [4], Float32Array.from(factors)))
        const how = { mode: mode!, coordinate_transformation_mode: { string: "asymmetric" } }
        images.push("", name)
        const z = write.node("Resize", images, { ...how, nearest_mode: { string: "floor" } })
        write.images(z, count, block, true, y)
      } else write.images(write.node(node.type, images, attributes), count, block, true, y)
    }
  }
  const opsets = new Map([...model.opsets].filter(([domain]) => domain !== blockedDomain))
  return { ...model, opsets, graph: { ...graph, nodes: write.nodes, initializers } }
}

/** How many operators of the blocked domain the CPU device writes for a function. */
export function blockedOperators(block: number, fn: (...x: Tensor[]) => Tensor[], inputs: readonly NdArray[]): number {
  const specs = inputs.map(({ dtype, shape }) => ({ dtype, shape }))
  const device = cpu(block)
  const { graph } = device.adapt(simplify(trace(fn as never, specs).graph, device.compositions), () => undefined)
  return lower(graph).model.graph.nodes.filter((node) => node.domain === blockedDomain).length
}

let session = -1_000_000

/** What the CPU device makes of a function in blocks of the given size, whatever the size of this processor's. */
export async function inBlocksOf(
  block: number,
  fn: (...x: Tensor[]) => Tensor[],
  inputs: readonly NdArray[],
): Promise<readonly NdArray[]> {
  const specs = inputs.map(({ dtype, shape }) => ({ dtype, shape }))
  const { graph } = trace(fn as never, specs)
  const device = cpu(block)
  for (const way of [device, device.careful!]) {
    const { graph: adapted, isGuarded } = way.adapt(simplify(graph, way.compositions), () => undefined)
    const { model, inputs: names, outputs } = lower(adapted)
    const id = session--
    await theRoom().load(id, writeModel(spelled(model, block)), { threads: 1 })
    const feeds = Object.fromEntries(names.map((name, i) => [name, inputs[i]]))
    const guard = isGuarded ? outputs.at(-1) : undefined
    const results = await theRoom().run({ session: id, feeds, reads: {}, writes: {}, fetches: outputs, guard })
    await theRoom().release(id)
    if (results !== undefined) return results.slice(0, graph.outputs.length)
  }
  throw new Error("inBlocksOf: the careful program is guarded")
}
