/** The count of systems as a test: ids are read from titles of tests, counted by area, and listed in a page. */
import { spawnSync } from "node:child_process"
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { afterAll, expect, test } from "vitest"

const root = fileURLToPath(new URL("..", import.meta.url))
const work = mkdtempSync(join(tmpdir(), "tweedie-systems-"))
afterAll(() => rmSync(work, { recursive: true, force: true }))

/** Runs the script on a report of one file with these tests, and of as many empty files as make it whole. */
function systems(titles: Readonly<Record<string, string>>, args: readonly string[], others = 10_000) {
  const assertionResults = Object.entries(titles).map(([fullName, status]) => ({ fullName, status }))
  const one = { name: join(root, "src/nn/linear.test.ts"), status: "passed", assertionResults }
  const rest = Array.from({ length: others }, () => ({ name: root, status: "passed", assertionResults: [] }))
  const report = join(work, "tests.json")
  writeFileSync(report, JSON.stringify({ testResults: [one, ...rest] }))
  const script = join(root, "scripts/systems.mjs")
  return spawnSync(process.execPath, [script, "--report", report, ...args], { encoding: "utf8" })
}

test("passed ids are counted once each by area, and the missing ones of an area begun are named", () => {
  const { stdout, status } = systems(
    {
      "one thing holds [N01]": "passed",
      "it holds elsewhere too [N01]": "passed",
      "two hold at once [N03, N04]": "passed",
      "two more hold [N05] [N06]": "passed",
      "this one fails [N07]": "failed",
      "this one waits for data [N08]": "pending",
      "an id [A01] in the middle is none": "passed",
    },
    [],
  )
  expect(status).toBe(0)
  expect(stdout).toMatch(/^N {2}signals, differential equations +5 \/ 19$/m)
  expect(stdout).toMatch(/^ +all +5 \/ 427$/m)
  expect(stdout).toContain("missing of N: N02 N07 N08 N09 N10")
  expect(stdout).not.toContain("missing of A")
})

test("the written page passes the check until a test comes or goes", () => {
  const page = join(work, "systems.md")
  const titles = { "a | b holds [C07]": "passed", "MNIST has its size [E49]": "pending", "bad [C09]": "failed" }
  expect(systems(titles, ["--write", page]).status).toBe(0)
  const text = readFileSync(page, "utf8")
  expect(text).toContain("| C07 | a \\| b holds | [src/nn/linear.test.ts](../src/nn/linear.test.ts) |")
  expect(text).toContain("| E49 |")
  expect(text).not.toContain("C09")
  expect(systems(titles, ["--check", page]).status).toBe(0)
  const more = systems({ ...titles, "new [C08]": "passed" }, ["--check", page])
  expect([more.status, more.stderr]).toEqual([1, expect.stringContaining("has no row for C08")])
  const fewer = systems({ "MNIST has its size [E49]": "passed" }, ["--check", page])
  expect([fewer.status, fewer.stderr]).toEqual([1, expect.stringContaining("lists C07, of which no test passes")])
})

test("an id that no area has, and a report of a part of the tests, are refused", () => {
  expect(systems({ "beyond [N20]": "passed" }, []).stderr).toContain("src/nn/linear.test.ts: there is no system N20")
  const part = systems({ "holds [N01]": "passed" }, ["--check", join(work, "none.md")], 0)
  expect([part.status, part.stderr]).toEqual([1, expect.stringMatching(/of 1 of \d+ test files/)])
})
