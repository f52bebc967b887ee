/** `tweedie doctor`: what this machine has, and whether the engine is right and fast on it, in about ten seconds. */
import { rm, statfs, writeFile } from "node:fs/promises"
import { availableParallelism, cpus, freemem, totalmem } from "node:os"
import { array, type NdArray, toNumbers } from "../engine/array.ts"
import { compile } from "../engine/compile.ts"
import { chosenDevice } from "../engine/devices/choose.ts"
import { evaluate } from "../engine/evaluate.ts"
import { silu } from "../engine/fused/activation.ts"
import { groupNorm } from "../engine/fused/normalize.ts"
import { gradients } from "../engine/grad.ts"
import { conv2d } from "../engine/ops/conv.ts"
import { fillNormal, keyOf } from "../engine/random.ts"
import { engineOptions } from "../engine/runtime.ts"
import { constant, type Tensor } from "../engine/tensor.ts"
import { versions } from "./plan.ts"
import { sizeText } from "./runs.ts"
import { lineOf, Voice } from "./voice.ts"

/** One thing that was looked at. */
interface Finding {
  readonly name: string
  readonly value: string
  /** What is wrong, and what to do about it. */
  readonly trouble?: string
}

function normal(shape: readonly number[], seed: number): NdArray<"float32"> {
  return array("float32", shape, fillNormal(new Float32Array(shape.reduce((n, d) => n * d, 1)), keyOf(seed)))
}

/** Convolutions and a normalisation, with the gradient: what the CPU's own layout is used for. */
function block(x: Tensor, w: Tensor): Tensor[] {
  const channels = x.shape[1]
  const ones = constant(array("float32", [channels], new Float32Array(channels).fill(1)))
  const h = silu(groupNorm(conv2d(x, w, null, { padding: 1 }), 4, { weight: ones, bias: ones.mul(0) }))
  const y = conv2d(h, w, null, { padding: 1 })
  return [y, ...gradients(y.square().sum(), [x, w])]
}

const correct = async (): Promise<Finding> => {
  const [x, w] = [normal([2, 16, 8, 8], 1), normal([16, 16, 3, 3], 2)]
  const program = compile((a: Tensor, b: Tensor) => block(a, b))
  const [first, second] = [await program(x, w), await program(x, w)]
  await program.dispose()
  const [p, q] = [constant(x), constant(w)]
  const expected = evaluate(block(p, q).map((t) => t.value))
  let worst = 0
  for (const [i, { data }] of expected.entries()) {
    const scale = data.reduce((m, v) => Math.max(m, Math.abs(v)), 0)
    for (const [k, v] of toNumbers(first[i]).entries()) worst = Math.max(worst, Math.abs(v - data[k]) / scale)
  }
  const isSame = first.every((a, i) => Buffer.compare(bytesOf(a), bytesOf(second[i])) === 0)
  return {
    name: "correctness",
    value: `a block and its gradient agree with float64 to ${worst.toExponential(1)}, two runs to ${isSame ? "the bit" : "less than the bit"}`,
    ...(!(worst < 1e-4) && { trouble: "the engine gives wrong numbers here: please report it, with these lines" }),
    ...(!isSame && { trouble: "two runs differ: a run that is resumed will not equal one that never stopped" }),
  }
}

const bytesOf = ({ data }: NdArray): Uint8Array => new Uint8Array(data.buffer, data.byteOffset, data.byteLength)

/** Billions of multiplications and additions a second, the best of a second's runs. */
async function pace(run: () => Promise<unknown>, operations: number): Promise<number> {
  await run()
  let best = 0
  for (const end = performance.now() + 1000; performance.now() < end; ) {
    const started = performance.now()
    await run()
    best = Math.max(best, operations / (performance.now() - started) / 1e6)
  }
  return best
}

const speed = async (): Promise<Finding> => {
  const n = 768
  const [a, b] = [normal([n, n], 3), normal([n, n], 4)]
  const product = compile((x: Tensor, y: Tensor) => x.matmul(y).sum())
  const matmul = await pace(() => product(a, b), 2 * n ** 3)
  await product.dispose()
  const [x, w] = [normal([16, 64, 16, 16], 5), normal([64, 64, 3, 3], 6)]
  const step = compile((p: Tensor, q: Tensor) => block(p, q).map((t) => t.sum()))
  // Two convolutions, each with its two gradients.
  const training = await pace(() => step(x, w), 2 * 3 * 2 * 16 * 16 * 16 * 64 * 64 * 9)
  await step.dispose()
  return {
    name: "speed",
    value: `${matmul.toFixed(0)} GFLOP/s in matrix products, ${training.toFixed(0)} in training convolutions`,
    ...(training < 5 && { trouble: "that is slow: is something else running, or --threads too high?" }),
  }
}

const device = async (): Promise<Finding> => {
  const { name } = await chosenDevice()
  const { threads } = engineOptions()
  return {
    name: "device",
    value: `${name}, ${threads} ${threads === 1 ? "thread" : "threads"}`,
    ...(name === "portable" && {
      trouble: "the CPU's own operators are not in this ONNX Runtime or give other numbers: training takes longer",
    }),
  }
}

const disk = async (): Promise<Finding> => {
  const path = `.tweedie-doctor-${process.pid}`
  const { bavail, bsize } = await statfs(".")
  const free = `${sizeText(bavail * bsize)} free here`
  try {
    const started = performance.now()
    await writeFile(path, new Uint8Array(2 ** 23), { flush: true })
    const rate = 2 ** 23 / ((performance.now() - started) / 1000)
    return {
      name: "disk",
      value: `${free}, written at ${sizeText(rate)} a second`,
      ...(bavail * bsize < 2 ** 30 && { trouble: "little space: checkpoints of a large model need more" }),
    }
  } catch (error) {
    return { name: "disk", value: `${free}, cannot be written to (${(error as Error).message})` }
  } finally {
    await rm(path, { force: true })
  }
}

const machine = async (): Promise<Finding> => ({
  name: "machine",
  value: `${process.platform} ${process.arch}, ${cpus()[0]?.model.trim() ?? "unknown processor"}, ${availableParallelism()} processors, ${sizeText(freemem())} of ${sizeText(totalmem())} memory free`,
})

const software = async (): Promise<Finding> => ({
  name: "versions",
  value: Object.entries(await versions())
    .map(([name, version]) => `${name} ${version}`)
    .join(", "),
})

/** Runs the verb: 0 when nothing is wrong, 1 otherwise. */
export async function doctor({ json = false }: { readonly json?: boolean }): Promise<number> {
  const voice = new Voice(json)
  let troubles = 0
  const looks = { versions: software, machine, device, correctness: correct, speed, disk }
  for (const [name, look] of Object.entries(looks)) {
    const found = await look().catch(
      (error: unknown): Finding => ({ name, value: "failed", trouble: lineOf(error) || "no reason is known" }),
    )
    if (found.trouble !== undefined) troubles++
    voice.tell({ event: "finding", ...found })
    if (json) continue
    process.stdout.write(`${found.name.padEnd(12)} ${found.value}\n`)
    if (found.trouble !== undefined) process.stdout.write(`${"".padEnd(12)} ! ${found.trouble}\n`)
  }
  voice.tell({ event: "done", troubles })
  if (!json) process.stdout.write(troubles === 0 ? "all is well\n" : `${troubles} to look at\n`)
  return troubles === 0 ? 0 : 1
}
