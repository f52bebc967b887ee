/** Windows that move over spatial axes, as ONNX's convolutions and poolings describe them. */
import type { ImportSite } from "../graph.ts"

/** Geometry of a window, one entry a spatial axis. */
export interface Windows {
  readonly kernel: readonly number[]
  readonly strides: readonly number[]
  readonly dilations: readonly number[]
  readonly low: readonly number[]
  readonly high: readonly number[]
}

const isWhole = (n: number): boolean => Number.isInteger(n) && n >= 1

/** A list with one entry, from 1, for each spatial axis. */
function spread(site: ImportSite, name: string, rank: number): readonly number[] {
  const list = site.ints(name) ?? new Array<number>(rank).fill(1)
  if (list.length !== rank || !list.every(isWhole)) {
    site.fail(`${name} is [${list.join(", ")}], expected ${rank} numbers from 1`)
  }
  return list
}

/** The kernel's own sizes against those that the node states, which it may leave out. */
export function expectKernel(site: ImportSite, kernel: readonly number[]): void {
  const stated = site.ints("kernel_shape")
  if (stated !== undefined && stated.join() !== kernel.join()) {
    site.fail(`kernel_shape is [${stated.join(", ")}], the weight's is [${kernel.join(", ")}]`)
  }
}

/** How `auto_pad` shares out padding: what is odd goes to the end (upper) or to the start (lower). */
export function shared(site: ImportSite, total: readonly number[], mode: string): Pick<Windows, "low" | "high"> {
  const half = total.map((t) => Math.floor(t / 2))
  const rest = total.map((t, i) => t - half[i])
  if (mode === "SAME_UPPER") return { low: half, high: rest }
  if (mode === "SAME_LOWER") return { low: rest, high: half }
  return site.fail(`auto_pad is ${JSON.stringify(mode)}, expected NOTSET, VALID, SAME_UPPER or SAME_LOWER`)
}

/** Strides, dilations and padding of a window that moves over axes of the given sizes. */
export function readWindows(site: ImportSite, sizes: readonly number[], kernel: readonly number[]): Windows {
  const rank = sizes.length
  if (kernel.length !== rank || !kernel.every(isWhole)) {
    site.fail(`the kernel is [${kernel.join(", ")}], expected ${rank} sizes from 1`)
  }
  const strides = spread(site, "strides", rank)
  const dilations = spread(site, "dilations", rank)
  const pads = site.ints("pads")
  const mode = site.text("auto_pad", "NOTSET")
  const window = { kernel, strides, dilations }
  if (mode === "NOTSET") {
    const sides = pads ?? new Array<number>(2 * rank).fill(0)
    if (sides.length !== 2 * rank || !sides.every((p) => Number.isInteger(p) && p >= 0)) {
      site.fail(`pads is [${sides.join(", ")}], expected ${2 * rank} numbers from 0`)
    }
    return { ...window, low: sides.slice(0, rank), high: sides.slice(rank) }
  }
  if (pads?.some((p) => p !== 0)) site.fail(`has both pads and auto_pad ${mode}`)
  const none = sizes.map(() => 0)
  if (mode === "VALID") return { ...window, low: none, high: none }
  const total = sizes.map((n, i) => {
    const out = Math.ceil(n / strides[i])
    return Math.max(0, (out - 1) * strides[i] + dilations[i] * (kernel[i] - 1) + 1 - n)
  })
  return { ...window, ...shared(site, total, mode) }
}
