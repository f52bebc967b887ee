// Prints how the last run of the tests ended, on one line: `12 passed, 0 failed, 1 skipped`.
import { readReport } from "./report.mjs"

const report = readReport()
if (report === null) {
  console.log("0 passed, 1 failed, 0 skipped (a step before the tests failed)")
} else {
  const count = (status) => report.tests.filter((test) => test.status === status).length
  console.log(`${count("passed")} passed, ${count("failed")} failed, ${count("skipped")} skipped`)
}
