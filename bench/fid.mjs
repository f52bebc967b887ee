/**
 * FID of two sets of features, from streams of batches: seconds, and the most memory the process held.
 *
 *   npm run build
 *   npm run bench -- fid [--rows 50000] [--features 2048] [--batch 500]
 *
 * The features are made while they are read: rectified normals, cheap and correlated, of different spread in the two
 * sets. The last line is one JSON object: seconds of the whole, of making the features, of the statistics of each set
 * (making included) and of the distance; the largest resident set in MiB, by the operating system's account; the value.
 */
import { availableParallelism } from "node:os"
import { parseArgs } from "node:util"
import { featureStatistics, fid } from "../dist/metrics/index.js"

const { values } = parseArgs({
  options: {
    rows: { type: "string", default: "50000" },
    features: { type: "string", default: "2048" },
    batch: { type: "string", default: "500" },
  },
})
const [rows, width, batch] = [values.rows, values.features, values.batch].map(Number)
for (const [name, n, least] of [
  ["rows", rows, 2],
  ["features", width, 1],
  ["batch", batch, 1],
]) {
  if (!(Number.isInteger(n) && n >= least)) {
    console.error(`bench: --${name} is ${values[name]}, expected a whole number from ${least}`)
    process.exit(2)
  }
}

let making = 0
/** Batches of rectified sums of neighbouring uniforms, whose spread falls along the features. */
function* stream(seed, spread) {
  let state = seed >>> 0
  for (let from = 0; from < rows; from += batch) {
    const began = performance.now()
    const count = Math.min(batch, rows - from)
    const data = new Float32Array(count * width)
    let [a, b] = [0, 0]
    for (let i = 0; i < data.length; i++) {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0
      const u = state / 2 ** 31 - 1
      data[i] = Math.max(0, ((u + a + b) * spread) / (1 + (i % width) / 64))
      b = a
      a = u
    }
    making += (performance.now() - began) / 1000
    yield { dtype: "float32", shape: [count, width], data }
  }
}

const seconds = async (work) => {
  const began = performance.now()
  const result = await work()
  return [result, (performance.now() - began) / 1000]
}
const [generated, first] = await seconds(() => featureStatistics(stream(1, 1.1)))
const [reference, second] = await seconds(() => featureStatistics(stream(2, 1)))
const [value, distance] = await seconds(() => fid(generated, reference))
const round = (v) => Number(v.toFixed(2))
console.log(
  JSON.stringify({
    rows,
    features: width,
    processors: availableParallelism(),
    seconds: round(first + second + distance),
    making: round(making),
    statistics: [round(first), round(second)],
    distance: round(distance),
    peak_mib: Math.round(process.resourceUsage().maxRSS / 1024),
    fid: value,
  }),
)
process.exit(0)
