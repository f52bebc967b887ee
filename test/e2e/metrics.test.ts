/** The example of metrics on the built package: it prints its table and writes its pictures. */
import { spawnSync } from "node:child_process"
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { afterAll, expect, test } from "vitest"

const root = fileURLToPath(new URL("../..", import.meta.url))
const folder = mkdtempSync(join(tmpdir(), "tweedie-metrics-"))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

test("the example of metrics judges two classifiers and draws four pictures", () => {
  if (!existsSync(join(root, "dist/metrics/index.js")))
    throw new Error("dist/ is missing: run `npm run build` first (npm test does)")
  const { status, stdout, stderr } = spawnSync(process.execPath, [join(root, "examples/metrics.mjs"), folder], {
    encoding: "utf8",
  })
  expect(stderr).toBe("")
  expect(status).toBe(0)
  const [head, honest, loud] = stdout.split("\n").map((line) => line.trim().split(/ {2,}| (?=[A-Z\d])/))
  expect(head.slice(0, 2)).toEqual(["classifier", "accuracy"])
  const numberOf = (row: string[], name: string): number => Number(row[head.indexOf(name)])
  // The odds it states are the true ones: calibrated, and the better by every measure that sees probabilities.
  expect(numberOf(honest, "ECE")).toBeLessThan(0.03)
  expect(numberOf(loud, "ECE")).toBeGreaterThan(0.05)
  expect(numberOf(honest, "Brier")).toBeLessThan(numberOf(loud, "Brier"))
  // Normals 2 apart: the area is Phi(sqrt 2) = .9214.
  expect(Math.abs(numberOf(honest, "AUC") - 0.9214)).toBeLessThan(0.02)
  expect(readdirSync(folder).sort()).toEqual(["confusion.svg", "pr.svg", "reliability.svg", "roc.svg"])
  for (const name of readdirSync(folder))
    expect(readFileSync(join(folder, name), "utf8")).toMatch(/^<svg .*<\/svg>\n$/s)
})
