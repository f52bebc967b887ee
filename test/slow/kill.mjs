// Kills training at random moments and inside the writing of checkpoints, resumes it each time, and compares the end bit for
// bit with that of a run that was never killed. A kill counts as inside a checkpoint's writing when what it leaves on the
// disk shows it: a draft, or a checkpoint put aside.
// Usage: node test/slow/kill.mjs [--kills 200] [--inside 50] [--seed 0] [--log kills.jsonl]   (npm run build first)
// Ends with 1 unless every run resumed, every end is equal, and so many kills were inside. About 4 minutes on two cores.
import { spawn } from "node:child_process"
import { appendFileSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, watch } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { parseArgs } from "node:util"
import { Generator } from "../../dist/engine/random.js"

const { values } = parseArgs({
  options: {
    kills: { type: "string", default: "200" },
    inside: { type: "string", default: "50" },
    seed: { type: "string", default: "0" },
    log: { type: "string" },
  },
})
const [kills, leastInside, seed] = [Number(values.kills), Number(values.inside), Number(values.seed)]
const main = fileURLToPath(new URL("../../dist/cli/main.js", import.meta.url))
const place = mkdtempSync(join(tmpdir(), "kill-"))
const random = new Generator(seed)
const steps = 60
const every = ["--checkpoint-every", "2", "--sample-every", "0"]
const recipe = ["--recipe", "points", "--set", "moons", "--width", "8", "--layers", "1", "--batch", "16"]
const options = [...recipe, "--times", "50", "--steps", String(steps), "--threads", "1", ...every]

const note = (record) => {
  if (values.log !== undefined) appendFileSync(values.log, `${JSON.stringify(record)}\n`)
}

/** Runs the command; `kill` is given the process and told what it writes. */
function tweedie(args, kill = () => () => {}) {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [main, "train", ...args], { cwd: place, stdio: ["ignore", "ignore", "pipe"] })
    let stderr = ""
    child.stderr.on("data", (text) => {
      stderr += text
    })
    const stop = kill(child)
    child.on("close", (code, signal) => {
      stop()
      resolve({ code, signal, stderr })
    })
  })
}

/** After a while: anything from before the first line of code to after the last. */
const atRandom = (longest) => (child) => {
  const timer = setTimeout(() => child.kill("SIGKILL"), random.uniform(0, longest))
  return () => clearTimeout(timer)
}

/** Some hundred microseconds after the so-manieth draft of a checkpoint appears. */
const atDraft = (run) => (child) => {
  let left = 1 + random.integer(4)
  const wait = random.uniform(0, 0.7)
  let watcher
  const look = () => {
    const folder = join(place, run, "checkpoints")
    if (!existsSync(folder)) {
      timer = setTimeout(look, 5)
      return
    }
    watcher = watch(folder, (_, name) => {
      if (!/\.part$/.test(name ?? "") || left-- !== 1) return
      const end = performance.now() + wait
      while (performance.now() < end);
      child.kill("SIGKILL")
    })
  }
  let timer = setTimeout(look, 0)
  return () => {
    clearTimeout(timer)
    watcher?.close()
  }
}

const list = (run) => {
  const folder = join(place, run, "checkpoints")
  return existsSync(folder) ? readdirSync(folder).sort() : []
}

/** Drafts and checkpoints put aside, each with what tells it from one of that name made later. */
const drafts = (run) =>
  list(run)
    .filter((name) => name.startsWith("."))
    .map((name) => `${name} ${statSync(join(place, run, "checkpoints", name)).ino}`)

/** Names of files of two finished runs that differ. */
function differences(a, b) {
  const files = ["model.safetensors", "model.onnx", "samples.png"]
  for (const name of list(a))
    for (const f of readdirSync(join(place, a, "checkpoints", name))) files.push(`checkpoints/${name}/${f}`)
  const content = (run, file) => readFileSync(join(place, run, file))
  const stepsOf = (run) =>
    readFileSync(join(place, run, "log.jsonl"), "utf8")
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line).step)
      .join()
  return [
    // A kill between the last checkpoint and the removal of older ones leaves one more.
    ...(list(a).every((name) => list(b).includes(name)) ? [] : ["the list of checkpoints"]),
    ...(stepsOf(a) === stepsOf(b) ? [] : ["the steps of the log"]),
    ...files.filter(
      (file) => !existsSync(join(place, b, file)) || Buffer.compare(content(a, file), content(b, file)) !== 0,
    ),
  ]
}

const started = performance.now()
const whole = await tweedie([...options, "--out", "whole"])
if (whole.code !== 0) throw new Error(`the run that is not killed ended with ${whole.code}: ${whole.stderr}`)
const longest = performance.now() - started

const faults = []
let [done, inside, ends, warnings, runs] = [0, 0, 0, 0, 0]
for (let run = "killed-0"; ; ) {
  const last = done === kills
  const kind = last ? "none" : random.uniform() < 0.5 ? "random" : "draft"
  const exists = existsSync(join(place, run, "config.json"))
  const args = exists ? ["--resume", run, ...every] : [...options, "--out", run]
  const kill = { none: () => () => {}, random: atRandom(longest), draft: atDraft(run) }[kind]
  const before = drafts(run)
  const { code, signal, stderr } = await tweedie(args, kill)
  warnings += (stderr.match(/^warning: .*damaged/gm) ?? []).length
  if (signal === "SIGKILL") {
    done++
    const left = list(run)
    const isInside = drafts(run).some((draft) => !before.includes(draft))
    if (isInside) inside++
    note({ kill: done, kind, inside: isInside, run, left })
  } else if (code === 0 || (code === 2 && /has made its \d+ steps/.test(stderr))) {
    // The second: it was killed when all was written.
    ends++
    const different = differences("whole", run)
    note({ end: ends, run, different })
    if (different.length > 0) faults.push(`${run}: ${different.join(", ")} differ`)
    else rmSync(join(place, run), { recursive: true })
    if (last) break
    run = `killed-${++runs}`
  } else {
    faults.push(`${run}: ended with ${code ?? signal}: ${stderr.trim()}`)
    break
  }
}
for (const fault of faults) console.log(fault)
const seconds = ((performance.now() - started) / 1000).toFixed(0)
console.log(
  `${done} kills, ${inside} of them inside the writing of a checkpoint; ${ends} runs resumed to their ends, ` +
    `${faults.length === 0 ? "all equal bit for bit to one never killed" : `${faults.length} faults`}; ` +
    `${warnings} damaged checkpoints; ${seconds} s`,
)
if (faults.length > 0 || inside < leastInside) process.exitCode = 1
if (faults.length === 0) rmSync(place, { recursive: true })
else console.log(`what is left: ${place}`)
