// Measurements beside PyTorch and others, on the built package: npm run bench -- NAME [options]; bench/README.md says how to read them.
import { access } from "node:fs/promises"

const benches = {
  "train-step": "one training step of the U-Net: forward, gradient, clipping, AdamW, averaging",
  sample: "one step of DDIM through the U-Net",
  ops: "single ops and their gradients",
  mlp: "one training step of a small variational autoencoder of linear layers",
  transformer: "one training step of a causal transformer",
  linalg: "decompositions beside NumPy and ml-matrix",
  transport: "exact transport beside POT",
  fid: "FID of many wide features: seconds and memory",
}

const [name, ...args] = process.argv.slice(2)
if (name === undefined || !(name in benches)) {
  console.error(`usage: npm run bench -- NAME [options]   (NAME --help lists them)\n`)
  for (const [key, doc] of Object.entries(benches)) console.error(`  ${key.padEnd(12)} ${doc}`)
  process.exit(2)
}
try {
  await access(new URL("../dist/index.js", import.meta.url))
} catch {
  console.error("bench: the package is not built (npm run build)")
  process.exit(1)
}
// Those that stand alone read the command line themselves, as if started by their own name.
process.argv.splice(2, 1)
const { bench } = await import(`./${name}.mjs`)
await bench?.(args)
