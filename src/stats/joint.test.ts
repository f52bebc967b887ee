import { expect, test } from "vitest"
import { array } from "../engine/array.ts"
import { Generator } from "../engine/random.ts"
import { entropy } from "./information.ts"
import { bayes, conditional, dependence, type JointTable, jointTable, marginal, mutualInformation } from "./joint.ts"
import { beta } from "./laws/beta.ts"
import { binomial } from "./laws/binomial.ts"

/** A random joint law of the given shape. */
function randomTable(shape: number[], g: Generator): JointTable {
  const weights = Float64Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => -Math.log1p(-g.uniform()))
  const sum = weights.reduce((a, b) => a + b, 0)
  return jointTable(
    array(
      "float64",
      shape,
      weights.map((v) => v / sum),
    ),
  )
}

test("sum, product and chain rule hold on 3-way tables [D07]", () => {
  const g = new Generator(1)
  for (let round = 0; round < 100; round++) {
    const shape = [2 + g.integer(3), 2 + g.integer(3), 2 + g.integer(3)]
    const table = randomTable(shape, g)
    const first = marginal(table, [0])
    expect(first.data.reduce((a, b) => a + b, 0)).toBeCloseTo(1, 14)
    for (let i = 0; i < shape[0]; i++) {
      const givenFirst = conditional(table, [0], [i])
      const second = marginal(givenFirst, [0])
      // sum rule: what is summed out over one variable, summed out over the other, is the marginal
      let total = 0
      for (let j = 0; j < shape[1]; j++) total += marginal(table, [0, 1]).data[i * shape[1] + j]
      expect(total).toBeCloseTo(first.data[i], 14)
      for (let j = 0; j < shape[1]; j++) {
        const third = conditional(table, [0, 1], [i, j])
        expect(third.shape).toEqual([shape[2]])
        for (let k = 0; k < shape[2]; k++) {
          // p(x, y, z) = p(x) p(y | x) p(z | x, y)
          const chained = first.data[i] * second.data[j] * third.data[k]
          expect(chained).toBeCloseTo(table.data[(i * shape[1] + j) * shape[2] + k], 14)
          // product rule within a condition: p(y, z | x) = p(z | x, y) p(y | x)
          expect(givenFirst.data[j * shape[2] + k]).toBeCloseTo(third.data[k] * second.data[j], 14)
        }
      }
    }
  }
  // the order of the axes is the order asked for
  const table = randomTable([2, 3], g)
  expect(marginal(table, [1, 0]).data[1 * 2 + 0]).toBe(table.data[1])
})

test("a table built as p(c) p(a | c) p(b | c) is conditionally independent and not independent; perturbed it is neither [D08]", () => {
  const c = [0.3, 0.7]
  const a = [
    [0.9, 0.1],
    [0.2, 0.8],
  ]
  const b = [
    [0.5, 0.25, 0.25],
    [0.1, 0.1, 0.8],
  ]
  const built = jointTable(c.map((pc, k) => a[k].map((pa) => b[k].map((pb) => pc * pa * pb))))
  expect(dependence(built, [1], [2], [0])).toBeLessThan(1e-15)
  expect(dependence(built, [1], [2])).toBeGreaterThan(0.05)
  // the other form of the definition: p(a | b, c) = p(a | c)
  for (let k = 0; k < 2; k++) {
    for (let j = 0; j < 3; j++) {
      const both = conditional(built, [0, 2], [k, j])
      expect(both.data[0]).toBeCloseTo(a[k][0], 14)
    }
  }
  const perturbed = { ...built, data: built.data.slice() }
  perturbed.data[0] += 0.02
  perturbed.data[1] -= 0.02
  expect(dependence(perturbed, [1], [2], [0])).toBeGreaterThan(0.005)
  // independence without a condition
  const apart = jointTable([0.2, 0.8].map((p) => [0.5, 0.1, 0.4].map((q) => p * q)))
  expect(dependence(apart, [0], [1])).toBeLessThan(1e-16)
  expect(mutualInformation(apart)).toBeLessThan(1e-15)
})

test("p(y1, y2 | x) = p(y1 | x1) p(y2 | x2) needs y_i independent of x_j given x_i [D09]", () => {
  // axes x1, x2, y1, y2; x1 and x2 are dependent
  const px = [
    [0.4, 0.1],
    [0.2, 0.3],
  ]
  const py = [
    [0.9, 0.1],
    [0.3, 0.7],
  ]
  const factored = jointTable(px.map((row, i) => row.map((p, j) => py[i].map((p1) => py[j].map((p2) => p * p1 * p2)))))
  const gap = (table: JointTable): number => {
    let worst = 0
    for (let i = 0; i < 2; i++) {
      for (let j = 0; j < 2; j++) {
        const given = conditional(table, [0, 1], [i, j])
        const first = marginal(conditional(table, [0], [i]), [1])
        const second = marginal(conditional(table, [1], [j]), [2])
        given.data.forEach((p, k) => {
          worst = Math.max(worst, Math.abs(p - first.data[k >> 1] * second.data[k & 1]))
        })
      }
    }
    return worst
  }
  expect(dependence(factored, [2], [1], [0])).toBeLessThan(1e-15)
  expect(gap(factored)).toBeLessThan(1e-15)
  // y1 that also looks at x2 breaks it, although y1 and y2 stay independent given x,
  // and although x_i and y_i may be independent given x_j (the condition the notes print)
  const leaky = jointTable(
    px.map((row) =>
      row.map((p, j) => [0.5 + 0.4 * (j - 0.5), 0.5 - 0.4 * (j - 0.5)].map((p1) => py[j].map((p2) => p * p1 * p2))),
    ),
  )
  expect(dependence(leaky, [2], [3], [0, 1])).toBeLessThan(1e-15)
  expect(dependence(leaky, [0], [2], [1])).toBeLessThan(1e-15)
  expect(dependence(leaky, [2], [1], [0])).toBeGreaterThan(0.05)
  expect(gap(leaky)).toBeGreaterThan(0.05)
})

test("Bayes' rule divides by P(observation): .09, where the inverted rule gives 9; the beta law is the coin's posterior [D10]", () => {
  // P(R) = .01, P(O | R) = .9, P(O) = .1
  const other = (0.1 - 0.009) / 0.99
  const { posterior, evidence } = bayes([0.01, 0.99], [0.9, other])
  expect(evidence).toBeCloseTo(0.1, 15)
  expect(posterior[0]).toBeCloseTo(0.09, 14)
  expect((evidence * 0.9) / 0.01).toBeCloseTo(9, 12)
  const g = new Generator(2)
  for (let round = 0; round < 10_000; round++) {
    const table = randomTable([3, 2], g)
    const prior = marginal(table, [0]).data
    const likelihood = prior.map((p, i) => table.data[2 * i] / p)
    const direct = conditional(table, [1], [0]).data
    const found = bayes(prior, likelihood)
    if (!found.posterior.every((p, i) => Math.abs(p - direct[i]) < 1e-13)) expect.fail(`${table.data}`)
  }
  // beta prior, binomial likelihood: on a fine grid the posterior is the beta law with the counts added
  const cells = 2000
  const grid = Array.from({ length: cells }, (_, i) => (i + 0.5) / cells)
  const prior = beta({ alpha: 2, beta: 3 })
  const weights = grid.map((p) => prior.pdf(p) / cells)
  const total = weights.reduce((a, b) => a + b, 0)
  const seen = bayes(
    weights.map((v) => v / total),
    grid.map((p) => binomial({ trials: 12, p }).pmf(5)),
  )
  const exact = beta({ alpha: 2 + 5, beta: 3 + 7 })
  grid.forEach((p, i) => {
    expect(Math.abs(seen.posterior[i] * cells - exact.pdf(p))).toBeLessThan(1e-5)
  })
})

test("mutual information is H(a) + H(b) - H(a, b), symmetric, and never negative on 10,000 random tables", () => {
  const g = new Generator(3)
  for (let round = 0; round < 10_000; round++) {
    const table = randomTable([2, 3], g)
    const apart = entropy(marginal(table, [0]).data) + entropy(marginal(table, [1]).data) - entropy(table.data)
    const found = mutualInformation(table)
    if (!(found >= 0 && Math.abs(found - apart) < 1e-13)) expect.fail(`${table.data}`)
    if (!(Math.abs(found - mutualInformation(table, [1], [0])) < 1e-14)) expect.fail(`${table.data}`)
  }
})

test("tables, axes and priors that are none are refused by name", () => {
  expect(() => jointTable([[0.5, 0.6]])).toThrow("jointTable: table adds up to 1.1")
  expect(() => jointTable([[1.5, -0.5]])).toThrow("jointTable: table[0] is 1.5, expected a number from 0 to 1")
  const table = jointTable([
    [0.5, 0.5],
    [0, 0],
  ])
  expect(() => marginal(table, [2])).toThrow("marginal: axis 2, expected an integer from 0 to 1")
  expect(() => dependence(table, [0], [0])).toThrow("dependence: axis 0 is named twice")
  expect(() => conditional(table, [0], [1])).toThrow("conditional: axes [0] have the values [1] with probability 0")
  expect(() => bayes([0.5, 0.5], [0, 0])).toThrow("bayes: the observation has probability 0 under every reason")
  expect(() => bayes([0.5, 0.5], [1])).toThrow("bayes: got 2 priors and 1 likelihoods")
})
