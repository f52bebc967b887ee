import { readdir, readFile } from "node:fs/promises"
import { fileURLToPath } from "node:url"
import { expect, test } from "vitest"
import { fold, Generator, keyOf } from "../engine/random.ts"
import { memoryFiles } from "./files.ts"
import { readDiffusers } from "./read.ts"

/** How many damaged folders; test/slow/diffusers.mjs asks for 10,000. */
const count = Number(process.env["FUZZ_COUNT"] ?? 1000)
const first = Number(process.env["FUZZ_FROM"] ?? 0)
/** One folder's time: building networks of a few ten thousand numbers takes milliseconds. */
const limitMs = 2000

type Files = Map<string, Uint8Array>

const fixtures = fileURLToPath(new URL("fixtures/", import.meta.url))

async function folder(name: string): Promise<Files> {
  const paths = (await readdir(`${fixtures}${name}`, { recursive: true })).map((path) => path.replaceAll("\\", "/"))
  const files: Files = new Map()
  for (const path of paths.filter((p) => p.includes(".")))
    files.set(path, new Uint8Array(await readFile(`${fixtures}${name}/${path}`)))
  return files
}

const names = ["nested", "flat", "sharded", "autoencoder", "written"]
const whole = await Promise.all(names.map(folder))
const models = JSON.parse(await readFile(`${fixtures}models.json`, "utf8")) as { kind: string; config: object }[]
const configs = models.map(({ kind, config }) => ({
  ...config,
  _class_name: kind === "unet" ? "UNet2DModel" : "AutoencoderKL",
}))

const text = (value: string): Uint8Array => new TextEncoder().encode(value)
const wordsOf = (b: Uint8Array): string => new TextDecoder().decode(b)

/** Values that configurations are commonly wrong by. */
const odd: readonly unknown[] = [
  null,
  true,
  false,
  0,
  -1,
  1,
  2,
  3,
  0.5,
  7,
  32,
  1e3,
  65_536,
  2 ** 31,
  2 ** 53,
  1e308,
  -1e308,
  "",
  "conv",
  "resnet",
  "silu",
  "fourier",
  "../../../etc/passwd",
  "__proto__",
  "constructor",
  "DownBlock2D",
  "SkipDownBlock2D",
  "KUpBlock2D",
  "\u0000\n\u202e",
  "x".repeat(5000),
  [],
  [1],
  [[]],
  [null],
  [1, 2],
  [1e9, 1e9],
  ["DownBlock2D"],
  {},
  { a: {} },
  new Array(5000).fill(1),
  new Array(16).fill(65_536),
]

const oddOne = (random: Generator): unknown => structuredClone(odd[random.integer(odd.length)])

type Tree = { [key: string]: unknown } | unknown[]

/** One change somewhere in a JSON value. */
function change(value: Tree, random: Generator): void {
  const keys = Object.keys(value)
  const key = keys[random.integer(Math.max(1, keys.length))]
  const inner = (value as Record<string, unknown>)[key]
  const kind = random.integer(8)
  if (kind < 2 && typeof inner === "object" && inner !== null) {
    change(inner as Tree, random)
    return
  }
  const target = value as Record<string, unknown>
  if (key === undefined || kind === 2) target[`key${random.integer(3)}`] = oddOne(random)
  else if (kind === 3) {
    if (Array.isArray(value)) value.splice(Number(key), 1)
    else delete target[key]
  } else if (kind === 4 && typeof inner === "number") target[key] = inner * [2, -1, 0.5, 1000][random.integer(4)]
  else if (kind === 5 && Array.isArray(inner)) inner.push(inner[0] ?? 1)
  else target[key] = oddOne(random)
}

/** A JSON file with changes in its values. */
function withValues(b: Uint8Array, random: Generator): Uint8Array {
  let config: Tree
  try {
    config = JSON.parse(wordsOf(b)) as Tree
  } catch {
    return b
  }
  for (let k = random.integer(3); k >= 0; k--) change(config, random)
  return text(JSON.stringify(config))
}

/** A safetensors file with changes in its header, whose length is right. */
function withHeader(b: Uint8Array, random: Generator): Uint8Array {
  const length = Number(new DataView(b.buffer, b.byteOffset, 8).getBigUint64(0, true))
  const header = JSON.parse(wordsOf(b.subarray(8, 8 + length))) as Record<string, Record<string, unknown>>
  const tensors = Object.keys(header)
  const [name, other] = [tensors[random.integer(tensors.length)], tensors[random.integer(tensors.length)]]
  const kind = random.integer(6)
  if (kind === 0) header[name]["dtype"] = ["F32", "F16", "I32", "F64", "BOOL", "Q4", null][random.integer(7)]
  else if (kind === 1) header[name]["shape"] = oddOne(random)
  else if (kind === 2) [header[name], header[other]] = [header[other], header[name]]
  else if (kind === 3) {
    header[`${name}x`] = header[name]
    delete header[name]
  } else if (kind === 4) change(header, random)
  else header[name]["shape"] = [...((header[name]["shape"] as number[] | undefined) ?? [])].reverse()
  const words = text(JSON.stringify(header))
  const out = new Uint8Array(8 + words.length + b.length - 8 - length)
  new DataView(out.buffer).setBigUint64(0, BigInt(words.length), true)
  out.set(words, 8)
  out.set(b.subarray(8 + length), 8 + words.length)
  return out
}

/** A file with bytes that are wrong, missing or too many. */
function withBytes(b: Uint8Array, random: Generator): Uint8Array {
  const out = b.slice()
  // Headers and configurations are at the beginning, where a change tells most.
  const at = random.integer(Math.min(out.length, random.integer(2) === 0 ? 64 : out.length) || 1)
  const kind = random.integer(6)
  if (kind === 0) out[at] ^= 1 << random.integer(8)
  else if (kind === 1) out[at] = random.integer(256)
  else if (kind === 2) return out.slice(0, at)
  else if (kind === 3) return new Uint8Array([...out.subarray(0, at), ...out.subarray(at + 1 + random.integer(16))])
  else if (kind === 4) return new Uint8Array([...out.subarray(0, at), ...text('[{"\\u0000'), ...out.subarray(at)])
  else out.fill(255, at, Math.min(out.length, at + 4))
  return out
}

/** The n-th damaged folder: which it is depends on n alone. */
function damaged(n: number): Files {
  const random = new Generator(fold(keyOf(5), n))
  const files: Files = new Map(whole[random.integer(whole.length)])
  const paths = [...files.keys()]
  const pick = (ending: string): string => {
    const found = paths.filter((p) => p.endsWith(ending))
    return found[random.integer(found.length)]
  }
  for (let k = random.integer(2); k >= 0; k--) {
    const kind = random.integer(10)
    if (kind < 5) {
      const path = pick(".json")
      const b = files.get(path)
      if (b !== undefined) files.set(path, withValues(b, random))
    } else if (kind === 5) {
      const path = pick("config.json")
      files.set(path, withValues(text(JSON.stringify(configs[random.integer(configs.length)])), random))
    } else if (kind === 6) {
      const path = pick(".safetensors")
      const b = files.get(path)
      if (b !== undefined && k === 0) files.set(path, withHeader(whole.find((w) => w.has(path))!.get(path)!, random))
    } else if (kind === 7) files.delete(paths[random.integer(paths.length)])
    else {
      const path = paths[random.integer(paths.length)]
      const b = files.get(path)
      if (b !== undefined) files.set(path, withBytes(b, random))
    }
  }
  return files
}

test("a damaged folder is read or refused by one clear error, in time", async () => {
  let refused = 0
  const messages = new Set<string>()
  for (let n = first; n < first + count; n++) {
    const files = damaged(n)
    const started = performance.now()
    const variant = [null, "bf16"][n % 2]
    const error: unknown = await readDiffusers(memoryFiles(files), { variant }).then(
      () => null,
      (e: unknown) => e,
    )
    const took = performance.now() - started
    expect(took, `folder ${n}`).toBeLessThan(limitMs)
    if (error === null) continue
    refused++
    // What is not a RangeError is a mistake of ours, not of the file's.
    if (!(error instanceof RangeError)) throw new Error(`folder ${n} made ${String(error)}`, { cause: error })
    expect(error.message, `folder ${n}`).toMatch(/^model(\/[^:]*)?: \S/)
    expect(error.message, `folder ${n}`).not.toMatch(
      /[\p{Cc}]|Array buffer|array length|call stack|undefined|unfilled/u,
    )
    expect(error.message.length, `folder ${n}`).toBeLessThan(800)
    messages.add(error.message.replace(/\d+/g, "#"))
  }
  expect(refused).toBeGreaterThan(count / 3)
  // The damage reaches many checks, not one.
  expect(messages.size).toBeGreaterThan(40)
})

test("values that are nested without end, and files of nothing, are refused", async () => {
  const refusal = (content: string): Promise<string> =>
    readDiffusers(memoryFiles(new Map([["config.json", text(content)]]))).then(
      () => "was read",
      (e: Error) => e.message,
    )
  const deep = `${"[".repeat(400_000)}${"]".repeat(400_000)}`
  expect(await refusal(`{"_class_name":"UNet2DModel","sample_size":${deep}}`)).toMatch(
    /^model\/config.json: sample_size: got /,
  )
  expect(await refusal(deep)).toMatch(/^model\/config.json: /)
  expect(await refusal("")).toMatch(/^model\/config.json: not JSON/)
  expect(await refusal("null")).toBe("model/config.json: null, expected a JSON object")
})
