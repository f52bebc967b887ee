/** What the benches on MNIST share, without MNIST: how evaluations are spent, journals that go on, pictures with words. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { pathToFileURL } from "node:url"
import { expect, test } from "vitest"
import { gaussian } from "../../src/diffusion/process.ts"
import { plans, samplers } from "../../src/diffusion/samplers/all.ts"
import { cosine } from "../../src/diffusion/schedule.ts"
import { zeros } from "../../src/engine/array.ts"

const bench = (file: string): Promise<unknown> =>
  import(pathToFileURL(join(import.meta.dirname, "../../bench/mnist", file)).href)

test("every sampler spends the evaluations it is given, or one less; those said to be the same are, step for step", async () => {
  const { spending, same, noisy } = (await bench("spending.mjs")) as {
    spending: Record<string, (n: number) => Record<string, unknown> | undefined>
    same: Record<string, string>
    noisy: string[]
  }
  expect(Object.keys(spending)).toEqual(expect.arrayContaining(Object.keys(samplers)))
  const target = { process: gaussian(cosine(1000)), predict: "v" as const }
  const planOf = (row: string, n: number) => {
    const options = spending[row](n)
    const name = (options?.["sampler"] ?? row) as keyof typeof plans
    return options === undefined || !(name in plans) ? undefined : plans[name](target, options)
  }
  for (const row of Object.keys(spending))
    for (const n of [5, 10, 20, 50, 100]) {
      const asks = planOf(row, n)?.asks
      if (asks === undefined) continue
      expect(asks.length).toBeLessThanOrEqual(n)
      expect(asks.length).toBeGreaterThanOrEqual(n - 1)
      const isNoisy = asks.some((ask) => ask.input.isRandom || ask.next.some((form) => form.isRandom))
      expect([row, isNoisy]).toEqual([row, noisy.includes(row)])
    }
  const numbers = (row: string): number[] =>
    planOf(row, 20)!.asks.flatMap(({ time, next }) => [
      time,
      ...[0, 1, 2, 3].map((i) => Number(next[0].weights[i] ?? 0)),
    ])
  for (const [one, other] of Object.entries(same))
    expect(numbers(one)).toEqual(numbers(other).map((v) => expect.closeTo(v, 12)))
})

test("a journal does nothing twice, and does again what was cut off", async () => {
  const { Journal } = (await bench("run.mjs")) as {
    Journal: new (file: string) => { did(key: object, make: () => Promise<object>): Promise<Record<string, unknown>> }
  }
  const folder = mkdtempSync(join(tmpdir(), "tweedie-journal-"))
  try {
    const file = join(folder, "deep", "journal.jsonl")
    let made = 0
    const make = async () => ({ made: ++made })
    const first = new Journal(file)
    expect(await first.did({ a: 1 }, make)).toEqual({ a: 1, made: 1 })
    await first.did({ a: 2 }, make)
    expect(await first.did({ a: 1 }, make)).toEqual({ a: 1, made: 1 })
    writeFileSync(file, readFileSync(file, "utf8").slice(0, -5))
    const again = new Journal(file)
    expect(await again.did({ a: 1 }, make)).toEqual({ a: 1, made: 1 })
    expect(await again.did({ a: 2 }, make)).toEqual({ a: 2, made: 3 })
    expect(await new Journal(file).did({ a: 2 }, make)).toEqual({ a: 2, made: 3 })
  } finally {
    rmSync(folder, { recursive: true })
  }
})

test("a sheet has every image in its place, and names that cannot leave theirs", async () => {
  const { sheet } = (await bench("png.mjs")) as { sheet: (options: object) => string }
  const images = zeros([4, 1, 8, 8])
  const heads = [
    { name: "a", from: 0, to: 2 },
    { name: "b & <c>", from: 2, to: 4 },
  ]
  const svg = sheet({
    rows: [
      { name: "one", images },
      { name: "two", images, gap: 10 },
    ],
    heads,
    scale: 2,
  })
  const places = [...svg.matchAll(/<image x="([\d.]+)" y="([\d.]+)" width="16" height="16"/g)].map(([, x, y]) => [
    Number(x),
    Number(y),
  ])
  expect(places).toHaveLength(8)
  const [x] = places[0]
  expect(places.slice(0, 4).map((place) => place[0] - x)).toEqual([0, 18, 48, 66])
  expect(places[4][1] - places[0][1]).toBe(28)
  expect(svg).toContain("b &#38; &#60;c&#62;")
})
