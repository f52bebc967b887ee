// Both sides on the same weights and data: the loss, and the gradient of every parameter.
import { mkdtemp, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { writeSafetensors } from "../dist/io/index.js"
import { parameters, stateDict } from "../dist/nn/index.js"

/** Gradients of float32 sums of these lengths in another order differ by about this much. */
const tolerance = 2e-5

/**
 * Whether PyTorch's loss and gradients are those of `program(...inputs)`, which gives `[loss, gradients]` by all
 * parameters of the network in their order; `inputs` are arrays by the names they have in PyTorch's loss.
 */
export async function agreement(side, { network, program, inputs }) {
  const [loss, found] = await program(...Object.values(inputs))
  await program.dispose()
  const names = [...parameters(network).keys()]
  const folder = await mkdtemp(join(tmpdir(), "tweedie-bench-"))
  try {
    const [weights, given] = ["weights", "case"].map((name) => join(folder, `${name}.safetensors`))
    await writeFile(weights, writeSafetensors(await stateDict(network)))
    const gradients = found.map((g, i) => [`grad.${names[i]}`, g])
    await writeFile(given, writeSafetensors(new Map([...Object.entries(inputs), ...gradients])))
    const theirs = await side.ask("check", { weights, case: given })
    const apart = Math.abs(loss.data[0] - theirs.loss) / theirs.loss
    const agrees = apart < tolerance && theirs.gradients < tolerance
    console.log(
      `same weights and data: loss ${loss.data[0].toPrecision(8)} and ${theirs.loss.toPrecision(8)}, ` +
        `gradients ${theirs.gradients.toExponential(1)} apart (relative; worst ${theirs.worst} ${theirs.worst_by.toExponential(1)})` +
        `${agrees ? "" : `: they DISAGREE (bound ${tolerance})`}`,
    )
    return agrees
  } finally {
    await rm(folder, { recursive: true })
  }
}
