/** What a run survives: being killed, stopped, damaged, written to twice, and a disk that is full or gone. */
import { spawnSync } from "node:child_process"
import { existsSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { afterAll, beforeAll, expect, test } from "vitest"
import { main, whenTold, workplace } from "./command.ts"

const { folder, at, run, watched, remove } = workplace()
afterAll(remove)

const tiny = ["--set", "moons", "--width", "8", "--layers", "1", "--batch", "16", "--times", "50", "--threads", "1"]
const often = ["--checkpoint-every", "2", "--sample-every", "0"]
const begin = (out: string, ...args: string[]): string[] => [
  "train",
  ...["--recipe", "points", "--out", out],
  ...tiny,
  ...often,
  ...args,
]
const weights = (out: string, step: number): string =>
  ["model", "optimizer", "ema"]
    .map((f) => readFileSync(at(out, `checkpoints/step-${step}/${f}.safetensors`)).toString("base64"))
    .join()

beforeAll(async () => {
  expect((await run(...begin("whole", "--steps", "12"))).code).toBe(0)
})

test("killed again and again, a run ends as one that was never killed", () => {
  const script = fileURLToPath(new URL("../slow/kill.mjs", import.meta.url))
  const { status, stdout } = spawnSync(process.execPath, [script, "--kills", "3", "--inside", "0", "--seed", "4"], {
    encoding: "utf8",
  })
  expect(stdout).toMatch(/^3 kills, .* all equal bit for bit/m)
  expect(status).toBe(0)
})

test("Ctrl-C saves and says how to go on, and going on equals never having stopped", async () => {
  const { code, stderr } = await watched(begin("stopped", "--steps", "2000", "--json"), (child) =>
    whenTold(child, /"event":"checkpoint"/, () => child.kill("SIGINT")),
  )
  expect(code).toBe(130)
  const [, step] = /stopped at step (\d+) after .*; go on with: npx tweedie train --resume stopped$/m.exec(stderr)!
  const next = 2 * Math.ceil((Number(step) + 1) / 2)
  expect(existsSync(at(`stopped/checkpoints/step-${step}`))).toBe(true)
  const resumed = await watched(["train", "--resume", "stopped", "--json", ...often], (child) =>
    whenTold(child, new RegExp(`"event":"checkpoint","step":${next}`), () => child.kill("SIGTERM")),
  )
  expect(resumed.code).toBe(130)
  expect(
    (
      await watched(begin("straight", "--steps", "2000", "--json", "--keep", "9999"), (child) =>
        whenTold(child, new RegExp(`"event":"checkpoint","step":${next}`), () => child.kill("SIGINT")),
      )
    ).code,
  ).toBe(130)
  const last = readdirSync(at("stopped/checkpoints")).map((name) => Number(name.slice(5)))
  const both = last.filter((s) => s > Number(step) && existsSync(at(`straight/checkpoints/step-${s}`)))
  expect(both.length).toBeGreaterThan(0)
  for (const s of both) expect(weights("stopped", s) === weights("straight", s)).toBe(true)
})

test("a damaged newest checkpoint costs one warning and some steps", async () => {
  expect((await run(...begin("hurt", "--steps", "12"))).code).toBe(0)
  const path = at("hurt/checkpoints/step-12/model.safetensors")
  const bytes = readFileSync(path)
  bytes[bytes.length - 3] ^= 16
  writeFileSync(path, bytes)
  const sampled = await run("sample", "hurt", "--count", "2", "--steps", "2", "--out", "x.png")
  expect(sampled.stderr.match(/warning: .*/g)).toEqual([
    "warning: hurt: the checkpoint of step 12 is damaged (model.safetensors does not agree with its checksum); using that of step 10",
  ])
  expect(sampled.code).toBe(0)
  const { code, stderr } = await run("train", "--resume", "hurt", ...often)
  expect(stderr.match(/warning: .*/g)).toHaveLength(1)
  expect(code).toBe(0)
  expect(weights("hurt", 12) === weights("whole", 12)).toBe(true)
  const finished = await run("train", "--resume", "hurt")
  expect([finished.code, finished.stderr]).toEqual([2, expect.stringMatching(/hurt has made its 12 steps; give more/)])
})

test("a run that ended before its files were written writes them", async () => {
  expect((await run(...begin("late", "--steps", "12"))).code).toBe(0)
  const model = readFileSync(at("late/model.onnx"))
  rmSync(at("late/model.onnx"))
  rmSync(at("late/samples.png"))
  const { code } = await run("train", "--resume", "late")
  expect(code).toBe(0)
  expect(Buffer.compare(readFileSync(at("late/model.onnx")), model)).toBe(0)
  expect(Buffer.compare(readFileSync(at("late/samples.png")), readFileSync(at("whole/samples.png")))).toBe(0)
})

test("a run folder has one writer at a time", async () => {
  let second: Promise<{ code: number; stderr: string }> | undefined
  const first = await watched(begin("busy", "--steps", "100000", "--json"), (child) =>
    whenTold(child, /"event":"checkpoint"/, () => {
      second = run("train", "--resume", "busy").finally(() => child.kill("SIGINT"))
    }),
  )
  const { code, stderr } = (await second)!
  expect(stderr).toMatch(/^tweedie: --resume busy: busy: process \d+ is training into it \(wait for it, stop it/)
  expect(code).toBe(2)
  expect(first.code).toBe(130)
  expect(readdirSync(at("busy")).filter((name) => name.startsWith(".lock"))).toEqual([])
})

test("of two that begin the same folder at the same time, one trains and one is told so", async () => {
  const both = await Promise.all([1, 2].map(() => run(...begin("same", "--steps", "200"))))
  expect(both.map((r) => r.code).sort(), both.map((r) => r.stderr).join()).toEqual([0, 2])
})

test("loss that explodes stops the run, names step and term, and leaves the last good checkpoint", async () => {
  const { code, stderr } = await run(...begin("nan", "--steps", "200", "--lr", "10", "--warmup", "0", "--layers", "40"))
  expect(stderr).toMatch(
    /^tweedie: train: [\w .]+ became (NaN|-?Infinity) at step \d+ .*; (the checkpoint of step \d+ in nan is untouched|no checkpoint had been written yet)$/m,
  )
  expect(code).toBe(1)
  for (const name of readdirSync(at("nan/checkpoints"))) expect(name).toMatch(/^step-\d+$/)
})

test("training stops when the validation loss no longer falls, and gives the best it had", async () => {
  const args = ["--validation", "0.02", "--patience", "6", "--lr", "9", "--warmup", "0"]
  const { code, stdout } = await run(...begin("early", "--steps", "400", ...args, "--json"))
  expect(code).toBe(0)
  const events = stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line))
  const { step, best, validation } = events.find((e) => e.event === "early")
  expect(step - best).toBeGreaterThanOrEqual(6)
  const measured = events.filter((e) => e.event === "checkpoint").map((e) => e.validation)
  expect(validation).toBe(Math.min(...measured))
  expect(readdirSync(at("early/checkpoints")).sort()).toContain(`step-${best}`)
  expect((await run("export", "early", "--at", "best", "--out", "b")).code).toBe(0)
  expect(Buffer.compare(readFileSync(at("b/model.safetensors")), readFileSync(at("early/model.safetensors")))).toBe(0)
  expect((await run("export", "early", "--at", "last", "--out", "c")).code).toBe(0)
  expect(Buffer.compare(readFileSync(at("c/model.safetensors")), readFileSync(at("early/model.safetensors")))).not.toBe(
    0,
  )
  expect((await run("export", "early", "--at", "3", "--out", "d")).stderr).toMatch(/no checkpoint of step 3, there are/)
})

test("versions and threads that changed are told", async () => {
  expect((await run(...begin("old", "--steps", "4"))).code).toBe(0)
  const config = JSON.parse(readFileSync(at("old/config.json"), "utf8"))
  config.versions.node = "v18.0.0"
  writeFileSync(at("old/config.json"), JSON.stringify(config))
  const { code, stderr } = await run("train", "--resume", "old", "--steps", "6", "--threads", "2", ...often)
  expect(stderr.match(/^warning: .*/gm)).toEqual([
    expect.stringMatching(/^warning: node was v18\.0\.0 when this run was last begun and is v\d+/),
    expect.stringMatching(/^warning: threads was 1 /),
  ])
  expect(code).toBe(0)
})

test("a run folder that vanishes ends the run with one line", async () => {
  const { code, stderr } = await watched(begin("gone", "--steps", "100000", "--json"), (child) =>
    whenTold(child, /"event":"checkpoint"/, () => renameSync(at("gone"), at("elsewhere"))),
  )
  expect(stderr).toMatch(/^tweedie: .*ENOENT.*go on with/m)
  expect(
    stderr
      .trim()
      .split("\n")
      .filter((line) => !line.startsWith("warning:")),
  ).toHaveLength(1)
  expect(code).toBe(1)
})

const canMount = spawnSync("unshare", ["-Ur", "-m", "true"]).status === 0

test.skipIf(!canMount)("a full disk ends the run with 1 and leaves the last checkpoint whole", () => {
  // The small disk lives as long as the shell: what is looked at afterwards is looked at in there.
  const train = begin("small/run", "--steps", "100000", "--keep", "100000").join(" ")
  const { stdout, stderr } = spawnSync(
    "unshare",
    [
      ...["-Ur", "-m", "sh", "-c"],
      `mkdir small && mount -t tmpfs -o size=400k none small && node ${main} ${train}; echo trained $?; ` +
        `ls -A small/run/checkpoints | grep -c '^[.]'; node ${main} export small/run --out exported; echo exported $?`,
    ],
    { cwd: folder, encoding: "utf8" },
  )
  expect(stdout.trim().split("\n")).toEqual(["trained 1", "0", "exported 0"])
  expect(stderr).toMatch(
    /tweedie: .*ENOSPC.*the checkpoint of step \d+ in small\/run is untouched \(free some space, then go on with: npx tweedie train --resume small\/run\)/,
  )
  expect(stderr).not.toMatch(/warning|damaged/)
})

test.skipIf(!canMount)("a disk that is full from the beginning, or read-only, is told apart", () => {
  const train = (out: string): string => `node ${main} ${begin(out, "--steps", "4").join(" ")}; echo $?`
  const script = [
    ...["mkdir tight fixed", "mount -t tmpfs -o size=4k none tight", "mount -t tmpfs -o ro none fixed"],
    ...[train("tight/run"), train("fixed/run")],
  ]
  const { stdout, stderr } = spawnSync("unshare", ["-Ur", "-m", "sh", "-c", script.join("\n")], {
    cwd: folder,
    encoding: "utf8",
  })
  expect(stdout.trim().split("\n")).toEqual(["1", "2"])
  const told = stderr.split("\n").filter((line) => line.startsWith("tweedie:"))
  expect(told).toEqual([
    expect.stringMatching(/^tweedie: .*ENOSPC/),
    expect.stringMatching(/^tweedie: --out fixed\/run: EROFS: read-only file system/),
  ])
})

test("who stops listening does not stop the run", () => {
  const command = `node ${main} ${begin("unheard", "--steps", "40", "--json").join(" ")} | head -1`
  const { stdout, stderr } = spawnSync("sh", ["-c", command], { cwd: folder, encoding: "utf8" })
  expect(JSON.parse(stdout).event).toBe("start")
  expect(stderr).not.toMatch(/EPIPE|at /)
  expect(existsSync(at("unheard/model.onnx"))).toBe(true)
})

test("a clock that jumps years to and fro changes nothing but what curves say of time", () => {
  const jumping = "let n = 0; const now = Date.now; Date.now = () => now() + (n++ % 2 === 0 ? -1 : 1) * 4e10"
  const { status, stderr } = spawnSync(
    process.execPath,
    ["--import", `data:text/javascript,${encodeURIComponent(jumping)}`, main, ...begin("jumped", "--steps", "12")],
    { cwd: folder, encoding: "utf8" },
  )
  expect([status, stderr.match(/warning|tweedie:/g)]).toEqual([0, null])
  expect(weights("jumped", 12) === weights("whole", 12)).toBe(true)
  const steps = readFileSync(at("jumped/log.jsonl"), "utf8")
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line).step)
  expect(steps).toEqual(steps.toSorted((a, b) => a - b))
})
