import { expect, test } from "vitest"
import type { Dataset } from "./dataset.ts"
import { range } from "./dataset.ts"
import { checkerboard, circles, eightGaussians, moons, pinwheel, spirals, swissRoll } from "./points.ts"

const count = 20_000

/** Points [x, y, label] of a set, label 0 where there is none. */
function rows(set: Dataset, n = count): [number, number, number][] {
  const { x, y } = set.batch(range(n))
  return Array.from({ length: n }, (_, i) => [x.data[2 * i], x.data[2 * i + 1], y?.data[i] ?? 0])
}

const mean = (values: number[]): number => values.reduce((s, v) => s + v, 0) / values.length

const sets = { moons, swissRoll, eightGaussians, checkerboard, pinwheel, circles, spirals }

/** Means and variances of both coordinates without noise, by hand or by quadrature over the curve's parameter. */
const moments: Record<keyof typeof sets, [number, number, number, number]> = {
  moons: [0, 0, 1.5, 2 * (0.5 - 4 / Math.PI ** 2 + (2 / Math.PI - 0.25) ** 2)],
  swissRoll: [2 / 7, 2 / (21 * Math.PI), ...alongRoll()],
  eightGaussians: [0, 0, 1, 1],
  checkerboard: [0, 0, 4 / 3, 4 / 3],
  pinwheel: [0, 0, 1.1, 1.1],
  circles: [0, 0, (1.8 ** 2 + 0.9 ** 2) / 4, (1.8 ** 2 + 0.9 ** 2) / 4],
  spirals: [0, 0, ...alongArm()],
}

function alongRoll(): [number, number] {
  const t = Array.from({ length: 10_000 }, (_, i) => Math.PI * (1.5 + (3 * (i + 0.5)) / 10_000))
  const [x, y] = [t.map((v) => (v * Math.cos(v)) / 7), t.map((v) => (v * Math.sin(v)) / 7)]
  return [mean(x.map((v) => v * v)) - mean(x) ** 2, mean(y.map((v) => v * v)) - mean(y) ** 2]
}

function alongArm(): [number, number] {
  const t = Array.from({ length: 10_000 }, (_, i) => 3 * Math.PI * Math.sqrt((i + 0.5) / 10_000))
  return [mean(t.map((v) => ((v * Math.cos(v)) / 5) ** 2)), mean(t.map((v) => ((v * Math.sin(v)) / 5) ** 2))]
}

for (const [name, make] of Object.entries(sets) as [keyof typeof sets, (typeof sets)["moons"]][]) {
  test(`${name} has the mean and variance its description gives, and noise adds its own`, () => {
    for (const noise of [0, 0.3]) {
      const points = rows(make({ seed: 1, noise }))
      const [mx, my, vx, vy] = moments[name]
      for (const [axis, m, v] of [
        [0, mx, vx],
        [1, my, vy],
      ] as const) {
        const values = points.map((p) => p[axis])
        const variance = v + noise * noise
        expect(Math.abs(mean(values) - m)).toBeLessThan(4.5 * Math.sqrt(variance / count))
        const spread = values.map((u) => (u - m) ** 2)
        const fourth = mean(spread.map((s) => (s - variance) ** 2))
        expect(Math.abs(mean(spread) - variance)).toBeLessThan(4.5 * Math.sqrt(fourth / count))
      }
    }
  })

  test(`an item of ${name} depends on its number and the seed alone`, () => {
    const set = make({ seed: 5, count: 100 })
    expect([set.name, set.length, set.shape]).toEqual([name, 100, [2]])
    const together = set.batch(Int32Array.of(3, 99, 7))
    const alone = make({ seed: 5 }).batch(Int32Array.of(99))
    expect([...together.x.data.subarray(2, 4)]).toEqual([...alone.x.data])
    expect(together.y?.data[1]).toBe(alone.y?.data[0])
    expect(make({ seed: 6 }).batch(Int32Array.of(99)).x).not.toEqual(alone.x)
  })
}

test("labels are equally likely", () => {
  for (const make of [moons, eightGaussians, pinwheel, circles, spirals]) {
    const set = make()
    const k = set.classes!
    const seen = new Array<number>(k).fill(0)
    for (const [, , label] of rows(set)) seen[label]++
    const chi2 = seen.reduce((s, n) => s + (n - count / k) ** 2 / (count / k), 0)
    expect(chi2).toBeLessThan(k - 1 + 4.5 * Math.sqrt(2 * (k - 1)) + 4)
  }
})

test("the density given for eightGaussians explains its points: their mean log likelihood is minus its entropy", () => {
  const noise = 0.1
  const nll = rows(eightGaussians({ seed: 2, noise })).map(([x, y]) => {
    let p = 0
    for (let k = 0; k < 8; k++) {
      const d2 =
        (x - Math.SQRT2 * Math.cos((k * Math.PI) / 4)) ** 2 + (y - Math.SQRT2 * Math.sin((k * Math.PI) / 4)) ** 2
      p += Math.exp(-d2 / (2 * noise ** 2)) / (8 * 2 * Math.PI * noise ** 2)
    }
    return -Math.log(p)
  })
  // The normals are 11 standard deviations apart: the entropy is that of one and of the choice among eight.
  const entropy = Math.log(8) + Math.log(2 * Math.PI * Math.E * noise ** 2)
  expect(Math.abs(mean(nll) - entropy)).toBeLessThan(4.5 / Math.sqrt(count))
})

test("a label of eightGaussians is the nearest centre, and of circles the nearest radius", () => {
  for (const [x, y, label] of rows(eightGaussians(), 2000)) {
    expect((Math.round((Math.atan2(y, x) * 4) / Math.PI) + 8) % 8).toBe(label)
  }
  for (const [x, y, label] of rows(circles({ noise: 0.05 }), 2000)) expect(Math.hypot(x, y) < 1.35 ? 1 : 0).toBe(label)
})

test("a checkerboard fills its eight squares evenly and no others", () => {
  const seen = new Map<string, number>()
  const quarters = new Array<number>(4).fill(0)
  for (const [x, y] of rows(checkerboard({ seed: 3 }))) {
    expect(Math.abs(Math.floor(x) + Math.floor(y)) % 2).toBe(0)
    const square = `${Math.floor(x)},${Math.floor(y)}`
    seen.set(square, (seen.get(square) ?? 0) + 1)
    quarters[2 * Math.floor(2 * (x - Math.floor(x))) + Math.floor(2 * (y - Math.floor(y)))]++
  }
  expect(seen.size).toBe(8)
  const chi2 = (counts: number[]): number =>
    counts.reduce((s, n) => s + (n - count / counts.length) ** 2 / (count / counts.length), 0)
  expect(chi2([...seen.values()])).toBeLessThan(24.3) // the 0.999 quantile with 7 degrees of freedom
  expect(chi2(quarters)).toBeLessThan(16.3) // and with 3
})

test("without noise the points lie on their curves", () => {
  for (const [x, y, label] of rows(moons({ noise: 0 }), 500)) {
    const side = label === 0 ? 1 : -1
    const [u, v] = [(side * x) / Math.SQRT2 + 0.5, (side * y) / Math.SQRT2 + 0.25]
    expect(Math.hypot(u, v)).toBeCloseTo(1, 5)
    expect(v).toBeGreaterThanOrEqual(-1e-6)
  }
  for (const [x, y] of rows(swissRoll({ noise: 0 }), 500)) {
    const t = 7 * Math.hypot(x, y)
    expect([x, y].map((v) => 7 * v)).toEqual([expect.closeTo(t * Math.cos(t), 3), expect.closeTo(t * Math.sin(t), 3)])
  }
})

test("an arm of the pinwheel has the length and width its description gives", () => {
  const [r, s] = [[], []] as [number[], number[]]
  for (const [x, y, label] of rows(pinwheel())) {
    const [u, v] = [x / Math.SQRT2, y / Math.SQRT2]
    // Undo the turn, which depends on r: a fixed point of r -> projection on the arm at r.
    let along = Math.hypot(u, v)
    for (let k = 0; k < 60; k++) {
      const angle = (2 * Math.PI * label) / 5 + Math.exp(along) / 4
      along = 0.5 * along + 0.5 * (u * Math.cos(angle) + v * Math.sin(angle))
    }
    const angle = (2 * Math.PI * label) / 5 + Math.exp(along) / 4
    r.push(along)
    s.push(v * Math.cos(angle) - u * Math.sin(angle))
  }
  expect(Math.abs(mean(r) - 1)).toBeLessThan(0.02)
  expect(Math.sqrt(mean(r.map((v) => (v - 1) ** 2)))).toBeCloseTo(0.3, 1)
  expect(Math.sqrt(mean(s.map((v) => v * v)))).toBeCloseTo(0.1, 1)
})

test("nonsense is refused by name", () => {
  expect(() => moons({ noise: -1 })).toThrow("moons: got noise -1")
  expect(() => swissRoll({ noise: Number.NaN })).toThrow("swissRoll: got noise NaN")
  expect(() => circles({ count: 0 })).toThrow("circles: got count 0, expected a whole number from 1 to 2^31 - 1")
})
