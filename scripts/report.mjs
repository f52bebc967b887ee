// What the last run of the tests said: reads vitest's JSON report.
import { existsSync, readFileSync, statSync } from "node:fs"
import { relative } from "node:path"
import { fileURLToPath } from "node:url"

/** The repository's root folder. */
export const root = fileURLToPath(new URL("..", import.meta.url))

/** Where `vitest run` writes its report. */
export const reportPath = `${root}.reports/tests.json`

/**
 * Every test of the report: `{ file, title, status }`, where status is `passed`, `failed` or `skipped`. A file that
 * could not be run is one failed test. Null where there is no report.
 *
 * @param {string} path
 */
export function readReport(path = reportPath) {
  if (!existsSync(path)) return null
  const { testResults } = JSON.parse(readFileSync(path, "utf8"))
  const tests = testResults.flatMap(({ name, status, assertionResults }) => {
    const file = relative(root, name).replaceAll("\\", "/")
    const own = assertionResults.map(({ fullName, status }) => ({
      file,
      title: fullName.trim(),
      status: status === "passed" || status === "failed" ? status : "skipped",
    }))
    const broken = status === "failed" && own.every((test) => test.status !== "failed")
    return broken ? [...own, { file, title: "(the file could not be run)", status: "failed" }] : own
  })
  return { tests, files: testResults.length, written: statSync(path).mtime }
}
