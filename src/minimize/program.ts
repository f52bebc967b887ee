/** Functions of tensors as functions to minimise: interpreted on the host in float64, or compiled. */
import { type Arrayable, array, asArray, castArray, isArray, type NdArray, sizeOf, toNumbers } from "../engine/array.ts"
import { compile, type Feed, isFeed } from "../engine/compile.ts"
import { evaluator } from "../engine/evaluate.ts"
import { grad, gradients } from "../engine/grad.ts"
import type { Node, Spec } from "../engine/graph.ts"
import { hessian, jacobian } from "../engine/jacobian.ts"
import { formatShape, UsageError } from "../engine/shape.ts"
import { simplify } from "../engine/simplify.ts"
import type { Tensor, Variable } from "../engine/tensor.ts"
import { mapTree, randomsOf, type Tree, trace } from "../engine/trace.ts"
import type { AsyncObjective, Objective } from "./objective.ts"
import type { Evaluated } from "./routine.ts"

/** What a search gives where the function takes tensors: arrays of the start's dtype. */
export type Arrays<T> = T extends Tensor ? NdArray<"float32" | "float64"> : { readonly [K in keyof T]: Arrays<T[K]> }

/** One vector that stands for a tensor or a tree of tensors. */
export interface Layout<T> {
  readonly dtype: "float32" | "float64"
  /** Where the search starts, [n]. */
  readonly start: Float64Array
  /** The tree of arrays that a vector holds. */
  unpack(flat: Float64Array): Arrays<T>
  /** The tree of tensors that a traced vector holds. */
  tensors(flat: Tensor): T
}

/**
 * The layout of a start. Numbers, lists and Float64Array are float64 here; other arrays keep their dtype.
 *
 * @throws UsageError where a leaf is not a float or is empty, or dtypes differ: one vector has one.
 */
export function layoutOf<T>(where: string, start: Feed<T>): Layout<T> {
  const leaves: NdArray[] = []
  const keep = (x: Arrayable, path: string): number => {
    const a = isArray(x) || x instanceof Float32Array || x instanceof Int32Array ? asArray(x) : asArray(x, "float64")
    const known = leaves.at(0)?.dtype ?? a.dtype
    if ((a.dtype !== "float64" && a.dtype !== "float32") || a.dtype !== known || sizeOf(a.shape) === 0) {
      throw new UsageError(
        `${where}: ${path} is ${a.dtype} ${formatShape(a.shape)}, expected ${leaves.length > 0 ? known : "float64 or float32"} numbers, at least one`,
      )
    }
    return leaves.push(a) - 1
  }
  const places = mapTree(start as Tree<Arrayable>, isFeed, keep, "start")
  if (leaves.length === 0) throw new UsageError(`${where}: the start holds no array, so there is nothing to search`)
  const dtype = leaves[0].dtype as "float32" | "float64"
  const sizes = leaves.map((a) => sizeOf(a.shape))
  const ends: number[] = []
  for (const size of sizes) ends.push((ends.at(-1) ?? 0) + size)
  const flat = new Float64Array(ends.at(-1)!)
  for (const [i, a] of leaves.entries()) flat.set(toNumbers(a), ends[i] - sizes[i])
  const isPlace = (x: unknown): x is number => typeof x === "number"
  return {
    dtype,
    start: flat,
    unpack: (vector) =>
      mapTree(places, isPlace, (i) =>
        castArray(array("float64", leaves[i].shape, vector.slice(ends[i] - sizes[i], ends[i])), dtype),
      ) as Arrays<T>,
    tensors: (vector) => {
      const parts = leaves.length === 1 ? [vector] : vector.split(sizes)
      return mapTree(places, isPlace, (i) => parts[i].reshape(leaves[i].shape)) as T
    },
  }
}

/** The function of one flat vector, checked to give a scalar. */
function flatten<T>(where: string, fn: (x: T) => Tensor, layout: Layout<T>): (flat: Tensor) => Tensor {
  return (flat) => {
    const value = fn(layout.tensors(flat))
    if (value.rank !== 0)
      throw new UsageError(
        `${where}: the function gives ${formatShape(value.shape)}, expected a scalar (take its sum or mean)`,
      )
    return value
  }
}

/** A traced function of vectors, prepared once, that is interpreted in float64. Variables are read when it runs. */
export function interpreted(
  where: string,
  fn: (...inputs: Tensor[]) => readonly Tensor[],
  specs: readonly Spec[],
): (...inputs: Float64Array[]) => Float64Array[] {
  const { graph: traced } = trace(fn, specs)
  refuse(where, traced)
  const { inputs, outputs } = simplify(traced)
  const run = evaluator(outputs)
  return (...vectors) => {
    const given = new Map<Node, NdArray>(inputs.map((v, i) => [v.node, array("float64", v.spec.shape, vectors[i])]))
    const values = run((node) => given.get(node) ?? (node.attrs as { readonly variable?: Variable }).variable?.initial)
    return values.map((v) => v.data)
  }
}

function refuse(where: string, graph: ReturnType<typeof trace>["graph"]): void {
  if (graph.assigned.size > 0)
    throw new UsageError(`${where}: the function assigns variables, expected one whose value depends on x alone`)
  if (randomsOf(graph).length > 0)
    throw new UsageError(
      `${where}: the function draws random numbers, so it has no one value (take the draws as constants)`,
    )
}

/** Hessians of at most this size are one program; larger ones are made column by column, since programs grow with n. */
const whole = 32
/** The largest Hessian that is made: 128 MiB. */
const largest = 4096

/** A Hessian as a function of the product that gives its columns. */
function columns(n: number, product: (v: Float64Array) => Float64Array): Float64Array {
  if (n > largest)
    throw new RangeError(
      `minimize: a Hessian of ${n} x ${n} is too large, expected at most ${largest} (use lbfgs or newtonCg)`,
    )
  const out = new Float64Array(n * n)
  const unit = new Float64Array(n)
  for (let i = 0; i < n; i++) {
    unit[i] = 1
    out.set(product(unit), i * n)
    unit[i] = 0
  }
  return symmetric(n, out)
}

/** Rounding leaves a Hessian's halves apart by a last digit. */
function symmetric(n: number, a: Float64Array): Float64Array {
  for (let i = 0; i < n; i++)
    for (let j = 0; j < i; j++) a[i * n + j] = a[j * n + i] = a[i * n + j] / 2 + a[j * n + i] / 2
  return a
}

/** A function of tensors on the host: an {@link Objective} with the layout of its argument. */
export interface Program<T> extends Required<Omit<Objective, "precision">> {
  readonly layout: Layout<T>
}

/**
 * A function of a tensor, or of a tree of tensors, as one of a vector, interpreted in float64: value, gradient, Hessian
 * (from the engine's `hessian`) and Hessian-vector products, each traced when first asked for.
 *
 * @throws UsageError where the function is not a scalar's, assigns variables or draws random numbers.
 */
export function program<T>(fn: (x: T) => Tensor, start: Feed<T>): Program<T> {
  const layout = layoutOf("minimize", start)
  const n = layout.start.length
  const flat = flatten("minimize", fn, layout)
  const spec = { dtype: layout.dtype, shape: [n] }
  const lazily = (
    fn: (...inputs: Tensor[]) => readonly Tensor[],
    specs: readonly Spec[] = [spec],
  ): ((...inputs: Float64Array[]) => Float64Array[]) => {
    let run: ((...inputs: Float64Array[]) => Float64Array[]) | undefined
    return (...inputs) => {
      run ??= interpreted("minimize", fn, specs)
      return run(...inputs)
    }
  }
  const value = lazily((x) => [flat(x)])
  const both = lazily((x) => {
    const y = flat(x)
    return [y, ...gradients(y, [x])]
  })
  const times = lazily((x, v) => [bent(flat)(x, v)], [spec, spec])
  const full = lazily((x) => [hessian(flat)(x)])
  const evaluate = (x: Float64Array): Evaluated => {
    const [[value], gradient] = both(x)
    return { value, gradient }
  }
  const product = (x: Float64Array, v: Float64Array): Float64Array => times(x, v)[0]
  return {
    layout,
    value: (x) => value(x)[0][0],
    gradient: (x) => evaluate(x).gradient,
    evaluate,
    product,
    hessian: (x) => (n <= whole ? symmetric(n, full(x)[0].slice()) : columns(n, (v) => product(x, v))),
  }
}

/** The Hessian times a vector: the gradient of the gradient's inner product with it. (Pearlmutter 1994.) */
function bent(fn: (x: Tensor) => Tensor): (x: Tensor, v: Tensor) => Tensor {
  return (x, v) => grad((x: Tensor) => grad(fn)(x).mul(v).sum())(x)
}

/** A function of tensors that runs compiled: an {@link AsyncObjective} with the layout of its argument. */
export interface CompiledProgram<T> extends AsyncObjective {
  readonly layout: Layout<T>
  hessian(x: Float64Array): Promise<Float64Array>
  product(x: Float64Array, v: Float64Array): Promise<Float64Array>
  /** Frees the sessions. */
  dispose(): Promise<void>
}

/**
 * As {@link program}, compiled and run by ONNX Runtime in the dtype of the start: the form for programs of many
 * operations. float64 is exact to 1e-16 and lacks kernels of some operators (convolution, pooling, erf); float32 has all,
 * and values are then known to 1e-7.
 */
export function compiled<T>(fn: (x: T) => Tensor, start: Feed<T>): CompiledProgram<T> {
  const layout = layoutOf("minimize", start)
  const n = layout.start.length
  const flat = flatten("minimize", fn, layout)
  const feed = (x: Float64Array): NdArray => castArray(array("float64", [n], x), layout.dtype)
  const both = compile((x: Tensor) => {
    const y = flat(x)
    return [y, ...gradients(y, [x])]
  })
  const times = compile((x: Tensor, v: Tensor) => bent(flat)(x, v))
  const full = compile((x: Tensor) => hessian(flat)(x))
  const product = async (x: Float64Array, v: Float64Array): Promise<Float64Array> =>
    toNumbers(await times(feed(x), feed(v)))
  return {
    layout,
    precision: layout.dtype === "float64" ? 2 ** -52 : 2 ** -22,
    evaluate: async (x) => {
      const [value, gradient] = await both(feed(x))
      return { value: toNumbers(value)[0], gradient: toNumbers(gradient) }
    },
    product,
    hessian: async (x) => {
      if (n <= whole) return symmetric(n, toNumbers(await full(feed(x))).slice())
      const parts: Float64Array[] = []
      const unit = new Float64Array(n)
      for (let i = 0; i < n && n <= largest; i++) {
        unit[i] = 1
        parts.push(await product(x, unit))
        unit[i] = 0
      }
      let next = 0
      return columns(n, () => parts[next++])
    },
    dispose: async () => {
      await Promise.all([both.dispose(), times.dispose(), full.dispose()])
    },
  }
}

/** A function of several values on the host: their vector f [m] and its Jacobian [m, n] row by row, at x [n]. */
export interface System {
  value(x: Float64Array): Float64Array
  jacobian(x: Float64Array): Float64Array
}

/**
 * A function of tensors that gives a tensor of any shape, as a {@link System} interpreted in float64, with its layout.
 *
 * @throws UsageError as {@link program}.
 */
export function systemOf<T>(
  where: string,
  fn: (x: T) => Tensor,
  start: Feed<T>,
): System & { readonly layout: Layout<T> } {
  const layout = layoutOf(where, start)
  const spec = { dtype: layout.dtype, shape: [layout.start.length] }
  const flat = (x: Tensor): Tensor => fn(layout.tensors(x)).reshape([-1])
  const value = interpreted(where, (x) => [flat(x)], [spec])
  let slope: ((...inputs: Float64Array[]) => Float64Array[]) | undefined
  return {
    layout,
    value: (x) => value(x)[0],
    jacobian: (x) => {
      slope ??= interpreted(where, (x) => [jacobian(flat)(x)], [spec])
      return slope(x)[0]
    },
  }
}
