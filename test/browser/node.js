/** The same program in Node: prints what it computed, and writes the exported files to the paths it is given. */
import { writeFileSync } from "node:fs"
import * as ort from "onnxruntime-node"
import * as data from "tweedie/data"
import * as io from "tweedie/io"
import { images, noise, times, train } from "./page/program.js"

const { file, sampler, ...figures } = await train()
writeFileSync(process.argv[2], file)
writeFileSync(process.argv[3], sampler)
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
const { data: drawn, shape } = noise(3)
const whole = await ort.InferenceSession.create(sampler)
const { samples } = await whole.run({ noise: new ort.Tensor("float32", drawn, shape) })
const sampled = { shape: samples.dims, data: [...samples.data] }
const exported = [...Object.keys(data), ...Object.keys(io)].sort()
process.stdout.write(JSON.stringify({ ...figures, one: outputs[0], seven: outputs[1], sampled, exported }))
