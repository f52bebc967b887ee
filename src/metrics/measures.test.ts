import { readFileSync } from "node:fs"
import { expect, test } from "vitest"
import { array, asArray, type NdArray, type Nested, toNested } from "../engine/array.ts"
import { transpose } from "../linalg/arithmetic.ts"
import { matmul } from "../linalg/product.ts"
import { mmd } from "../stats/mmd.ts"
import { FeatureBank } from "./batches.ts"
import { fid } from "./fid.ts"
import { inceptionScore } from "./inception.ts"
import { kid, kidOf } from "./kid.ts"
import { densityCoverage, manifolds, precisionRecall } from "./manifold.ts"
import { featureMmd } from "./mmd.ts"
import { resizeWeights } from "./onnx.ts"

interface Case {
  readonly name: string
  readonly generated: number[][]
  readonly reference: number[][]
  readonly fid: Readonly<Record<string, number>>
  readonly kid: { readonly value: number; readonly std: number; readonly size: number; readonly subsets: number[][][] }
  readonly balls: readonly {
    readonly neighbours: number
    readonly precision: number
    readonly recall: number
    readonly density: number
    readonly coverage: number
  }[]
}
const fixture = JSON.parse(readFileSync(new URL("./fixtures/measures.json", import.meta.url), "utf8"))
const cases: readonly Case[] = fixture.cases
const doubles = (x: Nested) => asArray(x, "float64")

/** Relative to the larger of the value and 1e-3. */
const near = (found: number, expected: number, bound: number): void =>
  expect(Math.abs(found - expected) / Math.max(1e-3, Math.abs(expected))).toBeLessThan(bound)

test.each(cases)("$name: FID is that of torch-fidelity, torchmetrics and pytorch-fid", async (c) => {
  const found = await fid(doubles(c.generated), doubles(c.reference))
  for (const value of Object.values(c.fid)) near(found, value, 1e-7)
})

test.each(cases)("$name: KID and its deviation are torch-fidelity's on the subsets it draws", async (c) => {
  const banks = [
    await FeatureBank.of("kid", "generated", doubles(c.generated)),
    await FeatureBank.of("kid", "reference", doubles(c.reference)),
  ] as const
  const kernel = { degree: 3, scale: 1 / c.generated[0].length, offset: 1 }
  const draws = c.kid.subsets.map(([x, y]) => [x, y] as const)
  const found = await kidOf(banks, draws, c.kid.size, kernel)
  near(found.value, c.kid.value, 1e-6)
  near(found.std, c.kid.std, 1e-6)
  expect([found.subsets, found.size]).toEqual([6, c.kid.size])
})

test.each(cases)("$name: precision and recall are torch-fidelity's, density and coverage prdc's", async (c) => {
  const [x, y] = [doubles(c.generated), doubles(c.reference)]
  for (const { neighbours, ...expected } of c.balls) {
    const found = { ...(await precisionRecall(x, y, { neighbours })), ...(await densityCoverage(x, y, { neighbours })) }
    for (const name of ["precision", "recall", "density", "coverage"] as const) near(found[name], expected[name], 1e-6)
  }
})

test("the inception score and its deviation are torch-fidelity's", async () => {
  const { logits, splits, value, std } = fixture.inception as Record<string, number> & { logits: number[][] }
  const odds = logits.map((row) => {
    const powers = row.map(Math.exp)
    const sum = powers.reduce((a, b) => a + b, 0)
    return powers.map((p) => p / sum)
  })
  const found = await inceptionScore(doubles(odds), { splits, seed: null })
  near(found.value, value, 1e-12)
  near(found.std, std, 1e-10)
})

test("the inception score is 1 for one answer and the number of classes for sure and even ones", async () => {
  const same = array("float64", [40, 4], new Float64Array(160).fill(0.25))
  expect((await inceptionScore(same)).value).toBeCloseTo(1, 12)
  const sure = Array.from({ length: 40 }, (_, i) => [0, 1, 2, 3].map((c) => Number(c === i % 4)))
  expect((await inceptionScore(doubles(sure), { splits: 1 })).value).toBeCloseTo(4, 12)
  // In the order they come, a split of ten holds 3, 3, 2 and 2 of the classes.
  const inOrder = await inceptionScore(doubles(sure), { splits: 4, seed: null })
  expect(inOrder.value).toBeCloseTo(Math.exp(-(0.6 * Math.log(0.3) + 0.4 * Math.log(0.2))), 12)
  await expect(inceptionScore(doubles([[3, -1]]), { splits: 1 })).rejects.toThrow(/^inceptionScore: row 0 .*softmax/)
  await expect(inceptionScore(doubles([[0, 1]]))).rejects.toThrow(/splits is 10, expected at most 1/)
})

test("KID of whole sets is the unbiased discrepancy of the cubic kernel, and follows from its seed", async () => {
  const { generated, reference } = cases[0]
  const [x, y] = [generated.slice(0, 80), reference.slice(0, 80)]
  const whole = await kid(doubles(x), doubles(y), { subsets: 2 })
  expect(whole.size).toBe(80)
  expect(whole.value).toBeCloseTo(mmd(x, y, { kernel: { kind: "polynomial" } }), 12)
  expect(whole.std).toBeLessThan(1e-12)
  const options = { subsets: 20, size: 30 }
  const first = await kid(doubles(generated), doubles(reference), { ...options, seed: 4 })
  expect(await kid(doubles(generated), doubles(reference), { ...options, seed: 4 })).toEqual(first)
  expect(await kid(doubles(generated), doubles(reference), { ...options, seed: 5 })).not.toEqual(first)
  await expect(kid(doubles(x), doubles(y), { size: 81 })).rejects.toThrow(/^kid: size is 81, expected at most 80/)
})

test("MMD of features is that of statistics, of all rows or of a part drawn by its seed", async () => {
  const { generated, reference } = cases[1]
  expect(await featureMmd(doubles(generated), doubles(reference))).toBeCloseTo(mmd(generated, reference), 12)
  const kernel = { kind: "gaussian", bandwidth: 3 } as const
  expect(await featureMmd(doubles(generated), doubles(reference), { bandwidth: 3 })).toBeCloseTo(
    mmd(generated, reference, { kernel }),
    12,
  )
  const part = (seed: number): Promise<number> =>
    featureMmd(doubles(generated), doubles(reference), { bandwidth: 3, size: 50, seed })
  expect(await part(1)).toBe(await part(1))
  expect(await part(1)).not.toBe(await part(2))
  expect(Math.abs((await part(1)) / mmd(generated, reference, { kernel }) - 1)).toBeLessThan(0.5)
  const one = doubles([[1, 2, 3]])
  await expect(featureMmd(one, one)).rejects.toThrow(/^featureMmd: the sets have 1 and 1 rows, expected two or more/)
  const same = doubles([one, one].map(() => [1, 2, 3]))
  await expect(featureMmd(same, same)).rejects.toThrow(/median distance of the rows is 0/)
})

test("large products run on the engine and give the neighbours that plain distances give", async () => {
  const rows = (count: number, seed: number): NdArray<"float32"> => {
    let state = seed
    const data = Float32Array.from({ length: count * 24 }, () => {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0
      return state / 2 ** 32
    })
    return array("float32", [count, 24], data)
  }
  // Two blocks a side, the second nearly empty; the first row of the one is a row of the other.
  const [x, y] = [rows(1100, 1), rows(1030, 2)]
  for (let k = 0; k < 24; k++) x.data[k] = y.data[24 + k]
  const banks = [await FeatureBank.of("x", "x", x), await FeatureBank.of("y", "y", y)] as const
  const found = await manifolds("test", banks, { closed: 3, open: 5 })

  const distance = (a: typeof x, i: number, b: typeof x, j: number): number => {
    let sum = 0
    for (let k = 0; k < 24; k++) sum += (a.data[i * 24 + k] - b.data[j * 24 + k]) ** 2
    return sum
  }
  const reach = (a: typeof x, k: number): number[] =>
    Array.from({ length: a.shape[0] }, (_, i) => {
      const all = Float64Array.from({ length: a.shape[0] }, (_, j) => (i === j ? Infinity : distance(a, i, a, j)))
      return all.sort()[k - 1]
    })
  const [x3, y3, y5] = [reach(x, 3), reach(y, 3), reach(y, 5)]
  const [n, m] = [x.shape[0], y.shape[0]]
  const precise = new Set<number>()
  const recalled = new Set<number>()
  const covered = new Set<number>()
  let inside = 0
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < m; j++) {
      const d = distance(x, i, y, j)
      if (d <= y3[j]) precise.add(i)
      if (d <= x3[i]) recalled.add(j)
      if (d < y5[j]) covered.add(j)
      if (d < y5[j]) inside++
    }
  }
  expect(found.closed).toEqual({ precision: precise.size / n, recall: recalled.size / m })
  expect(found.open.coverage).toBe(covered.size / m)
  expect(found.open.density).toBeCloseTo(inside / 5 / n, 12)
})

test("points met many times are still in their own balls, and lie at distance 0", async () => {
  const twins = doubles(Array.from({ length: 40 }, (_, i) => [1e3 + (i % 4), 0.1, 7]))
  expect(await precisionRecall(twins, twins)).toEqual({ precision: 1, recall: 1 })
  expect(await densityCoverage(twins, twins)).toEqual({ density: 0, coverage: 0 })
  await expect(precisionRecall(twins, doubles([[1, 2, 3]]))).rejects.toThrow(
    /^precisionRecall: neighbours is 3, expected fewer than the rows of each set \(40 and 1\)/,
  )
})

test("images are resized as torch does with antialias, larger and smaller", () => {
  const { image, sizes } = fixture.resize as {
    image: number[][][][]
    sizes: { size: [number, number]; value: number[][][][] }[]
  }
  for (const { size, value } of sizes) {
    const rows = resizeWeights(7, size[0])
    const columns = resizeWeights(10, size[1])
    const found = toNested(matmul(matmul(rows, image[0][0]), transpose(columns))) as number[][]
    found.forEach((row, i) => {
      row.forEach((v, j) => {
        expect(v).toBeCloseTo(value[0][0][i][j], 6)
      })
    })
  }
})
