/**
 * Laws of the importer: ONNX's own test vectors come out as they should, or their files are refused by node and reason; and
 * gradients of all that are read equal finite differences. `fixtures/vectors.py FILE` writes the large vectors too, and
 * operators written out as functions: TWEEDIE_VECTORS=FILE npx vitest run test/laws/vectors.test.ts
 */
import { readFileSync } from "node:fs"
import { beforeAll, expect, test } from "vitest"
import { checkGradients, outputFault, type Read, readVector, readVectors, type Vector } from "./vectors.ts"

const whole = process.env["TWEEDIE_VECTORS"]
const { vectors } = readVectors(whole ?? new URL("fixtures/vectors.bin.gz", import.meta.url))

/** Why files are refused, and how many of those that are kept here. */
const reasons: readonly (readonly [count: number, reason: RegExp])[] = [
  [102, /^onnx: (input|output) ".*" has elements of (string|float[48]|element type 2[456]|u?int4)/],
  [2, /^onnx: input ".*" is (optional|a sequence), expected a tensor/],
  [8, /^importOnnx: node ".*" \(Scatter(ND|Elements), operator set \d+\): reduction is "(max|min|mul)"/],
  [4, /^importOnnx: node ".*" \(Dropout, .*\): is in training mode/],
  [2, /^importOnnx: node ".*" \(BatchNormalization, .*\): training_mode is 1/],
  [2, /^importOnnx: node ".*" \(Resize, .*\): coordinate_transformation_mode is "align_corners" and the scale/],
  [2, /^importOnnx: node ".*" \(MaxPool, .*\): (output 1 \("z"\) is not supported|storage_order is 1)/],
]

const read: [Vector, Read][] = []
const refused: [Vector, string][] = []

beforeAll(() => {
  for (const vector of vectors) {
    try {
      read.push([vector, readVector(vector)])
    } catch (error) {
      refused.push([vector, (error as Error).message])
    }
  }
})

test("files that are not read are refused by name, with what stands in the way", () => {
  const known = [...reasons, ...(whole === undefined ? [] : [[0, /computed from data, expected a constant/] as const])]
  const others = refused.filter(([, message]) => !known.some(([, reason]) => reason.test(message)))
  expect(others.map(([{ name }, message]) => `${name}: ${message}`)).toEqual([])
  if (whole !== undefined) return
  for (const [count, reason] of reasons) {
    expect([reason, refused.filter(([, message]) => reason.test(message)).length]).toEqual([reason, count])
  }
})

test("what is read gives ONNX's own results, by the reference interpreter and by ONNX Runtime", async () => {
  const faults: string[] = []
  for (const [vector, program] of read) {
    const fault = await outputFault(vector, program).catch((error: Error) => error.message)
    if (fault !== undefined) faults.push(`${vector.name}: ${fault}`)
  }
  expect(faults).toEqual([])
  const page = readFileSync(new URL("../../docs/onnx.md", import.meta.url), "utf8")
  if (whole === undefined) expect(page).toContain(`${read.length} of ${vectors.length}`)
  else console.log(`${read.length} of ${vectors.length}`)
})

test("gradients of what is read equal finite differences of the reference interpreter", () => {
  const faults: string[] = []
  const total = { slopes: 0, kinks: 0, jumps: 0, outside: 0 }
  for (const [vector, program] of read) {
    const { fault, ...counts } = checkGradients(program, whole === undefined ? 12 : 24)
    // Attention written out as operators forms 0/0 in rows that are masked as a whole, and then chooses against it.
    const isMasked = whole !== undefined && /^attention_.*_expanded$/.test(vector.name) && fault?.includes("is NaN")
    if (fault !== undefined && !isMasked) faults.push(`${vector.name}: ${fault}`)
    for (const key of Object.keys(total) as (keyof typeof total)[]) total[key] += counts[key]
  }
  expect(faults).toEqual([])
  expect(total.slopes).toBeGreaterThan(6000)
  expect(total.kinks + total.jumps + total.outside).toBeLessThan(total.slopes / 10)
  if (whole !== undefined) console.log(JSON.stringify(total))
})
