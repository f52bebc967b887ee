// Hands 10,000 damaged model folders to the reader of diffusers' folders: one clear error each, or a model, within two
// seconds each. Usage: node test/slow/diffusers.mjs [count] [from]. About ten seconds.
import { spawnSync } from "node:child_process"

const [count = "10000", from = "0"] = process.argv.slice(2)
const { status } = spawnSync("npx", ["vitest", "run", "src/diffusers/fuzz.test.ts", "--testTimeout", "3600000"], {
  env: { ...process.env, FUZZ_COUNT: count, FUZZ_FROM: from },
  stdio: "inherit",
})
process.exit(status ?? 1)
