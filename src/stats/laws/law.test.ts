import { readFileSync } from "node:fs"
import { expect, expectTypeOf, test } from "vitest"
import { Generator } from "../../engine/random.ts"
import {
  type Entropic,
  type Fitting,
  type Generating,
  generatorOf,
  type Moments,
  type Spread,
  type Univariate,
} from "../law.ts"
import { logLikelihood } from "../likelihood.ts"
import { type Affine, affine } from "./affine.ts"
import { type AlphaStable, alphaStable } from "./alpha-stable.ts"
import { bernoulli } from "./bernoulli.ts"
import { beta } from "./beta.ts"
import { binomial } from "./binomial.ts"
import { type Categorical, categorical } from "./categorical.ts"
import { type Cauchy, cauchy } from "./cauchy.ts"
import { chiSquared } from "./chi-squared.ts"
import { empirical } from "./empirical.ts"
import { exponential } from "./exponential.ts"
import { type FisherF, fisherF } from "./fisher-f.ts"
import { type Gamma, gamma } from "./gamma.ts"
import { laplace } from "./laplace.ts"
import { type Levy, levy } from "./levy.ts"
import { type Mixture, mixture } from "./mixture.ts"
import { type Normal, normal } from "./normal.ts"
import { type Poisson, poisson } from "./poisson.ts"
import { type StudentT, studentT } from "./student-t.ts"
import { uniform } from "./uniform.ts"

const { fits } = JSON.parse(readFileSync(new URL("../fixtures/tests.json", import.meta.url), "utf8"))

test("a law's type has the members that exist for it and no others", () => {
  expectTypeOf<Normal>().toExtend<Moments & Entropic & Generating & Fitting<Normal>>()
  for (const law of [cauchy(), levy()]) {
    for (const member of ["mean", "variance", "skewness", "mgf"]) expect(member in law).toBe(false)
  }
  expectTypeOf<Cauchy>().not.toHaveProperty("mean")
  expectTypeOf<Cauchy>().not.toHaveProperty("variance")
  expectTypeOf<Cauchy>().not.toHaveProperty("mgf")
  expectTypeOf<Levy>().not.toHaveProperty("mean")
  expectTypeOf<AlphaStable>().not.toHaveProperty("entropy")
  expectTypeOf<AlphaStable["mean"]>().toEqualTypeOf<number | undefined>()
  expectTypeOf<StudentT>().not.toHaveProperty("mgf")
  expectTypeOf<StudentT["mean"]>().toEqualTypeOf<number | undefined>()
  expectTypeOf<FisherF["variance"]>().toEqualTypeOf<number | undefined>()
  expectTypeOf<Categorical>().not.toHaveProperty("mean")
  expectTypeOf<Categorical>().not.toHaveProperty("cdf")
  expectTypeOf<Poisson>().not.toHaveProperty("pdf")
  expectTypeOf<Normal>().not.toHaveProperty("pmf")
  // a mixture and an affine image have what their parts have
  expectTypeOf<Mixture<Normal>>().toExtend<Spread & Generating>()
  expectTypeOf<Mixture<Normal | Cauchy>>().not.toHaveProperty("mean")
  expectTypeOf<Affine<Gamma>>().toExtend<Spread & Entropic & Generating>()
  expectTypeOf<Affine<Cauchy>>().toExtend<Entropic>()
  expectTypeOf<Affine<Cauchy>>().not.toHaveProperty("mean")
  expect("mean" in mixture({ components: [normal(), cauchy()] })).toBe(false)
  expect("mean" in affine(cauchy(), { scale: 2 })).toBe(false)
})

test("moments that have no value are undefined, those that diverge are infinite", () => {
  expect([studentT({ df: 1 }).mean, studentT({ df: 1.5 }).mean]).toEqual([undefined, 0])
  expect([1, 1.5, 2, 3].map((df) => studentT({ df }).variance)).toEqual([undefined, Infinity, Infinity, 3])
  expect([2, 4, 5].map((df) => studentT({ df }).kurtosis)).toEqual([undefined, Infinity, 6])
  expect(fisherF({ df1: 3, df2: 2 }).mean).toBe(Infinity)
  expect([2, 3, 5].map((df2) => fisherF({ df1: 3, df2 }).variance)?.slice(0, 2)).toEqual([undefined, Infinity])
  expect(alphaStable({ alpha: 0.9 }).mean).toBe(undefined)
  expect(alphaStable({ alpha: 1.5, loc: 3 }).mean).toBe(3)
  expect(alphaStable({ alpha: 2, scale: 3 }).variance).toBe(18)
  expect(bernoulli({ p: 1 }).skewness).toBe(undefined)
  expect(empirical({ values: [4] }).kurtosis).toBe(undefined)
  expect(laplace().mgf(1)).toBe(Infinity)
  expect(exponential({ rate: 2 }).mgf(2)).toBe(Infinity)
})

test("fits are SciPy's or closed forms, and no other parameters are likelier", () => {
  const { positive, shares, wild } = fits
  const fitted = gamma({ shape: 1 }).fit(positive)
  expect(fitted.shape).toBeCloseTo(fits.gamma[0], 4)
  expect(fitted.scale).toBeCloseTo(fits.gamma[1], 4)
  const proportion = beta({ alpha: 1, beta: 1 }).fit(shares)
  expect(proportion.alpha).toBeCloseTo(fits.beta[0], 4)
  expect(proportion.beta).toBeCloseTo(fits.beta[1], 4)
  const centre = cauchy().fit(wild)
  expect(centre.loc).toBeCloseTo(fits.cauchy[0], 3)
  expect(centre.scale).toBeCloseTo(fits.cauchy[1], 3)
  const t = studentT({ df: 5 }).fit(wild)
  expect(t.df).toBeCloseTo(fits.t[0], 2)
  expect(t.loc).toBeCloseTo(fits.t[1], 3)
  expect(t.scale).toBeCloseTo(fits.t[2], 3)
  const k = chiSquared({ df: 1 }).fit(positive)
  const counts = poisson({ rate: 4 }).sample(200, 1)
  const tosses = binomial({ trials: 9, p: 0.3 }).sample(100, 2)
  const cases: [ArrayLike<number>, Univariate, (h: number, i: number) => Univariate, number][] = [
    [
      positive,
      fitted,
      (h, i) => gamma({ shape: fitted.shape + (i === 0 ? h : 0), scale: fitted.scale + (i === 1 ? h : 0) }),
      2,
    ],
    [
      shares,
      proportion,
      (h, i) => beta({ alpha: proportion.alpha + (i === 0 ? h : 0), beta: proportion.beta + (i === 1 ? h : 0) }),
      2,
    ],
    [
      wild,
      centre,
      (h, i) => cauchy({ loc: centre.loc + (i === 0 ? h : 0), scale: centre.scale + (i === 1 ? h : 0) }),
      2,
    ],
    [
      wild,
      t,
      (h, i) =>
        studentT({ df: t.df + (i === 2 ? h : 0), loc: t.loc + (i === 0 ? h : 0), scale: t.scale + (i === 1 ? h : 0) }),
      3,
    ],
    [positive, k, (h) => chiSquared({ df: k.df + h }), 1],
    [positive, exponential().fit(positive), (h) => exponential({ rate: exponential().fit(positive).rate + h }), 1],
    [positive, levy().fit(positive), (h) => levy({ scale: levy().fit(positive).scale + h }), 1],
    [counts, poisson().fit(counts), (h) => poisson({ rate: poisson().fit(counts).rate + h }), 1],
    [
      tosses,
      binomial({ trials: 9 }).fit(tosses),
      (h) => binomial({ trials: 9, p: binomial({ trials: 9 }).fit(tosses).p + h }),
      1,
    ],
    [
      wild,
      laplace().fit(wild),
      (h, i) =>
        laplace({
          loc: laplace().fit(wild).loc + (i === 0 ? 20 * h : 0),
          scale: laplace().fit(wild).scale + (i === 1 ? h : 0),
        }),
      2,
    ],
    [
      wild,
      normal().fit(wild),
      (h, i) =>
        normal({ mean: normal().fit(wild).mean + (i === 0 ? h : 0), std: normal().fit(wild).std + (i === 1 ? h : 0) }),
      2,
    ],
  ]
  for (const [data, best, other, parameters] of cases) {
    const value = logLikelihood(best, data)
    for (let i = 0; i < parameters; i++) {
      for (const h of [-0.01, 0.01])
        expect(logLikelihood(other(h, i), data), `${best.name} ${i} ${h}`).toBeLessThanOrEqual(value)
    }
  }
  const box = uniform().fit(wild)
  expect([box.low, box.high]).toEqual([Math.min(...wild), Math.max(...wild)])
  expect(bernoulli().fit([1, 0, 1, 1]).p).toBe(0.75)
})

test("fits find the parameters of large samples again", () => {
  const n = 20_000
  const near = (got: number, expected: number): void => expect(Math.abs(got / expected - 1)).toBeLessThan(0.06)
  near(gamma({ shape: 1 }).fit(gamma({ shape: 0.3, scale: 4 }).sample(n, 1)).shape, 0.3)
  near(gamma({ shape: 1 }).fit(gamma({ shape: 300, scale: 4 }).sample(n, 2)).shape, 300)
  near(beta({ alpha: 1, beta: 1 }).fit(beta({ alpha: 20, beta: 3 }).sample(n, 3)).alpha, 20)
  near(chiSquared({ df: 1 }).fit(chiSquared({ df: 0.4 }).sample(n, 4)).df, 0.4)
  near(studentT({ df: 1 }).fit(studentT({ df: 3, loc: -2, scale: 5 }).sample(4000, 5)).scale, 5)
  near(levy({ loc: 2 }).fit(levy({ loc: 2, scale: 3 }).sample(n, 6)).scale, 3)
})

test("parameters out of range are refused with the law, the parameter, what was got and what was expected", () => {
  const refusals: [() => unknown, string][] = [
    [() => normal({ std: 0 }), "normal: std is 0, expected a finite number above 0"],
    [() => normal({ mean: Infinity }), "normal: mean is Infinity, expected a finite number"],
    [() => normal({ std: Number.NaN }), "normal: std is NaN"],
    [() => uniform({ low: 1, high: 1 }), "uniform: got low 1, high 1, expected low < high"],
    [() => exponential({ rate: -1 }), "exponential: rate is -1"],
    [() => laplace({ scale: 0 }), "laplace: scale is 0"],
    [() => gamma({ shape: 0 }), "gamma: shape is 0"],
    [() => gamma({ shape: 1, scale: -1 }), "gamma: scale is -1"],
    [() => gamma({ shape: 1, scale: 1, rate: 1 } as never), "gamma: got both scale and rate, expected one of them"],
    [() => chiSquared({ df: Number.NaN }), "chiSquared: df is NaN"],
    [() => studentT({ df: -1 }), "studentT: df is -1"],
    [() => fisherF({ df1: 1, df2: 0 }), "fisherF: df2 is 0"],
    [() => beta({ alpha: 0, beta: 1 }), "beta: alpha is 0"],
    [() => cauchy({ scale: Infinity }), "cauchy: scale is Infinity"],
    [() => levy({ scale: -2 }), "levy: scale is -2"],
    [() => bernoulli({ p: 1.2 }), "bernoulli: p is 1.2, expected a number from 0 to 1"],
    [() => binomial({ trials: 2.5 }), "binomial: trials is 2.5, expected an integer of at least 0"],
    [() => poisson({ rate: 0 }), "poisson: rate is 0"],
    [() => categorical({ probs: [0.5, 0.6] }), "categorical: probs adds up to 1.1, expected 1"],
    [() => categorical({ probs: [] }), "categorical: probs is empty"],
    [() => categorical({ logits: [0, Number.NaN] }), "categorical: logits[1] is NaN"],
    [() => empirical({ values: [] }), "empirical: values is empty"],
    [() => empirical({ values: [1, 2], probs: [1] }), "empirical: got 2 values and 1 probs"],
    [() => mixture({ components: [] }), "mixture: components is empty"],
    [() => mixture({ components: [normal()], weights: [0.5, 0.5] }), "mixture: got 1 components and 2 weights"],
    [() => mixture({ components: [normal(), poisson()] as never }), "mixture: got continuous and discrete components"],
    [() => affine(normal(), { scale: 0 }), "affine: scale is 0, expected another number"],
  ]
  for (const [make, message] of refusals) expect(make).toThrow(message)
})

test("points, shares, counts and observations out of range are refused by every law; nothing answers NaN", () => {
  const laws: Univariate[] = [
    normal(),
    uniform(),
    exponential(),
    laplace(),
    gamma({ shape: 2 }),
    chiSquared({ df: 2 }),
    studentT({ df: 3 }),
    fisherF({ df1: 2, df2: 3 }),
    beta({ alpha: 2, beta: 2 }),
    cauchy(),
    levy(),
    alphaStable({ alpha: 1.5, beta: 0.5 }),
    mixture({ components: [normal()] }),
    bernoulli(),
    binomial({ trials: 4 }),
    poisson(),
    empirical({ values: [1, 2] }),
  ]
  for (const law of laws) {
    const { name } = law
    for (const member of ["logProb", "cdf", "sf", "logCdf", "logSf"] as const) {
      expect(() => law[member](Number.NaN), `${name}.${member}`).toThrow(
        `${name}.${member}: x is NaN, expected a number`,
      )
      for (const x of [-Infinity, -1e300, -1, 0, 0.5, 1, 2, 1e300, Infinity]) {
        expect(Number.isNaN(law[member](x)), `${name}.${member}(${x})`).toBe(false)
      }
    }
    expect([law.cdf(-Infinity), law.cdf(Infinity), law.sf(-Infinity), law.sf(Infinity)]).toEqual([0, 1, 1, 0])
    expect([law.quantile(0), law.quantile(1)]).toEqual(law.support)
    expect([law.upperQuantile(1), law.upperQuantile(0)]).toEqual(law.support)
    for (const p of [-0.1, 1.1, Number.NaN]) {
      expect(() => law.quantile(p)).toThrow(`${name}.quantile: p is ${p}, expected a number from 0 to 1`)
      expect(() => law.upperQuantile(p)).toThrow(`${name}.upperQuantile: q is ${p}, expected a number from 0 to 1`)
    }
    expect(() => law.sample(-1)).toThrow(`${name}.sample: count is -1, expected an integer of at least 0`)
    expect(() => law.sample(1, -5)).toThrow("seed: got -5")
    expect(law.sample(0).length).toBe(0)
    expect(law.sample().length).toBe(1)
    if ("mgf" in law) expect(() => (law as unknown as Generating).mgf(Number.NaN)).toThrow(/NaN/)
    if ("fit" in law) {
      const fitting = law as unknown as Fitting<Univariate>
      expect(() => fitting.fit([]), name).toThrow(/fit: observations has 0 numbers, expected at least/)
      expect(() => fitting.fit([0.5, Number.NaN, 0.5]), name).toThrow(/fit: observations\[1\] is NaN/)
    }
    expect(Object.isFrozen(law)).toBe(true)
  }
  const bad: [() => unknown, string][] = [
    [() => gamma({ shape: 1 }).fit([1, -2]), "gamma.fit: observations[1] is -2, expected a number above 0"],
    [() => gamma({ shape: 1 }).fit([3, 3]), "gamma.fit: all 2 observations are 3"],
    [() => beta({ alpha: 1, beta: 1 }).fit([0.5, 1]), "beta.fit: observations[1] is 1"],
    [() => normal().fit([2, 2]), "normal.fit: all 2 observations are 2, std would be 0"],
    [() => cauchy().fit([1, 1, 1]), "cauchy.fit: all 3 observations are 1"],
    [() => cauchy().fit([1, 1, 1, 1, 5]), "the likelihood grows without bound as scale goes to 0"],
    [() => poisson().fit([1, 1.5]), "poisson.fit: observations[1] is 1.5, expected an integer"],
    [() => binomial({ trials: 3 }).fit([4]), "binomial.fit: observations[0] is 4, expected an integer from 0 to 3"],
    [() => bernoulli().fit([2]), "bernoulli.fit: observations[0] is 2, expected 0 or 1"],
    [() => levy({ loc: 1 }).fit([1]), "levy.fit: observations[0] is 1, expected above loc 1"],
    [() => exponential().fit([0]), "exponential.fit: all observations are 0"],
    [() => categorical({ probs: [1] }).fit([1]), "categorical.fit: observations[0] is 1, expected a class from 0 to 0"],
    [() => categorical({ probs: [1] }).logProb(Number.NaN), "categorical.logProb: k is NaN"],
  ]
  for (const [call, message] of bad) expect(call).toThrow(message)
  expect(generatorOf(3)).toBeInstanceOf(Generator)
})
