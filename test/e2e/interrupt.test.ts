import { spawnSync } from "node:child_process"
import { expect, test } from "vitest"

const child = `
  import { Interrupt } from ${JSON.stringify(new URL("../../dist/cli/interrupt.js", import.meta.url).href)}
  const interrupt = new Interrupt()
  interrupt.listen()
  const wait = setInterval(() => {}, 1000)
  interrupt.signal.addEventListener("abort", () => {
    console.log("asked to stop")
    if (process.argv[1] === "twice") setImmediate(() => process.kill(process.pid, "SIGTERM"))
    else clearInterval(wait)
  })
  process.kill(process.pid, "SIGINT")`

function run(times: string) {
  const flags = ["--input-type=module", "-e", child, times]
  return spawnSync(process.execPath, flags, { encoding: "utf8", timeout: 20_000 })
}

test("the first signal asks for a stop", () => {
  const { stdout, status, signal } = run("once")
  expect([stdout, status, signal]).toEqual(["asked to stop\n", 0, null])
})

test("the second ends the process as that signal does by default", () => {
  const { stdout, stderr, signal } = run("twice")
  expect([stdout, stderr, signal]).toEqual(["asked to stop\n", "", "SIGTERM"])
})
