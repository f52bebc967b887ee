/** The test vectors of ONNX: how they are read, run through the importer, and held against finite differences. */
import { readFileSync } from "node:fs"
import { gunzipSync } from "node:zlib"
import { array, type Dtype, type NdArray, sizeOf, toNumbers } from "../../src/engine/array.ts"
import { compile } from "../../src/engine/compile.ts"
import { evaluate, evaluator, type Leaves } from "../../src/engine/evaluate.ts"
import { differentiate } from "../../src/engine/grad.ts"
import { floats } from "../../src/engine/graph.ts"
import { type ImportedProgram, importOnnx } from "../../src/engine/import.ts"
import { readModel } from "../../src/engine/onnx/read.ts"
import { writeModel } from "../../src/engine/onnx/write.ts"
import { Generator } from "../../src/engine/random.ts"
import { constant, placeholder, type Tensor } from "../../src/engine/tensor.ts"

interface Place {
  readonly dtype: Dtype
  readonly shape: readonly number[]
  readonly at: readonly [number, number]
  /** Whether the file's numbers are of 16 bits. */
  readonly half: boolean
}

interface Entry {
  readonly name: string
  readonly model: readonly [number, number]
  readonly rtol: number
  readonly atol: number
  readonly inputs: readonly (Place | null)[]
  readonly outputs: readonly (Place | null)[]
}

/** A file of ONNX's own tests, with what goes in and what comes out; `null` is no tensor of numbers. */
export interface Vector {
  readonly name: string
  readonly bytes: Uint8Array
  readonly rtol: number
  readonly atol: number
  readonly inputs: readonly (NdArray | null)[]
  readonly outputs: readonly (NdArray | null)[]
}

const views = {
  float32: Float32Array,
  float64: Float64Array,
  int32: Int32Array,
  int64: BigInt64Array,
  bool: Uint8Array,
} as const

/** The vectors of a file that `fixtures/vectors.py` wrote. */
export function readVectors(path: string | URL): { readonly onnx: string; readonly vectors: readonly Vector[] } {
  const all = gunzipSync(readFileSync(path))
  const size = all.readUInt32LE(0)
  const { onnx, cases } = JSON.parse(all.subarray(4, 4 + size).toString()) as { onnx: string; cases: Entry[] }
  const blob = all.subarray(4 + size)
  const arrayOf = (place: Place | null): NdArray | null => {
    if (place === null) return null
    const { dtype, shape, at } = place
    const bytes = blob.subarray(at[0], at[0] + at[1])
    return array(dtype, shape, new views[dtype](Uint8Array.from(bytes).buffer) as never)
  }
  const vectors = cases.map(({ name, model, rtol, atol, inputs, outputs }): Vector => {
    const isHalf = [...inputs, ...outputs].some((p) => p?.half)
    return {
      name,
      bytes: Uint8Array.from(blob.subarray(model[0], model[0] + model[1])),
      // What was computed in 16 bits is right to that.
      rtol: isHalf ? Math.max(rtol, 8e-3) : rtol,
      atol: isHalf ? Math.max(atol, 1e-3) : atol,
      inputs: inputs.map(arrayOf),
      outputs: outputs.map(arrayOf),
    }
  })
  return { onnx, vectors }
}

/** A vector's program, and what it is fed; inputs that must be known while reading are in the program. */
export interface Read {
  readonly program: ImportedProgram
  readonly feeds: Readonly<Record<string, NdArray>>
}

/**
 * Reads a vector's file. ONNX hands over everything as inputs of the graph; where the importer asks for an input that is a
 * constant (axes, shapes, bounds), that one is written into the file.
 *
 * @throws UsageError or RangeError as the importer does.
 */
export function readVector({ bytes, inputs }: Vector): Read {
  const model = readModel(bytes)
  const fixed = new Map<string, NdArray>()
  const names = model.graph.inputs.map((v) => v.name)
  const given = new Map(names.map((name, i) => [name, inputs[i]]))
  for (;;) {
    const initializers = new Map([...model.graph.initializers, ...fixed])
    const file = fixed.size === 0 ? bytes : writeModel({ ...model, graph: { ...model.graph, initializers } })
    const feeds = Object.fromEntries([...given].filter(([name]) => !fixed.has(name))) as Record<string, NdArray>
    try {
      const program = importOnnx(file)
      program.call(standIns(feeds))
      return { program, feeds }
    } catch (error) {
      const asked = /input \d+ \("([^"]+)"\) is computed from data/.exec((error as Error).message)?.[1]
      if (asked === undefined || fixed.has(asked)) throw error
      // Where it is computed from inputs, these are integers.
      const sources = given.has(asked) ? [asked] : names.filter((n) => given.get(n)?.dtype.startsWith("int"))
      if (sources.every((n) => fixed.has(n))) throw error
      for (const name of sources) fixed.set(name, given.get(name)!)
    }
  }
}

function standIns(feeds: Readonly<Record<string, NdArray>>): Record<string, Tensor> {
  return Object.fromEntries(
    Object.entries(feeds).map(([name, { dtype, shape }]) => [name, placeholder(name, { dtype, shape })]),
  )
}

function leavesOf(stands: Readonly<Record<string, Tensor>>, feeds: Readonly<Record<string, NdArray>>): Leaves {
  const values = new Map(Object.entries(stands).map(([name, t]) => [t.value.node, feeds[name]]))
  return (node) => values.get(node) ?? (node.attrs as { variable?: { initial: NdArray } }).variable?.initial
}

/** What is wrong with the outputs, by the reference interpreter and by ONNX Runtime; undefined where nothing is. */
export async function outputFault(vector: Vector, { program, feeds }: Read): Promise<string | undefined> {
  const stands = standIns(feeds)
  const outputs = program.call(stands)
  const own = evaluate(
    program.outputs.map((name) => outputs[name].value),
    leavesOf(stands, feeds),
  )
  const run = compile(program.call)
  try {
    const found = await run(feeds)
    for (const [i, name] of program.outputs.entries()) {
      const expected = vector.outputs[i]
      if (expected === null) return `output ${name} is no tensor`
      const { dtype } = found[name]
      if (dtype !== expected.dtype) return `output ${name} is ${dtype}, expected ${expected.dtype}`
      const fault = difference(own[i], expected, vector) ?? difference(found[name], expected, vector)
      if (fault !== undefined) return `output ${name}: ${fault}`
    }
    return undefined
  } finally {
    await run.dispose()
  }
}

function difference(found: NdArray, expected: NdArray, { rtol, atol }: Vector): string | undefined {
  if (found.shape.join() !== expected.shape.join()) {
    return `has shape [${found.shape.join(", ")}], expected [${expected.shape.join(", ")}]`
  }
  const [a, b] = [toNumbers(found), toNumbers(expected)]
  // The expectations were computed in float32, most of them.
  const at = b.findIndex(
    (v, i) => !(a[i] === v || Object.is(a[i], v) || Math.abs(a[i] - v) <= atol + rtol * Math.abs(v)),
  )
  return at < 0 ? undefined : `element ${at} is ${a[at]}, expected ${b[at]}`
}

/** What a check of gradients came to. */
export interface GradientCheck {
  /** Slopes compared. */
  readonly slopes: number
  /** Of these, at kinks: there the gradient must lie between the slopes of both sides. */
  readonly kinks: number
  /** Places where the loss jumps, which have no slope. */
  readonly jumps: number
  /** Places where the loss is not finite, which have no slope. */
  readonly outside: number
  readonly fault: string | undefined
}

const step = 1e-6

/**
 * The gradient of a random weighing of the outputs by every float input, in float64, against differences of the reference
 * interpreter: at up to `most` elements of each input and along one random direction through all of them.
 */
export function checkGradients({ program, feeds }: Read, most: number): GradientCheck {
  const stands = standIns(feeds)
  const random = new Generator(1)
  const outputs = program.call(stands)
  const weighed = program.outputs
    .map((name) => outputs[name])
    .filter((t) => floats.includes(t.dtype) && sizeOf(t.shape) > 0)
    .map((t) => {
      const weights = Float64Array.from({ length: sizeOf(t.shape) }, () => random.uniform(0.5, 1.5))
      return t
        .cast("float64")
        .mul(constant(array("float64", t.shape, weights)))
        .sum()
    })
  const names = Object.keys(feeds).filter((n) => floats.includes(feeds[n].dtype) && feeds[n].data.length > 0)
  const result = { slopes: 0, kinks: 0, jumps: 0, outside: 0, fault: undefined as string | undefined }
  if (weighed.length === 0 || names.length === 0) return result
  const loss = weighed.reduce((a, b) => a.add(b))
  const grads = differentiate(
    [loss],
    [loss.like(1)],
    names.map((n) => stands[n]),
  )
  const fine: Record<string, NdArray> = { ...feeds }
  for (const name of names) fine[name] = array("float64", feeds[name].shape, Float64Array.from(toNumbers(feeds[name])))
  const lossAt = evaluator([loss.value])
  const value = (): number => lossAt(leavesOf(stands, fine))[0].data[0]
  const base = value()
  for (const [k, name] of names.entries()) {
    const g = grads[k]
    const x = fine[name].data as Float64Array
    const slopes = g === null ? new Float64Array(x.length) : evaluate([g.value], leavesOf(stands, fine))[0].data
    const origin = Float64Array.from(x)
    const along = (direction: Float64Array, length: number): number => {
      for (let i = 0; i < x.length; i++) x[i] = origin[i] + length * direction[i]
      const at = value()
      x.set(origin)
      return at
    }
    const compare = (direction: Float64Array, what: string): void => {
      const found = direction.reduce((sum, d, i) => (d === 0 ? sum : sum + d * slopes[i]), 0)
      const [before, after] = [along(direction, -step), along(direction, step)]
      if (![before, base, after].every(Number.isFinite)) {
        result.outside++
        return
      }
      const isJump = [before, after].some((v, k) => {
        const half = along(direction, (k === 0 ? -step : step) / 2)
        return Math.abs(v - base) > 1e-3 && Math.abs(half - base) > 0.75 * Math.abs(v - base)
      })
      if (isJump) {
        result.jumps++
        return
      }
      result.slopes++
      const [left, right] = [(base - before) / step, (after - base) / step]
      const central = (left + right) / 2
      const tolerance = 2e-6 * Math.max(1, Math.abs(central), Math.abs(base))
      if (Math.abs(found - central) <= tolerance) return
      const isKink = Math.abs(left - right) > 1e-3 * Math.max(1, Math.abs(central))
      const slack = 1e-5 * Math.max(1, Math.abs(central))
      if (isKink && found >= Math.min(left, right) - slack && found <= Math.max(left, right) + slack) {
        result.kinks++
        return
      }
      result.fault ??= `the gradient by ${name}, ${what}, is ${found}, differences give ${central} (${left} and ${right})`
    }
    const places = x.length <= most ? Int32Array.from(x.keys()) : random.permutation(x.length).slice(0, most)
    for (const i of places) {
      const direction = new Float64Array(x.length)
      direction[i] = 1
      compare(direction, `element ${i}`)
    }
    compare(
      Float64Array.from(x, () => random.uniform(-1, 1)),
      "along a random direction",
    )
  }
  return result
}
