// Hands damaged files to every parser: a parser reads them or refuses them by name, within a second and without taking more
// memory than four times the file and 64 MiB. Which file is the n-th depends on the parser, the seed and n alone.
// Usage: node test/slow/fuzz.mjs [--count 100000] [--seed 0] [--only png,zip] [--from 0]   (npm run build first)
// Ends with 1 at the first breach, which it tells by parser and number. About four minutes on two cores.
import { fork } from "node:child_process"
import { readFileSync } from "node:fs"
import { parseArgs } from "node:util"
import { crc32, gzipSync } from "node:zlib"
import { zipSync } from "fflate"
import { readOptions } from "../../dist/cli/flags.js"
import { lineOf } from "../../dist/cli/voice.js"
import { readIdx, table, writeIdx } from "../../dist/data/index.js"
import { array } from "../../dist/engine/array.js"
import { importOnnx } from "../../dist/engine/import.js"
import { fold, Generator, keyOf } from "../../dist/engine/random.js"
import { crc32c } from "../../dist/io/checksum.js"
import {
  decodeJpeg,
  decodePng,
  gunzipAll,
  readNpy,
  readNpz,
  readSafetensors,
  readZip,
  writeNpy,
  writeSafetensors,
} from "../../dist/io/index.js"
import { readEvents } from "../../dist/io/tensorboard.js"
import { recipes } from "../../dist/recipes/index.js"
import { parseRun } from "../../dist/train/node.js"

const { values } = parseArgs({
  options: {
    count: { type: "string", default: "100000" },
    seed: { type: "string", default: "0" },
    only: { type: "string" },
    from: { type: "string", default: "0" },
  },
})
const [count, seed, from] = [Number(values.count), Number(values.seed), Number(values.from)]
const limitMs = 1000
const limitBytes = (size) => 4 * size + 64 * 2 ** 20

const root = new URL("../../src/", import.meta.url)
const file = (path) => new Uint8Array(readFileSync(new URL(path, root)))
const json = (path) => JSON.parse(readFileSync(new URL(path, root), "utf8"))
const bytes = (text) => new Uint8Array(Buffer.from(text, "base64"))
const text = (words) => new TextEncoder().encode(words)
const numbers = (n) => Float32Array.from({ length: n }, (_, i) => Math.sin(i))
const weights = new Map([
  ["a.weight", array("float32", [4, 3], numbers(12))],
  ["b.bias", array("int64", [2], BigInt64Array.of(1n, -1n))],
  ["flag", array("bool", [3], Uint8Array.of(1, 0, 1))],
])
const npz = json("io/fixtures/npz.json")
const config = {
  recipe: "points",
  options: { steps: 10, batch: 4, lr: 0.001, set: "moons", width: 8 },
  versions: { node: "v20.20.2" },
  threads: 2,
}

/** Each parser with whole files to begin from; what it throws is `RangeError`, or one of our own of another name. */
const parsers = {
  safetensors: {
    files: () => {
      const { written, small, brain } = json("io/fixtures/safetensors.json")
      return [writeSafetensors(weights, { format: "pt" }), ...[written, small, brain].map(bytes)]
    },
    read: (b) => readSafetensors(b),
  },
  onnx: {
    files: () => ["cnn-script", "cnn-dynamo"].map((name) => file(`engine/import/fixtures/${name}.onnx`)),
    read: (b) => importOnnx(b),
  },
  idx: {
    files: () => {
      const plain = [
        writeIdx({ shape: [3, 4, 4], data: new Uint8Array(48) }),
        writeIdx({ shape: [7], data: Float32Array.from(numbers(7)) }),
      ]
      return [...plain, ...plain.map((b) => new Uint8Array(gzipSync(b)))]
    },
    read: (b) => readIdx(b),
  },
  npy: {
    files: () => json("io/fixtures/npy.json").map((f) => bytes(f.bytes)),
    read: (b) => readNpy(b),
  },
  npz: { files: () => [bytes(npz.stored), bytes(npz.deflated)], read: (b) => readNpz(b) },
  png: {
    files: () => json("io/fixtures/png-kinds.json").map((f) => bytes(f.png)),
    read: (b) => decodePng(b),
    mend: mendPng,
  },
  jpeg: { files: () => json("io/fixtures/jpeg.json").map((f) => bytes(f.jpeg)), read: (b) => decodeJpeg(b) },
  zip: {
    files: () => [
      zipSync({
        "a.txt": text("hello"),
        d: { "b.bin": new Uint8Array(9000), "c.npy": writeNpy(weights.get("a.weight")) },
      }),
      bytes(npz.stored),
    ],
    read: (b) => readZip(b).map((entry) => entry.read()),
  },
  gzip: {
    files: () => [0, 1, 9].map((level) => new Uint8Array(gzipSync(file("io/gzip.ts"), { level }))),
    read: (b) => gunzipAll(b),
  },
  json: {
    files: () => [text(JSON.stringify(config)), text(JSON.stringify(config, null, 2))],
    read: (b) => {
      const { recipe, options } = parseRun(new TextDecoder().decode(b))
      const found = recipes.get(recipe)
      if (found !== undefined) readOptions(found.options, {}, options)
    },
  },
  events: {
    files: () => [bytes(json("io/fixtures/events.json").file)],
    read: (b) => readEvents(b),
    mend: mendEvents,
  },
  csv: {
    files: () => [text('a,"b, ""c""",d\n1,2,-3e4\n"3",4.5,"6"\n'), text("1,2\r\n3,4\r\n5,6\r\n")],
    read: (b) => table(new TextDecoder().decode(b)),
  },
}

/** Writes the right checksums into most PNG files, so that what lies behind them is reached. */
function mendPng(b) {
  const view = new DataView(b.buffer, b.byteOffset, b.length)
  for (let at = 8; at + 12 <= b.length; ) {
    const end = at + 12 + view.getUint32(at)
    if (end > b.length) return
    view.setUint32(end - 4, crc32(b.subarray(at + 4, end - 4)))
    at = end
  }
}

/** The same for event files, as long as their lengths make sense. */
function mendEvents(b) {
  const view = new DataView(b.buffer, b.byteOffset, b.length)
  const masked = (part) => {
    const sum = crc32c(part)
    return (((sum >>> 15) | (sum << 17)) + 0xa282ead8) >>> 0
  }
  for (let at = 0; at + 16 <= b.length; ) {
    const end = at + 16 + view.getUint32(at, true)
    if (end > b.length) return
    view.setUint32(at + 8, masked(b.subarray(at, at + 8)), true)
    view.setUint32(end - 4, masked(b.subarray(at + 12, end - 4)), true)
    at = end
  }
}

/** Values that sizes, offsets and counts are commonly wrong by. */
const telling = [0, 1, 2, 127, 128, 255, 256, 32767, 32768, 65535, 65536, 2 ** 24, 2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1]

/** A whole file with one to eight things wrong with it. */
function damaged(files, random) {
  let b = files[random.integer(files.length)].slice()
  for (let k = random.integer(1 + random.integer(8)); k >= 0 && b.length > 0; k--) {
    const at = random.integer(b.length)
    const kind = random.integer(9)
    if (kind === 0) b[at] ^= 1 << random.integer(8)
    else if (kind === 1) b[at] = random.integer(256)
    else if (kind === 2) b[at] = [0, 1, 127, 128, 254, 255][random.integer(6)]
    else if (kind === 3 && at + 4 <= b.length)
      new DataView(b.buffer).setUint32(at, telling[random.integer(telling.length)], random.integer(2) === 0)
    else if (kind === 4 && at + 2 <= b.length)
      new DataView(b.buffer).setUint16(at, telling[random.integer(11)] & 65535, random.integer(2) === 0)
    else if (kind === 5) b = b.slice(0, at)
    else if (kind === 6) {
      // A stretch of it again, somewhere else.
      const part = b.slice(at, at + 1 + random.integer(64))
      const to = random.integer(b.length)
      b = new Uint8Array([...b.subarray(0, to), ...part, ...b.subarray(to)])
    } else if (kind === 7) {
      const stop = Math.min(b.length, at + 1 + random.integer(16))
      b = new Uint8Array([...b.subarray(0, at), ...b.subarray(stop)])
    } else {
      const other = files[random.integer(files.length)]
      const to = random.integer(other.length)
      b = new Uint8Array([...b.subarray(0, at), ...other.subarray(to)])
    }
  }
  return b
}

/** Runs one parser in this process and tells its parent how it goes. */
function work(name) {
  const { files, read, mend } = parsers[name]
  const whole = files()
  for (const b of whole) read(b)
  let [accepted, slowest, most] = [0, 0, 0]
  process.send({ at: from })
  for (let n = from; n < from + count; n++) {
    const random = new Generator(fold(keyOf(seed), Object.keys(parsers).indexOf(name), n))
    const b = damaged(whole, random)
    if (mend !== undefined && random.integer(4) > 0) mend(b)
    const before = process.memoryUsage()
    const started = performance.now()
    let fault
    try {
      read(b)
      accepted++
    } catch (error) {
      if (!(error instanceof RangeError || ["UsageError", "MisuseError"].includes(error.name)))
        fault = `threw ${error.stack}`
      else if (/[\p{Cc}]|Array buffer|typed array length|call stack|undefined|NaN/u.test(lineOf(error)))
        fault = `says ${error.message}`
    }
    const ms = performance.now() - started
    const peak = process.resourceUsage().maxRSS * 1024 - before.rss
    const taken = Math.max(peak, process.memoryUsage().arrayBuffers - before.arrayBuffers)
    slowest = Math.max(slowest, ms)
    most = Math.max(most, taken - 4 * b.length)
    if (ms > limitMs) fault = `took ${ms.toFixed(0)} ms`
    if (taken > limitBytes(b.length)) fault = `took ${(taken / 2 ** 20).toFixed(0)} MiB for a file of ${b.length} bytes`
    if (fault !== undefined) {
      process.send({ at: n, fault })
      process.exit(1)
    }
    if (n % 500 === 0) {
      process.send({ at: n })
      globalThis.gc()
    }
  }
  process.send({ at: from + count, accepted, slowest, most })
}

/** One parser in a process of its own, which is killed when it hangs. */
function watched(name) {
  return new Promise((resolve) => {
    const args = process.argv.slice(2).concat(["--only", name])
    const child = fork(new URL(import.meta.url), args, {
      execArgv: ["--expose-gc", "--max-semi-space-size=4"],
      env: { ...process.env, FUZZ: name },
    })
    let [last, fault, done] = [from, undefined, undefined]
    const kill = () => {
      fault ??= `hangs between file ${last} and ${last + 500}`
      child.kill("SIGKILL")
    }
    let timer = setTimeout(kill, 60_000)
    child.on("message", (told) => {
      clearTimeout(timer)
      timer = setTimeout(kill, 60_000)
      last = told.at
      if (told.fault !== undefined) fault = `file ${told.at} ${told.fault}`
      if (told.accepted !== undefined) done = told
    })
    child.on("exit", (code, signal) => {
      clearTimeout(timer)
      resolve({
        name,
        done,
        fault: fault ?? (done === undefined ? `ended with ${code ?? signal} after file ${last}` : undefined),
      })
    })
  })
}

if (process.env.FUZZ !== undefined) work(process.env.FUZZ)
else {
  const started = performance.now()
  const waiting = Object.keys(parsers).filter(
    (name) => values.only === undefined || values.only.split(",").includes(name),
  )
  const turn = async () => {
    for (let name = waiting.shift(); name !== undefined; name = waiting.shift()) {
      const { fault, done } = await watched(name)
      if (fault !== undefined) {
        console.log(`${name}: ${fault}`)
        process.exitCode = 1
      } else {
        const { accepted, slowest, most } = done
        const share = ((100 * accepted) / count).toFixed(1)
        const mib = Math.max(0, most / 2 ** 20).toFixed(1)
        console.log(
          `${name.padEnd(12)} ${count} files, ${share} % read; the slowest took ${slowest.toFixed(0)} ms, ` +
            `the hungriest ${mib} MiB beyond four times its size`,
        )
      }
    }
  }
  await Promise.all([turn(), turn()])
  console.log(`${((performance.now() - started) / 1000).toFixed(0)} s`)
}
