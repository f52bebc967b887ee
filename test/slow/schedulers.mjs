// Draws random configurations of diffusers' scheduler classes, has diffusers itself go through each, with samples in
// float32 and in float64, and compares our samplers: times, noising, first and last sample.
// Usage: node test/slow/schedulers.mjs [count] [seed]     (needs python3 with diffusers 0.42; two minutes for 1000)
import { spawnSync } from "node:child_process"
import { mkdtempSync, openSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"

const [count = "300", seed = String(Date.now() % 1e6)] = process.argv.slice(2)
const folder = mkdtempSync(join(tmpdir(), "schedulers-"))
try {
  const drawn = join(folder, "drawn.json")
  console.log(`${count} configurations of seed ${seed}`)
  const made = spawnSync("python3", ["src/diffusion/samplers/fixtures/schedulers.py", seed, count], {
    stdio: ["ignore", openSync(drawn, "w"), "ignore"],
  })
  if (made.status !== 0) throw new Error("fixtures/schedulers.py failed: run it by hand (it needs diffusers)")
  const { status } = spawnSync("npx", ["vitest", "run", "src/diffusion/samplers/compat", "-t", "drawn at random"], {
    env: { ...process.env, SCHEDULERS: drawn },
    stdio: "inherit",
  })
  process.exitCode = status ?? 1
} finally {
  rmSync(folder, { recursive: true })
}
