/** Laws of the importer: ONNX's own test vectors come out as they should, and gradients equal finite differences. */

import { appendFileSync, writeFileSync } from "node:fs"
import { expect, test } from "vitest"
import { checkGradients, outputFault, readVector, readVectors } from "./vectors.ts"

writeFileSync("/tmp/tune/v.txt", "")
const note = (...x: unknown[]) =>
  appendFileSync(
    "/tmp/tune/v.txt",
    x.map((y) => (typeof y === "object" ? JSON.stringify(y) : String(y).replaceAll("\n", " "))).join(" ") + "\n",
  )
test("look", async () => {
  const { vectors } = readVectors(process.env["VECTORS"] ?? new URL("fixtures/vectors.bin.gz", import.meta.url))
  let pass = 0
  let t0 = 0,
    t1 = 0,
    t2 = 0
  const totals = { slopes: 0, kinks: 0, outside: 0, jumps: 0 }
  for (const v of vectors) {
    let read
    const a = performance.now()
    try {
      read = readVector(v)
    } catch (e) {
      note("REFUSED", v.name, (e as Error).message.slice(0, 230), (e as Error).name)
      continue
    }
    const b = performance.now()
    let f: string | undefined
    try {
      f = await outputFault(v, read)
    } catch (e) {
      f = "THROWN " + (e as Error).message.slice(0, 300)
    }
    const c = performance.now()
    if (f !== undefined) {
      note("FAULT", v.name, f)
      continue
    }
    try {
      const g = checkGradients(read, 12)
      totals.slopes += g.slopes
      totals.kinks += g.kinks
      totals.outside += g.outside
      totals.jumps += g.jumps
      if (g.fault !== undefined) {
        note("GRAD", v.name, g.fault)
        continue
      }
    } catch (e) {
      note("GRADTHROW", v.name, (e as Error).message.slice(0, 300))
      continue
    }
    const d = performance.now()
    t0 += b - a
    t1 += c - b
    t2 += d - c
    if (d - a > 300) note("SLOW", v.name, d - a)
    pass++
  }
  note(pass, vectors.length, totals, t0, t1, t2)
  expect(pass).toBeGreaterThan(0)
})
