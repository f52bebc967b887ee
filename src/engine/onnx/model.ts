/** An ONNX model as plain data: what a file says, and nothing about what its operators mean. */
import type { Dtype, NdArray } from "../array.ts"

/** Value of one attribute; the property's name says its kind. */
export type AttributeValue =
  | { readonly int: number }
  | { readonly float: number }
  | { readonly string: string }
  | { readonly ints: readonly number[] }
  | { readonly floats: readonly number[] }
  | { readonly strings: readonly string[] }
  | { readonly tensor: NdArray }
  | { readonly graph: OnnxGraph }

/** One operator applied to named values. */
export interface OnnxNode {
  readonly name: string
  readonly type: string
  /** Who defines the operator; `""` is ONNX itself (`ai.onnx`). */
  readonly domain: string
  /** Names of values; `""` is an optional input that is absent. */
  readonly inputs: readonly string[]
  readonly outputs: readonly string[]
  readonly attributes: Readonly<Record<string, AttributeValue>>
}

/** A named value with its type. */
export interface OnnxValue {
  readonly name: string
  readonly dtype: Dtype
  /** Sizes in order; a string is a symbolic size; `undefined` where not even the rank is known. */
  readonly shape: readonly (number | string)[] | undefined
}

/** Nodes in an order in which they can run, and the constants they use. */
export interface OnnxGraph {
  readonly name: string
  readonly nodes: readonly OnnxNode[]
  readonly initializers: ReadonlyMap<string, NdArray>
  /** An input that is also an initializer has that for its default (files of IR version 3 list all of them here). */
  readonly inputs: readonly OnnxValue[]
  readonly outputs: readonly OnnxValue[]
  /** What the file says of values between inputs and outputs. */
  readonly values?: readonly OnnxValue[]
}

/** A whole file. */
export interface OnnxModel {
  readonly graph: OnnxGraph
  /** Operator set version by domain; `""` is ONNX itself (`ai.onnx`). */
  readonly opsets: ReadonlyMap<string, number>
  readonly irVersion: number
  /** The tool that wrote the model. */
  readonly producer: string
  readonly doc?: string
  readonly metadata: ReadonlyMap<string, string>
}
