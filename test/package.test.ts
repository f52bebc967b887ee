/** The published package as a test: what `npm pack` makes is built, packed, unpacked and used as a stranger would. */
import { spawnSync } from "node:child_process"
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs"
import { tmpdir } from "node:os"
import { join, relative } from "node:path"
import { fileURLToPath } from "node:url"
import { publint } from "publint"
import { formatMessage } from "publint/utils"
import ts from "typescript"
import { afterAll, beforeAll, expect, test } from "vitest"

interface Manifest {
  readonly files: readonly string[]
  readonly exports: Readonly<Record<string, string>>
  readonly dependencies: Readonly<Record<string, string>>
  readonly allowScripts: Readonly<Record<string, boolean>>
}

const root = fileURLToPath(new URL("..", import.meta.url))
const manifest = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as Manifest
const work = realpathSync(mkdtempSync(join(tmpdir(), "tweedie-package-")))
const consumer = join(work, "consumer")
const unpacked = join(consumer, "node_modules", "tweedie")
const subpaths = Object.entries(manifest.exports)
let packed: readonly string[] = []

function succeed(command: string, args: readonly string[], cwd: string): string {
  const { status, stdout, stderr, error } = spawnSync(command, args, { cwd, encoding: "utf8" })
  if (status !== 0) throw new Error(`${command} ${args.join(" ")}: ${error?.message ?? stderr}`)
  return stdout
}

beforeAll(() => {
  const source = join(work, "source")
  mkdirSync(source)
  for (const name of ["package.json", ...manifest.files])
    if (name !== "dist" && existsSync(join(root, name)))
      cpSync(join(root, name), join(source, name), { recursive: true })
  // Type errors are the business of `npm run types`; what was written is looked at here.
  const tsc = join(root, "node_modules/typescript/bin/tsc")
  spawnSync(process.execPath, [tsc, "-p", "tsconfig.build.json", "--outDir", join(source, "dist")], { cwd: root })
  const [{ filename, files }] = JSON.parse(
    succeed("npm", ["pack", "--json", "--ignore-scripts", "--pack-destination", work], source),
  ) as [{ filename: string; files: { path: string }[] }]
  packed = files.map((file) => file.path).sort()
  mkdirSync(unpacked, { recursive: true })
  succeed("tar", ["-xzf", join(work, filename), "-C", unpacked, "--strip-components=1"], work)
  writeFileSync(join(consumer, "package.json"), '{ "name": "consumer", "private": true, "type": "module" }')
  for (const name of Object.keys(manifest.dependencies))
    symlinkSync(join(root, "node_modules", name), join(consumer, "node_modules", name), "junction")
}, 300_000)

afterAll(() => rmSync(work, { recursive: true, force: true }))

test("the package holds every file it names, and no sources or tests", () => {
  const missing = manifest.files.filter((name) => !packed.some((path) => path === name || path.startsWith(`${name}/`)))
  expect(missing).toEqual([])
  expect(packed.filter((path) => !/^(package\.json|LICENSE|[A-Z]+\.md|dist\/.*)$/.test(path))).toEqual([])
  expect(packed.filter((path) => /\.test\.|fixtures?\/|\.tsbuildinfo$/.test(path))).toEqual([])
})

test("every subpath has its module and its declarations in the package", () => {
  const missing = subpaths.flatMap(([subpath, path]) =>
    [path, path.replace(/\.js$/, ".d.ts")]
      .filter((file) => !packed.includes(file.replace("./", "")))
      .map((file) => `${subpath} needs ${file}`),
  )
  expect(missing).toEqual([])
})

test("publint has nothing to say about the package", async () => {
  const { messages, pkg } = await publint({ pkgDir: unpacked, pack: false, strict: true })
  expect(messages.map((message) => formatMessage(message, pkg, { color: false }))).toEqual([])
})

test("a stranger's program imports every subpath, and each exports something", () => {
  const program = `
    for (const name of ${JSON.stringify(subpaths.map(([subpath]) => subpath.replace(".", "tweedie")))}) {
      const found = await import(name).then((module) => Object.keys(module).length, (error) => error.message)
      if (!(found > 0)) console.log(name + ": " + found)
    }`
  writeFileSync(join(consumer, "use.js"), program)
  expect(succeed(process.execPath, ["use.js"], consumer)).toBe("")
})

for (const [resolution, module] of [
  ["nodenext", "nodenext"],
  ["bundler", "preserve"],
] as const) {
  test(`the types of every subpath are whole under moduleResolution ${resolution}, without Node's types`, () => {
    const entry = join(consumer, `${resolution}.ts`)
    const lines = subpaths.map(([subpath], i) => `export * as m${i} from "${subpath.replace(".", "tweedie")}"`)
    writeFileSync(entry, `${lines.join("\n")}\n`)
    const { options, errors } = ts.convertCompilerOptionsFromJson(
      {
        module,
        moduleResolution: resolution,
        target: "es2023",
        lib: ["es2023", "dom"],
        strict: true,
        noEmit: true,
        types: [],
      },
      consumer,
    )
    expect(errors).toEqual([])
    const program = ts.createProgram([entry], { ...options, skipLibCheck: false })
    const ours = program.getSourceFiles().filter((file) => !relative(consumer, file.fileName).startsWith(".."))
    expect(ours.length).toBeGreaterThan(subpaths.length)
    const faults = ours
      .flatMap((file) => [...program.getSyntacticDiagnostics(file), ...program.getSemanticDiagnostics(file)])
      .map(({ file, messageText }) => {
        const where = file === undefined ? "" : relative(consumer, file.fileName)
        return `${where}: ${ts.flattenDiagnosticMessageText(messageText, " ")}`
      })
    expect(faults).toEqual([])
  })
}

test("installing runs no download: npm 11 is told by package.json, npm 10 by .npmrc", () => {
  expect(manifest.allowScripts["onnxruntime-node"]).toBe(false)
  expect(readFileSync(join(root, ".npmrc"), "utf8").split("\n")).toContain("onnxruntime-node-install=skip")
})

test("the lock file names no registry but the public one", () => {
  const { packages } = JSON.parse(readFileSync(join(root, "package-lock.json"), "utf8")) as {
    packages: Record<string, { readonly resolved?: string; readonly link?: boolean }>
  }
  const strange = Object.entries(packages).filter(
    ([, { resolved, link }]) => resolved !== undefined && !link && !resolved.startsWith("https://registry.npmjs.org/"),
  )
  expect(strange).toEqual([])
})

test("every dependency is used by the sources", () => {
  const files = readdirSync(join(root, "src"), { recursive: true, encoding: "utf8" }).filter((f) => f.endsWith(".ts"))
  const text = files.map((file) => readFileSync(join(root, "src", file), "utf8")).join("\n")
  const used = (name: string): boolean => text.includes(name === "onnxruntime-node" ? '"#ort"' : `"${name}"`)
  expect(Object.keys(manifest.dependencies).filter((name) => !used(name))).toEqual([])
})
