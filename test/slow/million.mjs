// A folder of a million pictures: how long until the first batch, how much memory, and whether reading keeps up with training.
// The pictures are 200 of 64 x 64 pixels, half of them JPEG, under a million names (hard links), of which none is read twice.
// Usage: node test/slow/million.mjs [--count 1000000] [--steps 60] [--folder F]   (on the built package: npm run build)
// Ends with 1 unless the first batch is there within 10 seconds, names and pictures take less than 400 MB, pictures are
// read at five times the pace of training, and a step that shares its cores with them takes at most a fifth longer than one
// that does not. About three minutes on two cores.
import { existsSync, linkSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { parseArgs } from "node:util"
import { dataset, imageFolder, loader, range, scaled } from "../../dist/data/index.js"
import { decodeJpeg, encodePng } from "../../dist/io/index.js"
import { recipes } from "../../dist/recipes/index.js"
import { train } from "../../dist/train/index.js"

const { values } = parseArgs({
  options: {
    count: { type: "string", default: "1000000" },
    steps: { type: "string", default: "60" },
    folder: { type: "string" },
  },
})
const [count, steps] = [Number(values.count), Number(values.steps)]
const place = mkdtempSync(join(tmpdir(), "million-"))
const seconds = (since) => (performance.now() - since) / 1000
const memory = () => process.memoryUsage().rss / 1e6

/** Fills a folder. JPEG files come from the fixtures: nothing here writes them. */
function fill(folder) {
  mkdirSync(folder)
  const fixtures = JSON.parse(readFileSync(new URL("../../src/io/fixtures/jpeg.json", import.meta.url), "utf8"))
  const jpegs = fixtures.filter(({ shape }) => shape[2] === 3).map(({ jpeg }) => Buffer.from(jpeg, "base64"))
  for (let k = 0; k < 200; k++) {
    const jpeg = jpegs[k % jpegs.length]
    const data = scaled(decodeJpeg(jpeg), { channels: 3, height: 64, width: 64 }).map((v, i) => (v + i * k) & 255)
    const bytes = k % 2 === 0 ? encodePng({ width: 64, height: 64, channels: 3, data }) : jpeg
    writeFileSync(join(place, `${k}`), bytes)
  }
  for (let i = 0; i < count; i++)
    linkSync(
      join(place, `${i % 200}`),
      join(folder, `photo-${String(i).padStart(7, "0")}.${i % 2 === 0 ? "png" : "jpg"}`),
    )
}

const folder = values.folder ?? join(place, "pictures")
if (!existsSync(folder)) fill(folder)
const before = memory()
let started = performance.now()
const set = await imageFolder(folder, { size: 32, cacheBytes: 2 ** 26 })
const scan = seconds(started)
console.log(`${set.about}: scanned in ${scan.toFixed(1)} s, ${(memory() - before).toFixed(0)} MB more memory`)
started = performance.now()
const stream = loader(set, { batch: 64, seed: 0 })
await stream.prepare()
stream.next()
const first = seconds(started)
console.log(`first batch of 64 after another ${first.toFixed(2)} s`)
started = performance.now()
for (let k = 0; k < 100; k++) {
  await stream.prepare()
  stream.next()
}
const rate = 6400 / seconds(started)
const used = memory() - before
console.log(`reading alone: ${rate.toFixed(0)} pictures a second; ${used.toFixed(0)} MB more memory than at the start`)

/** Seconds a step, the median of those after the first few. */
async function pace(data) {
  const recipe = recipes.get("images")
  const options = recipe.options.parse({ steps, batch: 64, dataDir: folder, colour: "rgb" })
  const { objective, optimizer, ema } = recipe.build(options)
  const training = train(objective, loader(data, { batch: 64, seed: 1 }), { optimizer, ema, steps })
  const times = []
  for await (const { seconds } of training) times.push(seconds)
  await training.dispose()
  return times.slice(5).sort((a, b) => a - b)[Math.floor((times.length - 5) / 2)]
}
const { x } = set.batch(range(640))
const held = await pace(dataset(x))
const read = await pace(set)
console.log(
  `a step of 64: ${(1000 * held).toFixed(0)} ms from memory, ${(1000 * read).toFixed(0)} ms from the folder; ` +
    `training uses ${(64 / read).toFixed(0)} pictures a second`,
)
console.log(`memory at the end: ${memory().toFixed(0)} MB, with the engine's`)
if (scan + first > 10 || used > 400 || rate < (5 * 64) / read || read > 1.2 * held) process.exitCode = 1
rmSync(place, { recursive: true })
