/** The architecture as a test: what may import what, where packages and Node may be used, and how files are named. */
import { readdirSync, readFileSync } from "node:fs"
import { isBuiltin } from "node:module"
import { fileURLToPath } from "node:url"
import ts from "typescript"
import { expect, test } from "vitest"

/**
 * Who stands on whom. In each chain a name may import values of every name to its left, and of all that those may.
 * Names between two signs are peers and may not import each other. A name is a folder of `src`, or in `src/engine` a
 * file or folder there; `ground` and `engine` stand for all that is left of them.
 */
const order = [
  "engine/array engine/shape engine/random engine/wire < ground",
  "ground < engine/onnx engine/graph < engine/ops < engine/tensor < engine/create < engine/fused",
  "engine/onnx engine/graph < engine/emitter < engine/lower",
  "engine/fused < engine/trace engine/grad engine/simplify engine/session",
  "engine/grad < engine/jacobian < engine",
  "engine/simplify < engine/evaluate engine/lower engine/worker engine/runtime < engine/state engine/devices",
  "engine/trace engine/grad engine/session < engine/evaluate engine/lower engine/worker engine/runtime",
  "engine/state engine/devices < engine/compile < engine/export engine/import engine/inspect engine/large < engine",
  "engine < index",
  "engine < nn optim losses minimize ode",
  "linalg < minimize",
  "ground < linalg < stats < transport metrics",
  "engine nn < metrics",
  "ground < io < data",
  "nn optim losses minimize ode transport metrics data < diffusion vae gan flow estimators",
  "nn optim data < train",
  "diffusion vae gan flow estimators train < diffusers recipes < serve < cli",
]

/** Passes over the program: they ask the record of an op and name none, but for the leaves. */
const passes = ["graph", "trace", "grad", "simplify", "evaluate", "lower", "emitter", "state", "compile"]

/** The only file that knows ONNX Runtime. */
const runtime = "engine/session.ts"

/** Files, or folders with a slash at the end, that may import Node's modules, and why. All else runs in browsers. */
const node: Readonly<Record<string, string>> = {
  "engine/worker.ts": "is the entry of a worker thread",
  "data/decoder.ts": "is the entry of a worker thread",
  "data/disk.ts": "finds pictures on the disk, and begins worker threads",
  "data/fetch.ts": "fetches data sets into a folder",
  "data/files.ts": "reads data sets from the disk",
  "io/atomic.ts": "replaces files on the disk",
  "train/checkpoint.ts": "keeps checkpoints on the disk",
  "train/disk.ts": "is what is done to the disk",
  "train/events.ts": "adds to a file on the disk",
  "train/lock.ts": "asks whether a process lives",
  "train/run.ts": "keeps run folders on the disk",
  "diffusers/": "reads and writes folders of models",
  "serve/": "answers HTTP",
  "cli/": "is the command",
}

/** What a browser may load: none of it reaches, by static imports, a file that imports Node's modules. */
const serverOnly = ["diffusers", "serve", "cli"]

/** Where each dependency may be used; ARCHITECTURE.md says why we have it. */
const packages: Readonly<Record<string, readonly string[]>> = {
  commander: ["cli"],
  "jpeg-js": ["io"],
  fflate: ["io"],
  zod: ["train", "diffusers", "recipes", "serve", "cli"],
}

/** Folders whose files may import an index: they use the library as its users do. */
const users = ["recipes", "serve", "cli"]

/** Files by their path in `src`. */
type Sources = ReadonlyMap<string, string>

interface Import {
  readonly specifier: string
  /** Erased by the compiler: `import type`, `export type`. One written `import { type A }` still runs the module. */
  readonly isType: boolean
  readonly isDynamic: boolean
}

/** Every import and re-export of a file, dynamic ones included. */
function importsOf(path: string, source: string): Import[] {
  const found: Import[] = []
  const visit = (n: ts.Node): void => {
    if ((ts.isImportDeclaration(n) || ts.isExportDeclaration(n)) && n.moduleSpecifier !== undefined) {
      const isType = ts.isImportDeclaration(n)
        ? n.importClause?.phaseModifier === ts.SyntaxKind.TypeKeyword
        : n.isTypeOnly
      found.push({ specifier: (n.moduleSpecifier as ts.StringLiteral).text, isType, isDynamic: false })
    } else if (ts.isCallExpression(n) && n.expression.kind === ts.SyntaxKind.ImportKeyword) {
      const [target] = n.arguments
      const specifier = ts.isStringLiteralLike(target) ? target.text : "?"
      found.push({ specifier, isType: false, isDynamic: true })
    }
    ts.forEachChild(n, visit)
  }
  visit(ts.createSourceFile(path, source, ts.ScriptTarget.Latest))
  return found
}

/** The ranked name a file belongs to. */
function unitOf(path: string): string {
  const [folder, inside] = path.replace(/\.ts$/, "").split("/")
  return folder === "engine" ? `engine/${inside}` : folder
}

/** For every name, the names whose values it may import. */
function reachOf(chains: readonly string[]): ReadonlyMap<string, ReadonlySet<string>> {
  const below = new Map<string, Set<string>>()
  for (const chain of chains) {
    const ranks = chain.split("<").map((rank) => rank.trim().split(/\s+/))
    for (const [i, rank] of ranks.entries()) {
      for (const name of rank) {
        const known = below.get(name) ?? new Set()
        below.set(name, new Set([...known, ...(ranks[i - 1] ?? [])]))
      }
    }
  }
  const reach = new Map<string, Set<string>>()
  const visit = (name: string): Set<string> => {
    let all = reach.get(name)
    if (all === undefined) {
      all = new Set()
      reach.set(name, all)
      for (const lower of below.get(name)!) {
        all.add(lower)
        for (const deeper of visit(lower)) all.add(deeper)
      }
    }
    return all
  }
  for (const name of below.keys()) visit(name)
  return reach
}

const isTest = (path: string): boolean => path.endsWith(".test.ts")
const resolved = (from: string, specifier: string): string => new URL(specifier, `file:///${from}`).pathname.slice(1)
const within = (path: string, place: string): boolean =>
  path === place || path.startsWith(place.endsWith("/") ? place : `${place}/`)

/** Every breach of the rules, one sentence each. Tests may import anything. */
function check(sources: Sources): string[] {
  const faults: string[] = []
  const reach = reachOf(order)
  const files = [...sources.keys()].filter((path) => !isTest(path))
  const edges = new Map<string, string[]>()
  const needsNode = new Set<string>()

  for (const path of files) {
    const unit = unitOf(path)
    const may = reach.get(unit)
    if (may === undefined) faults.push(`${path}: ${unit} has no rank (give it a place in the order of layers.test.ts)`)
    const runs: string[] = []
    for (const { specifier, isType, isDynamic } of importsOf(path, sources.get(path)!)) {
      if (specifier.startsWith(".")) {
        const target = resolved(path, specifier)
        if (!sources.has(target)) {
          faults.push(`${path}: imports ${specifier}, which is no file of src (write the whole name, with .ts)`)
          continue
        }
        if (target.endsWith("index.ts") && !users.some((u) => within(path, u)))
          faults.push(`${path}: imports ${target} (import from the file that has it)`)
        if (isType) continue
        if (!isDynamic) runs.push(target)
        const other = unitOf(target)
        if (may !== undefined && other !== unit && !may.has(other) && reach.has(other))
          faults.push(`${path}: ${unit} may not import values of ${other} (${target}); import type may`)
        const isPass = passes.some((p) => unit === `engine/${p}`)
        if (isPass && /^engine\/(ops|fused)\//.test(target) && target !== "engine/ops/leaf.ts")
          faults.push(`${path}: shared code names no op, and asks the record instead of importing ${target}`)
      } else if (specifier === "#ort" || specifier.startsWith("onnxruntime")) {
        if (path !== runtime) faults.push(`${path}: imports ${specifier}; only ${runtime} knows ONNX Runtime`)
      } else if (isBuiltin(specifier)) {
        if (isType) continue
        if (!isDynamic) needsNode.add(path)
        if (!Object.keys(node).some((place) => within(path, place)))
          faults.push(`${path}: imports ${specifier}; only files listed in layers.test.ts use Node's modules`)
      } else {
        const name = specifier.startsWith("@") ? specifier.split("/", 2).join("/") : specifier.split("/", 1)[0]
        if (!(packages[name] ?? []).some((place) => within(path, place)))
          faults.push(`${path}: imports ${specifier}, which layers.test.ts does not allow there`)
      }
    }
    edges.set(path, runs)
  }
  return [...faults, ...cyclesOf(edges), ...strandedOf(edges, needsNode)]
}

/** Cycles of value imports, each once: a depth-first search that reports every edge back to an open file. */
function cyclesOf(edges: ReadonlyMap<string, readonly string[]>): string[] {
  const faults: string[] = []
  const state = new Map<string, "open" | "done">()
  const path: string[] = []
  const visit = (file: string): void => {
    state.set(file, "open")
    path.push(file)
    for (const next of edges.get(file) ?? []) {
      if (state.get(next) === "open")
        faults.push(`cycle of imports: ${[...path.slice(path.indexOf(next)), next].join(" -> ")}`)
      else if (state.get(next) === undefined) visit(next)
    }
    path.pop()
    state.set(file, "done")
  }
  for (const file of edges.keys()) if (state.get(file) === undefined) visit(file)
  return faults
}

/** Public entries for browsers that cannot be loaded there. */
function strandedOf(edges: ReadonlyMap<string, readonly string[]>, needsNode: ReadonlySet<string>): string[] {
  const faults: string[] = []
  for (const entry of edges.keys()) {
    if (!/^(\w+\/)?index\.ts$/.test(entry) || serverOnly.some((s) => within(entry, s))) continue
    const seen = new Set([entry])
    for (const file of seen) {
      for (const next of edges.get(file) ?? []) seen.add(next)
      if (needsNode.has(file)) faults.push(`${entry}: a browser cannot load it, since ${file} needs Node when loaded`)
    }
  }
  return faults
}

const root = fileURLToPath(new URL("../src/", import.meta.url))
const sources: Sources = new Map(
  readdirSync(root, { recursive: true, encoding: "utf8" })
    .map((path) => path.replaceAll("\\", "/"))
    .filter((path) => path.endsWith(".ts"))
    .sort()
    .map((path) => [path, readFileSync(root + path, "utf8")]),
)

test("values flow one way through the layers, and packages and Node stay where they are named", () => {
  expect(sources.size).toBeGreaterThan(40)
  expect(check(sources)).toEqual([])
})

test("every file named for Node or ONNX Runtime is there and still needs it", () => {
  const stale = Object.keys(node)
    .filter((place) => !place.endsWith("/"))
    .filter((path) => !importsOf(path, sources.get(path) ?? "").some((i) => isBuiltin(i.specifier)))
  expect(stale).toEqual([])
  expect(importsOf(runtime, sources.get(runtime)!).map((i) => i.specifier)).toContain("#ort")
})

test("files have one-word names, or two words joined by a hyphen, that say what is inside", () => {
  const vague = /(^|\/)(utils?|helpers?|common|misc|types|shared|constants|lib)(\.ts|\/|$)/
  const strange = [...sources.keys()].filter((path) => {
    const parts = path.replace(/(\.test)?\.ts$/, "").split("/")
    return vague.test(path) || !parts.every((part) => /^[a-z][a-z0-9]*(-[a-z0-9]+)?$/.test(part))
  })
  expect(strange).toEqual([])
})

test("every file opens with a comment that says what it is for", () => {
  const silent = [...sources].filter(([path, text]) => !isTest(path) && !/^(#!.*\n)?(\/\*\*\s+\S|\/\/ \S)/.test(text))
  expect(silent.map(([path]) => path)).toEqual([])
})

test("exports are named, and listed one by one", () => {
  const loose = [...sources].filter(([, text]) => /^export (default\b|\*(?! as\b))/m.test(text))
  expect(loose.map(([path]) => path)).toEqual([])
})

/** Faults of a small healthy tree with some files changed or added. */
function planted(changes: Readonly<Record<string, string>>): string[] {
  const healthy = {
    "engine/array.ts": "export const a = 1",
    "engine/graph.ts": 'import { a } from "./array.ts"\nimport type { Tensor } from "./tensor.ts"',
    "engine/ops/leaf.ts": 'import { b } from "../graph.ts"',
    "engine/ops/matmul.ts": 'import { b } from "../graph.ts"',
    "engine/tensor.ts": 'import { c } from "./ops/matmul.ts"',
    "engine/session.ts": 'import * as ort from "#ort"',
    "engine/simplify.ts": 'import { d } from "./ops/leaf.ts"\nimport { e } from "./tensor.ts"',
    "nn/linear.ts": 'import { e } from "../engine/tensor.ts"\nimport type { Objective } from "../train/loop.ts"',
    "nn/index.ts": 'export { f } from "./linear.ts"',
    "train/loop.ts": 'import { f } from "../nn/linear.ts"',
    "train/run.ts": 'import { readFile } from "node:fs/promises"',
    "cli/main.ts": 'import { Command } from "commander"\nimport { f } from "../nn/index.ts"',
  }
  return check(new Map(Object.entries({ ...healthy, ...changes })))
}

test("the checker passes a healthy tree", () => {
  expect(planted({})).toEqual([])
})

test("the checker reports a value imported from above, however it is written", () => {
  const fault = "nn/linear.ts: nn may not import values of train (train/loop.ts); import type may"
  for (const upward of [
    'import { g } from "../train/loop.ts"',
    'import { type G } from "../train/loop.ts"',
    'import "../train/loop.ts"',
    'export { g } from "../train/loop.ts"',
    'const g = await import("../train/loop.ts")',
    'import {\n  g,\n} from "../train/loop.ts"',
  ])
    expect(planted({ "nn/linear.ts": upward })).toContain(fault)
  expect(planted({ "engine/graph.ts": 'import { e } from "./tensor.ts"' }).join()).toContain(
    "engine/graph may not import values of engine/tensor",
  )
  expect(planted({ "engine/array.ts": 'import { shape } from "./shape.ts"', "engine/shape.ts": "" })).toHaveLength(1)
})

test("the checker reports a cycle inside a folder by its whole path", () => {
  expect(
    planted({
      "nn/linear.ts": 'import { h } from "./norm.ts"',
      "nn/norm.ts": 'import { i } from "./init.ts"',
      "nn/init.ts": 'export { f } from "./linear.ts"',
    }),
  ).toEqual(["cycle of imports: nn/linear.ts -> nn/norm.ts -> nn/init.ts -> nn/linear.ts"])
  expect(planted({ "nn/linear.ts": 'import type { h } from "./norm.ts"', "nn/norm.ts": "" })).toEqual([])
})

test("the checker reports a folder or an engine file without a rank by the file's name", () => {
  const cure = "has no rank (give it a place in the order of layers.test.ts)"
  expect(planted({ "vision/boxes.ts": "" })).toEqual([`vision/boxes.ts: vision ${cure}`])
  expect(planted({ "engine/magic.ts": "" })).toEqual([`engine/magic.ts: engine/magic ${cure}`])
})

test("the checker reports ONNX Runtime, Node, a package, an index or an op where they may not be imported", () => {
  expect(planted({ "nn/norm.ts": 'import type { Tensor } from "onnxruntime-node"' })).toHaveLength(1)
  expect(planted({ "nn/norm.ts": 'const fs = await import("node:fs")' })).toHaveLength(1)
  expect(planted({ "nn/norm.ts": 'import { Command } from "commander"' })).toHaveLength(1)
  expect(planted({ "nn/norm.ts": 'import { x } from "left-pad"' })).toHaveLength(1)
  expect(planted({ "train/step.ts": 'import { f } from "../nn/index.ts"' })).toHaveLength(1)
  expect(planted({ "nn/norm.ts": 'import { f } from "./linear"' })).toHaveLength(1)
  expect(planted({ "engine/simplify.ts": 'import { c } from "./ops/matmul.ts"' })).toEqual([
    "engine/simplify.ts: shared code names no op, and asks the record instead of importing engine/ops/matmul.ts",
  ])
})

test("the checker reports an entry that a browser cannot load", () => {
  const eager = {
    "data/index.ts": 'export { read } from "./files.ts"',
    "data/decoder.ts": "is the entry of a worker thread",
    "data/disk.ts": "finds pictures on the disk, and begins worker threads",
    "data/fetch.ts": "fetches data sets into a folder",
    "data/files.ts": 'import { readFile } from "node:fs/promises"',
  }
  expect(planted(eager)).toEqual([
    "data/index.ts: a browser cannot load it, since data/files.ts needs Node when loaded",
  ])
  const lazy = { ...eager, "data/files.ts": 'export const read = () => import("node:fs/promises")' }
  expect(planted(lazy)).toEqual([])
})
