/** ONNX operators that move elements, made of our reshape, transpose, slice, pad and gather. */
import { fromNumbers, sizeOf } from "../array.ts"
import { lowerTriangle } from "../create.ts"
import type { Importer, ImportSite } from "../graph.ts"
import { logicalAnd, logicalNot, where } from "../ops/compare.ts"
import { gather } from "../ops/gather.ts"
import { transpose } from "../ops/movement.ts"
import { pad, type Range, slice, split } from "../ops/slice.ts"
import { isSymbolic, normalizeAxes, normalizeAxis } from "../shape.ts"
import { constant, type Tensor } from "../tensor.ts"
import { expectSize } from "./site.ts"

/** Axes: an attribute in older operator sets, an input in newer ones. */
function readAxes(site: ImportSite, rank: number): number[] | undefined {
  const axes = site.ints("axes") ?? site.constant(1)
  return axes && normalizeAxes(site.node.type, axes, rank)
}

function readFlatten(site: ImportSite): Tensor {
  const x = site.input(0)
  const axis = site.int("axis", 1)
  const at = axis === x.rank ? axis : normalizeAxis("flatten", axis, x.rank)
  return at === 0 ? x.reshape([1, -1]) : x.reshape([sizeOf(x.shape.slice(0, at)), -1])
}

function readSqueeze(site: ImportSite): Tensor {
  const x = site.input(0)
  const axes = readAxes(site, x.rank) ?? x.shape.map((_, i) => i).filter((i) => x.shape[i] === 1)
  for (const a of axes) if (x.shape[a] !== 1) site.fail(`axis ${a} has size ${x.shape[a]}, expected 1`)
  return x.reshape(x.shape.filter((_, i) => !axes.includes(i)))
}

function readUnsqueeze(site: ImportSite): Tensor {
  const x = site.input(0)
  const count = (site.ints("axes") ?? site.constant(1) ?? []).length
  const axes = readAxes(site, x.rank + count) ?? site.fail("has no axes")
  const rest = [...x.shape]
  return x.reshape(Array.from({ length: x.rank + count }, (_, i) => (axes.includes(i) ? 1 : rest.shift()!)))
}

function readSplit(site: ImportSite): Tensor[] {
  const x = site.input(0)
  const axis = normalizeAxis("split", site.int("axis", 0), x.rank)
  const count = site.node.outputs.length
  if (site.int("num_outputs", count) !== count) site.fail(`num_outputs is not ${count}, the number of its outputs`)
  const given = site.ints("split") ?? site.constant(1)
  if (given !== undefined) return split(x, given, axis)
  // Pieces are equal but for the last, which may be smaller.
  const piece = Math.ceil(x.shape[axis] / count)
  const sizes = Array.from({ length: count }, (_, i) => (i < count - 1 ? piece : x.shape[axis] - piece * (count - 1)))
  return split(x, sizes, axis)
}

function readTile(site: ImportSite): Tensor {
  const x = site.input(0)
  const repeats = site.constant(1) ?? site.fail("has no repeats")
  if (repeats.length !== x.rank) site.fail(`has ${repeats.length} repeats for ${x.rank} axes`)
  const apart = x.shape.flatMap((n) => [1, n])
  const repeated = x.shape.flatMap((n, i) => [repeats[i], n])
  return x
    .reshape(apart)
    .broadcastTo(repeated)
    .reshape(x.shape.map((n, i) => n * repeats[i]))
}

/** Where each element of a padded axis comes from, for the modes that repeat the input. */
function sourceOf(site: ImportSite, mode: string, at: number, n: number): number {
  if (mode === "edge") return Math.min(Math.max(at, 0), n - 1)
  if (mode === "wrap") return ((at % n) + n) % n
  if (mode !== "reflect") {
    return site.fail(`mode is ${JSON.stringify(mode)}, expected constant, reflect, edge or wrap`)
  }
  const period = Math.max(1, 2 * (n - 1))
  const folded = ((at % period) + period) % period
  return folded < n ? folded : period - folded
}

function readPad(site: ImportSite): Tensor {
  const x = site.input(0)
  const mode = site.text("mode", "constant")
  const pads = site.ints("pads") ?? site.constant(1) ?? site.fail("has no pads")
  const axes = site.constant(3)?.map((a) => normalizeAxis("pad", a, x.rank)) ?? x.shape.map((_, i) => i)
  if (pads.length !== 2 * axes.length) site.fail(`has ${pads.length} pads for ${axes.length} axes`)
  const value = site.attribute("value") === undefined ? (site.constant(2)?.[0] ?? 0) : site.float("value", 0)
  const low = x.shape.map((_, i) => (axes.includes(i) ? pads[axes.indexOf(i)] : 0))
  const high = x.shape.map((_, i) => (axes.includes(i) ? pads[axes.length + axes.indexOf(i)] : 0))
  // A negative pad crops.
  const kept = slice(
    x,
    x.shape.map((n, i): Range | null =>
      low[i] < 0 || high[i] < 0 ? [Math.max(0, -low[i]), n - Math.max(0, -high[i])] : null,
    ),
  )
  const widths = low.map((l, i) => [Math.max(0, l), Math.max(0, high[i])] as const)
  if (mode === "constant") return pad(kept, widths, value)
  return widths.reduce((y, [before, after], axis) => {
    const n = y.shape[axis]
    if (before + after === 0) return y
    if (isSymbolic(n) || n === 0) site.fail(`axis ${axis} cannot be padded by ${mode}`)
    expectSize(site, before + n + after, `axis ${axis}`)
    const from = Array.from({ length: before + n + after }, (_, i) => sourceOf(site, mode, i - before, n))
    return gather(y, constant(fromNumbers("int32", [from.length], from)), axis)
  }, kept)
}

function readDepthToSpace(site: ImportSite): Tensor {
  const x = site.input(0)
  const [batch, channels, height, width] = x.shape
  const block = site.int("blocksize", 0)
  const mode = site.text("mode", "DCR")
  if (x.rank !== 4 || !(block >= 1)) site.fail("expected an input of four axes and a blocksize from 1")
  const depth = channels / block ** 2
  const shape = [batch, depth, height * block, width * block]
  if (mode === "DCR") {
    return transpose(x.reshape([batch, block, block, depth, height, width]), [0, 3, 4, 1, 5, 2]).reshape(shape)
  }
  if (mode !== "CRD") site.fail(`mode is ${JSON.stringify(mode)}, expected DCR or CRD`)
  return transpose(x.reshape([batch, depth, block, block, height, width]), [0, 1, 4, 2, 5, 3]).reshape(shape)
}

function readSpaceToDepth(site: ImportSite): Tensor {
  const x = site.input(0)
  const [batch, channels, height, width] = x.shape
  const block = site.int("blocksize", 0)
  const mode = site.text("mode", "DCR")
  if (x.rank !== 4 || !(block >= 1)) site.fail("expected an input of four axes and a blocksize from 1")
  if (mode !== "DCR" && mode !== "CRD") site.fail(`mode is ${JSON.stringify(mode)}, expected DCR or CRD`)
  const [rows, columns] = [height / block, width / block]
  const order = mode === "DCR" ? [0, 3, 5, 1, 2, 4] : [0, 1, 3, 5, 2, 4]
  return transpose(x.reshape([batch, channels, rows, block, columns, block]), order).reshape([
    batch,
    channels * block ** 2,
    rows,
    columns,
  ])
}

/** The upper or lower triangle of the last two axes; zeros elsewhere. */
function readTrilu(site: ImportSite): Tensor {
  const x = site.input(0)
  if (x.rank < 2) site.fail(`the input has ${x.rank} axes, expected at least 2`)
  const [rows, columns] = x.shape.slice(-2)
  expectSize(site, rows * columns, "the triangle")
  const k = site.constant(1)?.[0] ?? 0
  const isUpper = site.int("upper", 1) !== 0
  const mask = isUpper ? logicalNot(lowerTriangle(rows, columns, k - 1)) : lowerTriangle(rows, columns, k)
  return x.dtype === "bool" ? logicalAnd(x, mask) : where(mask, x, 0)
}

/** Operators that lay elements out anew. */
export const layoutImporters: readonly Importer[] = [
  { type: "Flatten", read: readFlatten },
  { type: "Squeeze", read: readSqueeze },
  { type: "Unsqueeze", read: readUnsqueeze },
  { type: "Split", read: readSplit },
  { type: "Tile", read: readTile },
  { type: "Pad", settings: [2], read: readPad },
  { type: "DepthToSpace", read: readDepthToSpace },
  { type: "SpaceToDepth", read: readSpaceToDepth },
  { type: "Trilu", opsets: [14, 28], read: readTrilu },
]
