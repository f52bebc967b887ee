/** The same program in Node: prints what it computed, and writes the exported file to the path it is given. */
import { writeFileSync } from "node:fs"
import * as ort from "onnxruntime-node"
import * as data from "tweedie/data"
import * as io from "tweedie/io"
import { images, times, train } from "./page/program.js"

const { file, ...figures } = await train()
writeFileSync(process.argv[2], file)
const session = await ort.InferenceSession.create(file)
const outputs = []
for (const batch of [1, 7]) {
  const [x, t] = [images(batch), times(batch)]
  const { v } = await session.run({
    x: new ort.Tensor("float32", x.data, x.shape),
    t: new ort.Tensor("int32", t.data, t.shape),
  })
  outputs.push({ shape: v.dims, data: [...v.data] })
}
const exported = [...Object.keys(data), ...Object.keys(io)].sort()
process.stdout.write(JSON.stringify({ ...figures, one: outputs[0], seven: outputs[1], exported }))
