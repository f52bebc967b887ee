/** What `tweedie sample` and `tweedie eval` share: flags of what is drawn, and the request they make. */
import { z } from "zod"
import { array, type NdArray } from "../engine/array.ts"
import { grouped } from "../recipes/options.ts"
import type { Guided } from "../recipes/recipe.ts"
import { flagOf, MisuseError } from "./flags.ts"

/** Options of labels and guidance. */
export const guidanceOptions = grouped("Labels and guidance:", {
  label: z
    .array(z.number().int().min(0).max(1_000_000))
    .min(1)
    .max(100_000)
    .optional()
    .describe("class to draw, or a list of them in turn; for models that are told labels"),
  guidance: z
    .number()
    .min(-100)
    .max(100)
    .optional()
    .describe("scale of classifier-free guidance: 0 leaves the label out, 1 follows it as the data do (default: 1)"),
  rescale: z
    .number()
    .min(0)
    .max(1)
    .optional()
    .describe("share of the standard deviation given back, where guidance makes too much contrast (default: 0)"),
  interval: z
    .array(z.number().min(0).max(1_000_000))
    .length(2)
    .optional()
    .describe("the times from which to which guidance acts (default: all)"),
})

type GuidanceFlags = z.output<z.ZodObject<typeof guidanceOptions>>

/** What a request gets from the flags of labels and guidance. */
export function guidanceOf(
  { label, guidance, rescale, interval }: GuidanceFlags,
  count: number,
): Guided & { readonly labels?: Int32Array } {
  return {
    ...(label !== undefined && { labels: Int32Array.from({ length: count }, (_, i) => label[i % label.length]) }),
    ...(guidance !== undefined && { guidance }),
    ...(rescale !== undefined && { rescale }),
    ...(interval !== undefined && { interval: [interval[0], interval[1]] as const }),
  }
}

/** The first `count` samples, in turn where there are fewer. */
export function repeated(x: NdArray<"float32">, count: number): NdArray<"float32"> {
  const [rows, ...shape] = x.shape
  const size = x.data.length / rows
  const data = new Float32Array(count * size)
  for (let i = 0; i < count; i++) data.set(x.data.subarray((i % rows) * size, ((i % rows) + 1) * size), i * size)
  return array("float32", [count, ...shape], data)
}

/** Refuses flags that were given and mean nothing to what was asked for. */
export function expectOnly(
  flags: Readonly<Record<string, unknown>>,
  read: (key: string) => boolean,
  why: (flag: string) => string,
): void {
  const stray = Object.keys(flags).find((key) => flags[key] !== undefined && !read(key))
  if (stray !== undefined) throw new MisuseError(why(flagOf(stray)))
}
