// Images from one ONNX file, with ONNX Runtime and nothing else: node images.mjs sampler.onnx 16 7
import { readFileSync, writeFileSync } from "node:fs"
import * as ort from "onnxruntime-node"

const [file, count, label, given] = process.argv.slice(2)
const n = Number(count)
const session = await ort.InferenceSession.create(file)
const [draws, , ...size] = session.inputMetadata.find((input) => input.name === "noise").shape
const noise = new Float32Array(draws * n * size[0] * size[1] * size[2])
const normal = () => Math.sqrt(-2 * Math.log(1 - Math.random())) * Math.cos(2 * Math.PI * Math.random())
noise.set(given ? new Float32Array(Uint8Array.from(readFileSync(given)).buffer) : noise.map(normal))
const feeds = {
  noise: new ort.Tensor("float32", noise, [draws, n, ...size]),
  labels: new ort.Tensor("int32", new Int32Array(n).fill(Number(label)), [n]),
  guidance: new ort.Tensor("float32", new Float32Array(n).fill(2), [n]),
}
const { images } = await session.run(Object.fromEntries(session.inputNames.map((name) => [name, feeds[name]])))
writeFileSync("images.f32", Float32Array.from(images.data))
const pixels = Uint8Array.from(images.data, (v) => Math.round(255 * v))
writeFileSync("images.pgm", Buffer.concat([Buffer.from(`P5 ${size[2]} ${n * size[0] * size[1]} 255\n`), pixels]))
