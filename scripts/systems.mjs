// Counts the systems that a passing test shows to work: those whose id ends the test's title, as in `... [A08]`.
//
//   npm run systems                            the table, and what is missing of the areas begun
//   npm run systems -- --write docs/systems.md   writes the list of systems from the titles
//   npm run systems -- --check docs/systems.md   fails where that list and the tests differ
//   ... --report FILE                          another report than the last run's
import { readdirSync, readFileSync, writeFileSync } from "node:fs"
import { parseArgs } from "node:util"
import { readReport, reportPath, root } from "./report.mjs"

/** Letter, name and number of systems of every area; ids run from 01. */
const areas = [
  ["A", "diffusion: process, objectives, sampling", 41],
  ["B", "automatic differentiation, matrix calculus", 15],
  ["C", "linear algebra", 49],
  ["D", "probability and statistics", 41],
  ["E", "information, transport, losses, metrics, data", 52],
  ["F", "optimisation", 24],
  ["G", "layers, activations, normalisation", 44],
  ["H", "latent-variable, adversarial and flow models", 33],
  ["I", "classical machine learning", 27],
  ["J", "dimension reduction, kernels, Gaussian processes", 21],
  ["K", "vision networks, detection, explanation", 20],
  ["L", "sequences, attention, graphs", 20],
  ["M", "representation, transfer, few-shot", 21],
  ["N", "signals, differential equations", 19],
]
const total = areas.reduce((sum, [, , count]) => sum + count, 0)

/** Ids at the end of a title: `[A08]`, `[A08] [A09]` or `[A08, A09]`; and the sentence before them. */
export function idsOf(title) {
  const ids = []
  let sentence = title
  for (;;) {
    const end = sentence.match(/\s*\[([A-Z]\d\d(?:,\s*[A-Z]\d\d)*)\]$/)
    if (end === null) return { ids: ids.sort(), sentence }
    ids.push(...end[1].split(/,\s*/))
    sentence = sentence.slice(0, end.index)
  }
}

/** Whether an area has that number. */
function isKnown(id) {
  const area = areas.find(([letter]) => letter === id[0])
  return area !== undefined && Number(id.slice(1)) >= 1 && Number(id.slice(1)) <= area[2]
}

const width = Math.max(...areas.map(([, name]) => name.length))
const line = (letter, name, passed, of) =>
  `${letter.padEnd(2)} ${name.padEnd(width)} ${String(passed).padStart(3)} / ${of}`

/** The table by area, and the missing ids of the areas begun. */
function table(passed) {
  const lines = []
  for (const [letter, name, count] of areas) {
    const found = [...passed].filter((id) => id[0] === letter).length
    lines.push(line(letter, name, found, count))
  }
  lines.push(line("", "all", passed.size, total))
  for (const [letter, , count] of areas) {
    const all = Array.from({ length: count }, (_, i) => `${letter}${String(i + 1).padStart(2, "0")}`)
    const missing = all.filter((id) => !passed.has(id))
    if (missing.length > 0 && missing.length < count) lines.push("", `missing of ${letter}: ${missing.join(" ")}`)
  }
  return lines.join("\n")
}

const cell = (text) => text.replaceAll("|", "\\|")

/** The list of systems as Markdown: a row for every test of a system. */
function page(rows) {
  return [
    "# Systems that work",
    "",
    "Written by `npm run systems -- --write docs/systems.md` from the titles of the tests; not edited by hand.",
    "",
    `${new Set(rows.map((row) => row.id)).size} of ${total} systems have a test that shows what holds:`,
    "",
    "| id | what holds | test |",
    "| --- | --- | --- |",
    ...rows.map(({ id, sentence, file }) => `| ${id} | ${cell(sentence)} | [${file}](../${file}) |`),
    "",
  ].join("\n")
}

function fail(message) {
  console.error(`systems: ${message}`)
  process.exit(1)
}

const { values } = parseArgs({
  options: { write: { type: "string" }, check: { type: "string" }, report: { type: "string", default: reportPath } },
})
const report = readReport(values.report)
if (report === null) fail(`there is no ${values.report} (run npx vitest run, which writes it)`)

const elsewhere = report.tests.find(({ file }) => file.startsWith(".."))
if (elsewhere !== undefined)
  fail(`${values.report} is of another folder's tests (${elsewhere.file}); run npx vitest run here`)

const entries = report.tests
  .flatMap(({ file, title, status }) => {
    const { ids, sentence } = idsOf(title)
    return ids.map((id) => ({ id, sentence, file, status }))
  })
  .sort((a, b) => (a.id < b.id ? -1 : a.id > b.id ? 1 : a.file < b.file ? -1 : a.file > b.file ? 1 : 0))
const unknown = entries.filter(({ id }) => !isKnown(id))
if (unknown.length > 0) fail(unknown.map(({ id, file }) => `${file}: there is no system ${id}`).join("\n"))
const passed = new Set(entries.filter(({ status }) => status === "passed").map(({ id }) => id))
// A test that needs data which is not here is skipped; its row stands.
const shown = entries.filter(({ status }) => status !== "failed")

const present = ["src", "test"]
  .flatMap((folder) => readdirSync(`${root}${folder}`, { recursive: true, encoding: "utf8" }))
  .filter((path) => path.endsWith(".test.ts") && !/^slow[/\\]/.test(path)).length
const isWhole = report.files >= present
const partial = `the report is of ${report.files} of ${present} test files (run npx vitest run for all)`

if (values.write !== undefined) {
  if (!isWhole) fail(partial)
  writeFileSync(values.write, page(shown))
  console.log(`${values.write}: ${passed.size} systems`)
} else if (values.check !== undefined) {
  if (!isWhole) fail(partial)
  const listed = new Set([...readFileSync(values.check, "utf8").matchAll(/^\| ([A-Z]\d\d) \|/gm)].map((m) => m[1]))
  const missing = [...passed].filter((id) => !listed.has(id))
  const backed = new Set(shown.map(({ id }) => id))
  const stale = [...listed].filter((id) => !backed.has(id))
  const faults = [
    missing.length > 0 ? `${values.check} has no row for ${missing.join(" ")}` : "",
    stale.length > 0 ? `${values.check} lists ${stale.join(" ")}, of which no test passes` : "",
  ].filter(Boolean)
  if (faults.length > 0) fail(`${faults.join("\n")}\n(npm run systems -- --write ${values.check} writes it anew)`)
  console.log(`${values.check}: a row for each of ${passed.size} systems`)
} else {
  console.log(table(passed))
  if (!isWhole) console.log(`\n${partial}`)
}
