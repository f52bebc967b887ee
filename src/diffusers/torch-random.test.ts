import { readFile } from "node:fs/promises"
import { expect, test } from "vitest"
import { toNumbers } from "../engine/array.ts"
import { TorchGenerator, torchNoise } from "./torch-random.ts"

interface Fixture {
  readonly cases: readonly {
    readonly seed: string
    readonly draws: readonly (readonly [kind: string, arg: number | number[], values: readonly number[]])[]
  }[]
  readonly many: {
    readonly seed: number
    readonly step: number
    readonly values: readonly number[]
    readonly sum: number
    readonly squares: number
  }
}

const fixture = JSON.parse(await readFile(new URL("fixtures/random.json", import.meta.url), "utf8")) as Fixture

function draw(generator: TorchGenerator, kind: string, arg: number | number[]): Float64Array {
  if (kind === "rand") return toNumbers(generator.rand([arg as number]))
  if (kind === "randn") return toNumbers(generator.randn([arg as number]))
  if (kind === "randperm") return toNumbers(generator.randperm(arg as number))
  const [low, high, n] = arg as number[]
  return toNumbers(generator.randint(low, high, [n]))
}

test("a seed's uniform and whole numbers and permutations are torch's bit for bit, its normal ones within 2e-6", () => {
  expect(fixture.cases.length).toBe(5)
  for (const { seed, draws } of fixture.cases) {
    const generator = new TorchGenerator(BigInt(seed))
    for (const [kind, arg, values] of draws) {
      const found = draw(generator, kind, arg)
      if (kind === "randn")
        for (const [i, v] of values.entries()) expect(Math.abs(found[i] - v), `${seed} ${kind}`).toBeLessThan(2e-6)
      else expect([...found], `seed ${seed}, ${kind}(${arg})`).toEqual(values)
    }
  }
})

test("a million normal numbers are torch's", () => {
  const { seed, step, values, sum, squares } = fixture.many
  const found = toNumbers(new TorchGenerator(seed).randn([1000, 1000]))
  let worst = 0
  for (const [i, v] of values.entries()) worst = Math.max(worst, Math.abs(found[i * step] - v))
  expect(worst).toBeLessThan(2e-6)
  expect(found.reduce((s, v) => s + v, 0)).toBeCloseTo(sum, 2)
  expect(found.reduce((s, v) => s + v * v, 0)).toBeCloseTo(squares, 1)
})

test("a pipeline's noise is drawn for all samples at once, or from a seed each", () => {
  const shape = [2, 3, 3]
  const stream = new TorchGenerator(5)
  const [first, second] = [stream.randn([3, ...shape]).data, stream.randn([3, ...shape]).data]
  const shared = torchNoise(5, 3, shape)
  expect(shared(0, 0)).toEqual(first.slice(0, 18))
  expect(shared(2, 0)).toEqual(first.slice(36))
  expect(shared(0, 7)).toEqual(second.slice(0, 18))
  expect(shared(1, 7)).toEqual(second.slice(18, 36))
  expect(() => shared(0, 0)).toThrow("torchNoise: got question 0 after 7: a stream does not go back")

  const own = torchNoise([5, 6, 5], 3, shape)
  expect(own(0, 0)).toEqual(own(2, 0))
  expect(own(0, 0)).not.toEqual(own(1, 0))
  expect(own(1, 0)).toEqual(new TorchGenerator(6).randn([1, ...shape]).data)
  expect(torchNoise([5], 3, shape)(2, 0)).toEqual(first.slice(36))
  expect(() => torchNoise([5, 6], 3, shape)).toThrow("got 2 seeds for 3 samples, expected one, or one each")
})

test("seeds and bounds that are no whole numbers are refused", () => {
  expect(() => new TorchGenerator(0.5)).toThrow("TorchGenerator: got seed 0.5, expected a whole number")
  expect(() => new TorchGenerator().randint(3, 3, [1])).toThrow("randint: got bounds 3 and 3")
  expect(() => new TorchGenerator().randperm(-1)).toThrow("randperm: got -1")
})
