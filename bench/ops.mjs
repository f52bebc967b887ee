// Every lowering beside PyTorch: the op forward, and its gradients by all inputs.
import * as t from "../dist/index.js"
import { dropout } from "../dist/nn/index.js"
import { least } from "./measure.mjs"
import { optionsOf } from "./options.mjs"
import { variants } from "./torch.mjs"

const conv = (options) => (x, w, b) => t.conv2d(x, w, b, options)
const image = (batch, inner, outer, size, kernel = 3) => [
  [batch, inner, size, size],
  [outer, inner, kernel, kernel],
  [outer],
]
const channels = (...shape) => [shape, [shape[1]], [shape[1]]]

/** Name in PyTorch's list, shapes of the inputs, ours, and the shape of indices. */
const cases = [
  ["conv", image(64, 32, 32, 28), conv({ padding: 1 })],
  ["conv", image(64, 64, 64, 14), conv({ padding: 1 })],
  ["conv", image(64, 128, 128, 7), conv({ padding: 1 })],
  ["conv", image(64, 128, 64, 14, 1), conv({})],
  ["conv", image(64, 1, 32, 28), conv({ padding: 1 })],
  ["conv", image(64, 32, 1, 28), conv({ padding: 1 })],
  ["conv stride 2", image(64, 32, 64, 28), conv({ padding: 1, stride: 2 })],
  ["conv depthwise", [[64, 64, 28, 28], [64, 1, 3, 3], [64]], conv({ padding: 1, groups: 64 })],
  ["upsample conv", image(64, 64, 64, 14), (x, w, b) => t.upsampleConv2d(x, w, b, { padding: 1 })],
  ["group norm", channels(64, 64, 28, 28), (x, weight, bias) => t.groupNorm(x, 8, { weight, bias })],
  ["batch norm", channels(64, 64, 28, 28), (x, weight, bias) => t.batchNorm(x, { weight, bias }).y],
  ["layer norm", [[2048, 256], [256], [256]], (x, weight, bias) => t.layerNorm(x, 1, { weight, bias })],
  ["layer norm", [[4096, 512], [512], [512]], (x, weight, bias) => t.layerNorm(x, 1, { weight, bias })],
  ["max pool", [[64, 64, 28, 28]], (x) => t.maxPool2d(x)],
  ["mean pool", [[64, 64, 28, 28]], (x) => t.avgPool2d(x)],
  ["silu", [[64, 64, 28, 28]], t.silu],
  ["gelu", [[2048, 1024]], (x) => t.gelu(x)],
  ["relu", [[2048, 1024]], t.relu],
  ["softmax", [[64, 4, 128, 128]], (x) => t.softmax(x)],
  ["linear", [[2048, 256], [1024, 256], [1024]], (x, w, b) => t.linear(x, w, b)],
  ["linear", [[128, 784], [512, 784], [512]], (x, w, b) => t.linear(x, w, b)],
  ["attention", [0, 1, 2].map(() => [16, 8, 128, 32]), (q, k, v) => t.attention(q, k, v)],
  ["embedding", [[1000, 256]], (x, i) => t.gather(x, i), [16, 128]],
  ["dropout", [[2048, 1024]], (x) => dropout(x, 0.1)],
]

/** What comes out is one number of each result: an output costs its copy. */
const first = (x) => x.reshape([-1]).slice([[0, 1]])

/** Milliseconds of one case here, forward and backward. */
async function ours([, shapes, fn, rows], steps) {
  const random = new t.Generator(1)
  const drawn = (shape) => ({
    dtype: "float32",
    shape,
    data: Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => random.normal()),
  })
  const inputs = shapes.map((shape) => new t.Variable(drawn(shape)))
  const rest = []
  if (rows !== undefined) {
    const data = Int32Array.from({ length: rows.reduce((a, b) => a * b, 1) }, () => random.integer(shapes[0][0]))
    rest.push(new t.Variable({ dtype: "int32", shape: rows, data }, { role: "buffer" }))
  }
  const forward = t.compile(() => first(fn(...inputs, ...rest)), { training: true })
  const [{ spec }] = t.compile(() => fn(...inputs, ...rest), { training: true }).graph().outputs
  const g = new t.Variable(drawn(spec.shape), { role: "slot" })
  const both = t.compile(
    () => {
      const y = fn(...inputs, ...rest)
      return t.gradients(y.mul(g).sum(), inputs).map(first)
    },
    { training: true },
  )
  const times = async (run) => {
    const list = []
    for (let i = 0; i < steps + 3; i++) {
      const start = performance.now()
      await run()
      if (i >= 3) list.push(performance.now() - start)
    }
    await run.dispose()
    return least(list)
  }
  return [await times(forward), await times(both)]
}

export async function bench(args) {
  const options = optionsOf(args, {
    steps: { type: "string", default: "30", doc: "timed runs of each case" },
    only: { type: "string", default: "", doc: "cases whose name has this in it" },
  })
  const { threads, device, steps, only } = options
  t.configure({ threads, device })
  const found = await variants({ ...options, names: ["plain", "channels_last"] }, { model: "ops", threads }, () => {})
  console.log(
    `least milliseconds of ${steps}, ${threads} threads a side, device ${device}; a gradient of ours is forward and`,
  )
  console.log(
    "backward less forward; PyTorch's is the better of plain and channels_last; a ratio above 1: we are faster\n",
  )
  const cell = (n) => (Number.isFinite(n) ? n.toFixed(3) : "").padStart(9)
  console.log(
    `${"op".padEnd(42)}${["forward", "torch", "ratio", "gradient", "torch", "ratio"].map((s) => s.padStart(9)).join("")}`,
  )
  const ratios = {}
  for (const item of cases.filter(([name]) => name.includes(only))) {
    const [name, shapes, , rows] = item
    const [forward, both] = await ours(item, steps)
    const theirs = { forward: [], backward: [] }
    for (const { side } of found.values()) {
      await side.ask("case", { name, shapes, rows: rows ?? null })
      for (const way of Object.keys(theirs)) {
        await side.ask(way, { steps: 3 })
        theirs[way].push(least(await side.ask(way, { steps })))
      }
    }
    const backward = Math.max(both - forward, 0)
    const [f, b] = [least(theirs.forward), least(theirs.backward)]
    const title = `${name} ${shapes
      .slice(0, 2)
      .map((s) => s.join("x"))
      .join(" ")}`
    ratios[title] = [f / forward, b / backward].map((r) => (Number.isFinite(r) ? Number(r.toFixed(2)) : null))
    console.log(`${title.padEnd(42)}${[forward, f, f / forward, backward, b, b / backward].map(cell).join("")}`)
  }
  for (const { side } of found.values()) side.close()
  console.log(JSON.stringify({ torch_version: [...found.values()][0]?.version ?? null, ratios }))
}
