/** Data sets from files of numbers: tables (CSV) and arrays (npy, npz). */

import { array, castArray, type NdArray } from "../engine/array.ts"
import { type CsvOptions, readCsv } from "../io/csv.ts"
import { readNpy } from "../io/npy.ts"
import { readNpz } from "../io/npz.ts"
import { type Dataset, dataset } from "./dataset.ts"

/** How {@link table} reads. */
export interface TableOptions extends CsvOptions {
  /** Whether the first line names the columns; default: whether it holds something that is no number. */
  header?: boolean
  /** Name or number of the column that is the label; default: none. Labels that are no numbers become 0, 1 ... in their order. */
  label?: string | number
}

/** A data set of a table's rows. */
export interface Table extends Dataset {
  /** Names of the columns of `x`; `column 0` and so on where there is no header. */
  readonly columns: readonly string[]
  /** What the labels stand for, in the order of their numbers. */
  readonly labels: readonly string[]
}

/**
 * A table of numbers as a data set: items are its rows, [columns]. Labels, when a column is named, may be words.
 *
 * @throws RangeError `where: line N ...` for a field that is no finite number, or as {@link readCsv}.
 */
export function table(text: string, { header, label, where = "csv", ...options }: TableOptions = {}): Table {
  const rows = readCsv(text, { where, ...options })
  if (rows.length === 0) throw new RangeError(`${where}: no lines`)
  const isNumber = (field: string): boolean => field.trim() !== "" && Number.isFinite(Number(field))
  const named = header ?? rows[0].some((field, i) => !isNumber(field) && i !== label)
  const names = named ? rows[0] : rows[0].map((_, i) => `column ${i}`)
  const body = named ? rows.slice(1) : rows
  if (body.length === 0) throw new RangeError(`${where}: no lines after the header`)
  const at = typeof label === "string" ? names.indexOf(label) : (label ?? -1)
  if (label !== undefined && names[at] === undefined)
    throw new RangeError(`${where}: no column ${JSON.stringify(label)}, there are ${names.slice(0, 20).join(", ")}`)
  const columns = names.filter((_, i) => i !== at)
  const x = new Float32Array(body.length * columns.length)
  let to = 0
  for (const [n, row] of body.entries()) {
    for (const [i, field] of row.entries()) {
      if (i === at) continue
      if (!isNumber(field))
        throw new RangeError(
          `${where}: line ${n + (named ? 2 : 1)} has ${JSON.stringify(field.slice(0, 40))} for ${names[i]}, expected a number`,
        )
      x[to++] = Number(field)
    }
  }
  const items = array("float32", [body.length, columns.length], x)
  if (at < 0) return { ...dataset(items, undefined, { name: where }), columns, labels: [] }
  const words = body.map((row) => row[at])
  const distinct = [...new Set(words)]
  const labels = distinct.every(isNumber) ? distinct.sort((a, b) => Number(a) - Number(b)) : distinct.sort()
  const numbers = new Map(labels.map((word, i) => [word, i]))
  const y = array(
    "int32",
    [body.length],
    Int32Array.from(words, (word) => numbers.get(word)!),
  )
  return { ...dataset(items, y, { name: where, classes: labels.length }), columns, labels }
}

/** Which arrays of a file {@link arrays} takes. */
export interface ArraysOptions {
  /** Name of the array of items in an npz file; default `x`, or the only one. */
  x?: string
  /** Name of the array of labels; default `y`, if there is one. */
  y?: string
  /** What errors begin with, such as a path; default `arrays`. */
  where?: string
}

/**
 * A data set of the arrays in an npy or npz file: items [count, ...shape], labels [count] of whole numbers.
 *
 * @throws RangeError `where: ...` when there is no such array, or as {@link dataset}.
 */
export function arrays(bytes: Uint8Array, { x, y = "y", where = "arrays" }: ArraysOptions = {}): Dataset {
  const found: ReadonlyMap<string, NdArray> = bytes[0] === 0x93 ? new Map([["x", readNpy(bytes)]]) : readNpz(bytes)
  const name = x ?? (found.has("x") ? "x" : found.size === 1 ? [...found.keys()][0] : "x")
  const items = found.get(name)
  if (items === undefined)
    throw new RangeError(`${where}: no array ${JSON.stringify(name)}, there are ${[...found.keys()].join(", ")}`)
  const labels = name === y ? undefined : found.get(y)
  return dataset(castArray(items, "float32"), labels, { name: where })
}
