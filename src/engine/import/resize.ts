/** ONNX resizing: by whole factors as our upsampling, otherwise axis by axis with tables of neighbours. */
import { fromNumbers } from "../array.ts"
import type { Importer, ImportSite } from "../graph.ts"
import { gather } from "../ops/gather.ts"
import { upsample } from "../ops/resize.ts"
import { isSymbolic, normalizeAxis } from "../shape.ts"
import { constant, type Tensor } from "../tensor.ts"
import { type Filter, resampled } from "./resample.ts"
import { expectSize } from "./site.ts"

/** How one axis changes. */
interface Change {
  readonly axis: number
  readonly from: number
  readonly to: number
  readonly scale: number
}

/** Positions of the output in the input, by the name ONNX has for the rule. */
const coordinates: Readonly<Record<string, (i: number, change: Change) => number>> = {
  asymmetric: (i, { scale }) => i / scale,
  half_pixel: (i, { scale }) => (i + 0.5) / scale - 0.5,
  pytorch_half_pixel: (i, { scale, to }) => (to > 1 ? (i + 0.5) / scale - 0.5 : 0),
  align_corners: (i, { from, to }) => (to > 1 ? (i * (from - 1)) / (to - 1) : 0),
  half_pixel_symmetric: (i, { from, to, scale }) => {
    const whole = from * scale
    return (from / 2) * (1 - to / whole) + (i + 0.5) / scale - 0.5
  },
}

const roundings: Readonly<Record<string, (x: number) => number>> = {
  floor: Math.floor,
  ceil: Math.ceil,
  round_prefer_floor: (x) => Math.ceil(x - 0.5),
  round_prefer_ceil: (x) => Math.floor(x + 0.5),
}

function named<T>(site: ImportSite, what: string, name: string, known: Readonly<Record<string, T>>): T {
  if (Object.hasOwn(known, name)) return known[name]
  return site.fail(`${what} is ${JSON.stringify(name)}, expected one of ${Object.keys(known).join(", ")}`)
}

/** Which axes change and how, from the scales or the sizes of the output. */
function readChanges(
  site: ImportSite,
  x: Tensor,
  scales: readonly number[],
  sizes: readonly number[],
  keepsAll = false,
): Change[] {
  const axes = site.ints("axes")?.map((a) => normalizeAxis("resize", a, x.rank)) ?? x.shape.map((_, i) => i)
  const given = scales.length > 0 ? scales : sizes
  if (given.length !== axes.length) site.fail(`has ${given.length} scales or sizes for ${axes.length} axes`)
  const policy = site.text("keep_aspect_ratio_policy", "stretch")
  if (!["stretch", "not_larger", "not_smaller"].includes(policy)) {
    site.fail(`keep_aspect_ratio_policy is ${JSON.stringify(policy)}, expected stretch, not_larger or not_smaller`)
  }
  const factors = axes.map((axis, i) => sizes[i] / x.shape[axis])
  const common = policy === "not_larger" ? Math.min(...factors) : Math.max(...factors)
  const changes = axes.map((axis, i): Change => {
    const from = x.shape[axis]
    if (scales.length === 0 && policy !== "stretch") {
      return { axis, from, to: Math.floor(common * from + 0.5), scale: common }
    }
    if (scales.length === 0) return { axis, from, to: sizes[i], scale: sizes[i] / from }
    return { axis, from, to: scales[i] === 1 ? from : Math.floor(from * scales[i]), scale: scales[i] }
  })
  return changes.filter(({ axis, from, to, scale }) => {
    if (from === to && scale === 1 && !keepsAll) return false
    if (isSymbolic(from) || isSymbolic(to)) site.fail(`axis ${axis} is the batch, whose size cannot change`)
    if (!(to >= 1)) site.fail(`axis ${axis} would have size ${to}`)
    expectSize(site, to, `axis ${axis}`)
    return true
  })
}

function pick(x: Tensor, axis: number, places: readonly number[]): Tensor {
  return gather(x, constant(fromNumbers("int32", [places.length], places)), axis)
}

function nearest(x: Tensor, changes: readonly Change[], at: (i: number, change: Change) => number): Tensor {
  const tables = changes.map((c) => Array.from({ length: c.to }, (_, i) => Math.min(Math.max(at(i, c), 0), c.from - 1)))
  const [factor] = changes.map((c) => c.to / c.from)
  const isRepeated = changes.every(
    (c, k) => c.to === factor * c.from && tables[k].every((p, i) => p === Math.floor(i / factor)),
  )
  // Upsampling is of every axis but the first two.
  const isSpatial = changes.length === x.rank - 2 && changes.every((c, i) => c.axis === i + 2)
  if (Number.isInteger(factor) && isRepeated && isSpatial) return upsample(x, factor)
  return changes.reduce((y, { axis }, k) => pick(y, axis, tables[k]), x)
}

function linear(x: Tensor, changes: readonly Change[], at: (i: number, change: Change) => number): Tensor {
  return changes.reduce((y, change) => {
    const { axis, from, to } = change
    const places = Array.from({ length: to }, (_, i) => Math.min(Math.max(at(i, change), 0), from - 1))
    const low = places.map(Math.floor)
    const high = low.map((p) => Math.min(p + 1, from - 1))
    const shape = y.shape.map((_, i) => (i === axis ? to : 1))
    const share = (of: (p: number, i: number) => number): Tensor =>
      constant(fromNumbers(y.dtype, shape, places.map(of)))
    const before = pick(y, axis, low).mul(share((p, i) => 1 - (p - low[i])))
    return before.add(pick(y, axis, high).mul(share((p, i) => p - low[i])))
  }, x)
}

function readResize(site: ImportSite): Tensor {
  const x = site.input(0)
  // Operator set 10 had the input and the scales alone.
  const [scales, sizes] = site.opset < 11 ? [site.constant(1), []] : [site.constant(2), site.constant(3)]
  const mode = site.text("mode", "nearest")
  const isOld = site.opset < 11
  const rule = site.text("coordinate_transformation_mode", isOld ? "asymmetric" : "half_pixel")
  const rounding = site.text("nearest_mode", isOld ? "floor" : "round_prefer_floor")
  const filter: Filter = {
    mode: mode === "cubic" ? mode : "linear",
    a: site.float("cubic_coeff_a", -0.75),
    antialias: site.int("antialias", 0) !== 0,
    excludes: site.int("exclude_outside", 0) !== 0,
    outside: site.float("extrapolation_value", 0),
  }
  const isRegion = rule === "tf_crop_and_resize"
  const changes = readChanges(site, x, scales ?? [], sizes ?? [], isRegion)
  if (mode === "nearest" && !isRegion) return resized(site, x, changes, mode, rule, rounding)
  if (mode === "linear" && !filter.antialias && !isRegion) return resized(site, x, changes, mode, rule, rounding)
  if (mode !== "linear" && mode !== "cubic") {
    site.fail(
      `mode is ${JSON.stringify(mode)} and coordinate_transformation_mode ${JSON.stringify(rule)}, expected linear or cubic`,
    )
  }
  expectEven(site, rule, changes)
  const region = isRegion ? regions(site, x) : undefined
  const rules = region === undefined ? named(site, "coordinate_transformation_mode", rule, coordinates) : undefined
  return resampled(
    site,
    x,
    changes.map((c) => ({ ...c, place: (i) => (region === undefined ? rules!(i, c) : region(i, c)) })),
    filter,
  )
}

/** Places in a region of the input: input 1 says where it begins and ends along each axis, as parts of its size. */
function regions(site: ImportSite, x: Tensor): (i: number, change: Change) => number | undefined {
  const roi = site.constant(1) ?? site.fail("has no region (roi)")
  const axes = site.ints("axes")?.map((a) => normalizeAxis("resize", a, x.rank)) ?? x.shape.map((_, i) => i)
  if (roi.length !== 2 * axes.length) site.fail(`the region has ${roi.length} numbers for ${axes.length} axes`)
  return (i, { axis, from, to }) => {
    const [start, end] = [roi[axes.indexOf(axis)], roi[axes.length + axes.indexOf(axis)]]
    const along = to > 1 ? (i * (end - start) * (from - 1)) / (to - 1) : ((end - start) * (from - 1)) / 2
    const at = start * (from - 1) + along
    return at < 0 || at > from - 1 ? undefined : at
  }
}

/** Refuses corners that are aligned at no whole size, of which the standard and the runtimes make different things. */
function expectEven(site: ImportSite, rule: string, changes: readonly Change[]): void {
  const uneven = changes.find((c) => !Number.isInteger(Math.fround(c.from * c.scale)))
  if (rule !== "align_corners" || uneven === undefined) return
  site.fail(
    `coordinate_transformation_mode is "align_corners" and the scale ${uneven.scale} takes ${uneven.from} to no whole size, of which runtimes make different things (export it with sizes)`,
  )
}

function resized(
  site: ImportSite,
  x: Tensor,
  changes: readonly Change[],
  mode: string,
  rule: string,
  rounding: string,
): Tensor {
  const place = named(site, "coordinate_transformation_mode", rule, coordinates)
  const round = named(site, "nearest_mode", rounding, roundings)
  if (mode !== "nearest") expectEven(site, rule, changes)
  if (changes.length === 0) return x
  if (mode === "nearest") return nearest(x, changes, (i, c) => round(place(i, c)))
  if (mode === "linear") return linear(x, changes, place)
  return site.fail(`mode is ${JSON.stringify(mode)}, expected nearest or linear`)
}

/** The operator that came before Resize. */
function readUpsample(site: ImportSite): Tensor {
  const x = site.input(0)
  const written = site.attribute("scales")
  const scales =
    written !== undefined && "floats" in written ? written.floats : (site.constant(1) ?? site.fail("has no scales"))
  return resized(site, x, readChanges(site, x, scales, []), site.text("mode", "nearest"), "asymmetric", "floor")
}

/** Resizing. */
export const resizeImporters: readonly Importer[] = [
  { type: "Resize", opsets: [10, 28], settings: [1, 2], read: readResize },
  { type: "Upsample", opsets: [7, 9], settings: [1], read: readUpsample },
]
