// Whether the CPU device, the portable one and float64 agree in this processor's size of a block: every op, ops on whole
// blocks, group norm of large means, random networks; with first and second gradients where they have them. And whether a
// U-Net's training arrives at the same weights.
// Usage: node test/slow/blocks.mjs [--count 200] [--seed 0] [--only ops,blocks,norms,networks,training]   (npm run build first)
//        node test/slow/blocks.mjs --under "qemu-x86_64 -cpu max"
// The second form runs the programs by an emulator, whose processor has no AVX-512: blocks of 8 instead of 16.
// Prints how many cases meet blocked operators at all, the worst distances of each kind, relative to the largest value of a
// result, and every case beyond 1e-4. Ends with 1 where such a case is no matter of rounding: its worst on the CPU device
// is three times or more its worst on the portable one.
import { spawnSync } from "node:child_process"
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { pathToFileURL } from "node:url"
import { parseArgs } from "node:util"

const { values } = parseArgs({
  options: {
    count: { type: "string", default: "200" },
    seed: { type: "string", default: "0" },
    only: { type: "string", default: "ops,blocks,norms,networks,training" },
    under: { type: "string" },
    laws: { type: "string" },
  },
})
const tolerance = 1e-4
const built = (path) => new URL(`../../dist/${path}`, import.meta.url).href

if (values.laws === undefined) {
  // The laws' tables are TypeScript, which an emulator would take long to strip: they are stripped here.
  const { default: ts } = await import("typescript")
  const laws = mkdtempSync(join(tmpdir(), "tweedie-laws-"))
  for (const name of ["agreement", "blocks", "cases", "networks", "spelled", "training"]) {
    const source = readFileSync(new URL(`../laws/${name}.ts`, import.meta.url), "utf8")
    const options = { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2023, verbatimModuleSyntax: true }
    const text = ts.transpileModule(source, { compilerOptions: options }).outputText
    const linked = text
      .replace(/"\.\.\/\.\.\/src\/([^"]+)\.ts"/g, (_, path) => JSON.stringify(built(`${path}.js`)))
      .replace(/"\.\/([^"]+)\.ts"/g, '"./$1.mjs"')
    writeFileSync(join(laws, `${name}.mjs`), linked)
  }
  const [command, ...args] = [...(values.under?.split(" ") ?? []), process.execPath, ...process.argv.slice(1)]
  const { status, error } = spawnSync(command, [...args, "--laws", laws], { stdio: "inherit" })
  rmSync(laws, { recursive: true })
  if (error !== undefined) console.error(error.message)
  process.exit(status ?? 1)
}

const law = (name) => import(pathToFileURL(join(values.laws, `${name}.mjs`)).href)
const { distances, meetsBlocks } = await law("agreement")
const { probeBlock } = await import(built("engine/devices/cpu/probe.js"))
const { configure } = await import(built("engine/runtime.js"))
configure({ threads: 1 })
const block = await probeBlock()
if (block === undefined) throw new Error("this processor's runtime has no blocks")
console.log(`blocks of ${block}`)

const kinds = {
  ops: async () =>
    (await law("cases")).opCases.map(({ name, fn, inputs, smooth }) => ({ name, fn, inputs, depth: smooth ? 2 : 0 })),
  blocks: async () => (await law("blocks")).blockCases.map((c) => ({ ...c, depth: 2 })),
  norms: async () => {
    const { largeMeans } = await law("blocks")
    return [10, 100, 1000].flatMap((ratio) =>
      largeMeans(ratio).map((c) => ({ ...c, name: `mean ${ratio} times the spread, ${c.name}`, depth: 1 })),
    )
  },
  networks: async () => {
    const { randomNetwork } = await law("networks")
    return Array.from({ length: Number(values.count) }, (_, i) => Number(values.seed) + i).map((seed) => ({
      name: `network ${seed}`,
      make: () => randomNetwork(seed, block),
      depth: 2,
    }))
  },
}

/** A U-Net trained by each device alone, by one and then the other, against the portable one alone. */
async function training() {
  const { trained, variablesApart } = await law("training")
  const alone = await trained("portable", "portable", block)
  for (const devices of [
    ["cpu", "cpu"],
    ["cpu", "portable"],
    ["portable", "cpu"],
  ]) {
    const apart = await variablesApart(await trained(...devices, block), alone, block)
    console.log(`training, ${devices.join(" then ")}: ${show(apart)} from portable alone, of the way from the start`)
    if (!(apart < tolerance)) process.exitCode = 1
  }
}

const show = (x) => x.toExponential(1)
for (const kind of values.only.split(",")) {
  if (kind === "training") {
    await training()
    continue
  }
  const worst = { cpu: 0, portable: 0, devices: 0 }
  const cases = await kinds[kind]()
  let [agreed, met] = [0, 0]
  const started = performance.now()
  for (const { name, make, depth, ...given } of cases) {
    const { fn, inputs } = make?.() ?? given
    let all
    try {
      all = await distances(fn, inputs, depth)
      met += meetsBlocks(block, fn, inputs, depth) ? 1 : 0
    } catch (error) {
      console.log(`  ${name}: ${error.message}`)
      process.exitCode = 1
      continue
    }
    for (const key of Object.keys(worst)) worst[key] = Math.max(worst[key], ...all.map((d) => d[key]))
    const beyond = [...all.entries()].filter(([, d]) => !(Math.max(d.cpu, d.devices) < tolerance))
    for (const [i, d] of beyond) {
      console.log(
        `  ${name}, result ${i}: cpu to float64 ${show(d.cpu)}, portable ${show(d.portable)}, between ${show(d.devices)}`,
      )
    }
    const most = (key) => Math.max(...all.map((d) => d[key]))
    if (beyond.length > 0 && !(most("cpu") < 3 * most("portable"))) process.exitCode = 1
    agreed += beyond.length === 0 ? 1 : 0
  }
  const seconds = ((performance.now() - started) / 1000).toFixed(0)
  console.log(
    `${kind}: ${agreed} of ${cases.length} agree to 1e-4, ${met} in blocks; worst: cpu to float64 ${show(worst.cpu)}, portable ${show(worst.portable)}, between ${show(worst.devices)}; ${seconds} s`,
  )
}
