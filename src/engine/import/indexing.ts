/** ONNX operators that pick and place elements by index, made of our gather and its transpose. */
import { sizeOf } from "../array.ts"
import { arange } from "../create.ts"
import type { Importer, ImportSite } from "../graph.ts"
import { argMax } from "../ops/along.ts"
import { cast, equal, less, where } from "../ops/compare.ts"
import { gather, scatterAdd, written } from "../ops/gather.ts"
import { transpose } from "../ops/movement.ts"
import { slice } from "../ops/slice.ts"
import { normalizeAxis } from "../shape.ts"
import type { Tensor } from "../tensor.ts"
import { expectSize } from "./site.ts"

/** Places `[..., k]` in an array of the given leading sizes as places in those axes made one; negative ones from the back. */
function flatPlaces(places: Tensor, sizes: readonly number[]): Tensor {
  const shape = places.shape.slice(0, -1)
  const parts = sizes.map((n, i) => {
    const at = slice(places, [...shape.map(() => null), [i, i + 1] as const]).reshape(shape)
    // One axis is left to gather, which counts from the back itself.
    return sizes.length === 1 ? at : where(less(at, 0), at.add(n), at).mul(sizeOf(sizes.slice(i + 1)))
  })
  return parts.reduce((a, b) => a.add(b))
}

function leading(site: ImportSite, x: Tensor, places: Tensor): { readonly sizes: number[]; readonly rest: number[] } {
  const depth = places.shape[places.rank - 1]
  if (places.rank < 1 || !(depth >= 1 && depth <= x.rank)) {
    site.fail(`indices have ${depth} numbers a place, expected 1 to ${x.rank}`)
  }
  return { sizes: x.shape.slice(0, depth), rest: x.shape.slice(depth) }
}

function readGather(site: ImportSite): Tensor {
  const [x, places] = [site.input(0), site.input(1)]
  const dims = site.int("batch_dims", 0)
  if (dims < 0 || dims >= Math.min(x.rank, places.rank)) {
    site.fail(`batch_dims is ${dims}, expected fewer than the axes of the input and of the indices`)
  }
  if (dims === 0) {
    const { sizes, rest } = leading(site, x, places)
    return gather(x.reshape([sizeOf(sizes), ...rest]), flatPlaces(places, sizes), 0)
  }
  const depth = places.shape[places.rank - 1]
  if (!(depth >= 1 && dims + depth <= x.rank)) {
    site.fail(`indices have ${depth} numbers a place, expected 1 to ${x.rank - dims}`)
  }
  // Each place is moved on to its own part of the batch.
  const batch = x.shape.slice(0, dims)
  const sizes = x.shape.slice(dims, dims + depth)
  const flat = flatPlaces(places, sizes)
  const wrapped = depth === 1 ? where(less(flat, 0), flat.add(sizes[0]), flat) : flat
  const starts = arange(sizeOf(batch), places.dtype).mul(sizeOf(sizes))
  const own = starts.reshape([...batch, ...flat.shape.slice(dims).map(() => 1)])
  return gather(x.reshape([sizeOf([...batch, ...sizes]), ...x.shape.slice(dims + depth)]), wrapped.add(own), 0)
}

function readScatter(site: ImportSite): Tensor {
  const [x, places, updates] = [site.input(0), site.input(1), site.input(2)]
  const { sizes, rest } = leading(site, x, places)
  const flat = flatPlaces(places, sizes)
  const size = sizeOf(sizes)
  return written(site, x.reshape([size, ...rest]), updates, (g) => scatterAdd(g, flat, 0, size)).reshape(x.shape)
}

function readOneHot(site: ImportSite): Tensor {
  const indices = cast(site.input(0), "int64")
  const depth = site.constant(1)?.[0] ?? site.fail("has no depth")
  expectSize(site, depth, "the axis")
  const values = site.input(2)
  const rank = indices.rank + 1
  const axis = normalizeAxis("oneHot", site.int("axis", -1), rank)
  const wrapped = where(less(indices, 0), indices.add(depth), indices)
  const hot = equal(wrapped.reshape([...indices.shape, 1]), arange(depth, "int64"))
  const [off, on] = [0, 1].map((i) => slice(values, [[i, i + 1]]).reshape([]))
  const order = Array.from({ length: rank }, (_, i) => (i < axis ? i : i === axis ? rank - 1 : i - 1))
  return transpose(where(hot, on, off), order)
}

/** 1 at the largest element along an axis, the first of equals; before operator set 13 of all axes from there on. */
function readHardmax(site: ImportSite): Tensor {
  const x = site.input(0)
  const isOld = site.opset < 13
  const axis = normalizeAxis("hardmax", site.int("axis", isOld ? 1 : -1), x.rank)
  const from = isOld ? x.flatten(axis) : x
  const best = argMax(from, axis).reshape(from.shape.map((n, i) => (i === axis ? 1 : n)))
  const places = arange(from.shape[axis]).reshape(from.shape.map((n, i) => (i === axis ? n : 1)))
  return equal(best, places).cast(x.dtype).reshape(x.shape)
}

/** Indexing. */
export const indexingImporters: readonly Importer[] = [
  { type: "GatherND", read: readGather },
  { type: "ScatterND", read: readScatter },
  { type: "Hardmax", read: readHardmax },
  { type: "OneHot", settings: [2], read: readOneHot },
]
