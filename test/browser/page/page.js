/** The page: trains one step, runs exported files with nothing but ONNX Runtime, and reports to the server. */
import * as ort from "onnxruntime-web/wasm"
import * as data from "tweedie/data"
import * as io from "tweedie/io"
import { images, noise, times, train } from "./program.js"

if (globalThis.crossOriginIsolated) {
  ort.env.wasm.numThreads = 2
  // Threads load these two files again, so they must stay apart from the bundle.
  ort.env.wasm.wasmPaths = new URL("./ort/", location.href).href
}

async function load(path) {
  return ort.InferenceSession.create(new Uint8Array(await (await fetch(path)).arrayBuffer()))
}

async function run(batch) {
  const session = await load("./model.onnx")
  const [x, t] = [images(batch), times(batch)]
  const { v } = await session.run({
    x: new ort.Tensor("float32", x.data, x.shape),
    t: new ort.Tensor("int32", t.data, t.shape),
  })
  return { shape: v.dims, data: [...v.data] }
}

async function sample(batch) {
  const session = await load("./sampler.onnx")
  const { data, shape } = noise(batch)
  const { samples } = await session.run({ noise: new ort.Tensor("float32", data, shape) })
  return { shape: samples.dims, data: [...samples.data] }
}

async function report() {
  const { loss, gradientNorm, parameters } = await train()
  const exported = [...Object.keys(data), ...Object.keys(io)].sort()
  const { numThreads } = ort.env.wasm
  const [one, seven, sampled] = [await run(1), await run(7), await sample(3)]
  return { loss, gradientNorm, parameters, one, seven, sampled, numThreads, exported }
}

const result = await report().catch((error) => ({ error: String(error?.stack ?? error) }))
await fetch("./result", { method: "POST", body: JSON.stringify(result) })
