/** The page: trains one step, runs an exported file with nothing but ONNX Runtime, and reports to the server. */
import * as ort from "onnxruntime-web/wasm"
import * as data from "tweedie/data"
import * as io from "tweedie/io"
import { images, times, train } from "./program.js"

if (globalThis.crossOriginIsolated) {
  ort.env.wasm.numThreads = 2
  // Threads load these two files again, so they must stay apart from the bundle.
  ort.env.wasm.wasmPaths = new URL("./ort/", location.href).href
}

async function run(batch) {
  const file = new Uint8Array(await (await fetch("./model.onnx")).arrayBuffer())
  const session = await ort.InferenceSession.create(file)
  const [x, t] = [images(batch), times(batch)]
  const { v } = await session.run({
    x: new ort.Tensor("float32", x.data, x.shape),
    t: new ort.Tensor("int32", t.data, t.shape),
  })
  return { shape: v.dims, data: [...v.data] }
}

async function report() {
  const { loss, gradientNorm, parameters } = await train()
  const exported = [...Object.keys(data), ...Object.keys(io)].sort()
  const { numThreads } = ort.env.wasm
  return { loss, gradientNorm, parameters, one: await run(1), seven: await run(7), numThreads, exported }
}

const result = await report().catch((error) => ({ error: String(error?.stack ?? error) }))
await fetch("./result", { method: "POST", body: JSON.stringify(result) })
