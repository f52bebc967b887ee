// Whether training takes more memory the longer it goes: a small U-Net for many updates.
// Usage: node test/slow/growth.mjs [updates, 10000]
// Prints the resident memory after every tenth of them; ends with 1 where the last tenth holds 5 % more than the second.
import { glyphs, loader } from "../../dist/data/index.js"
import { cosine, denoiser, gaussian, simple, UNet } from "../../dist/diffusion/index.js"
import { seeded } from "../../dist/nn/index.js"
import { train } from "../../dist/train/index.js"

const updates = Number(process.argv[2] ?? 10_000)
const network = seeded(0, () => new UNet({ size: 28, patch: 2, width: 16, multipliers: [1, 2] }))
const training = train(simple(denoiser(network, gaussian(cosine()), { predict: "v" })), loader(glyphs(), { batch: 8 }))
const held = []
for await (const { step } of training) {
  if (step % Math.floor(updates / 10) === 0) {
    globalThis.gc?.()
    held.push(process.memoryUsage().rss / 2 ** 20)
    console.log(`${step} updates: ${held.at(-1).toFixed(0)} MB`)
  }
  if (step >= updates) break
}
await training.dispose()
if (held.at(-1) > 1.05 * held[1]) {
  console.error("memory grows")
  process.exitCode = 1
}
