/** Runs an ONNX file with ONNX Runtime and nothing else: `node plain.mjs model.onnx feeds.json` prints the outputs. */
import { readFileSync } from "node:fs"
import * as ort from "onnxruntime-node"

const [model, feeds] = process.argv.slice(2)
const typed = { float32: Float32Array, int32: Int32Array }
const session = await ort.InferenceSession.create(model)
for (const feed of JSON.parse(readFileSync(feeds, "utf8"))) {
  const tensors = Object.entries(feed).map(([name, { dtype, shape, data }]) => [
    name,
    new ort.Tensor(dtype, typed[dtype].from(data), shape),
  ])
  const outputs = await session.run(Object.fromEntries(tensors))
  const plain = Object.entries(outputs).map(([name, { dims, data }]) => [name, { shape: dims, data: [...data] }])
  console.log(JSON.stringify(Object.fromEntries(plain)))
}
