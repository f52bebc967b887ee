import { expect, test } from "vitest"
import { Generator } from "../../engine/random.ts"
import type { Continuous, Discrete } from "../law.ts"
import { lgamma } from "../special/gamma.ts"
import { affine } from "./affine.ts"
import { type AlphaStable, alphaStable } from "./alpha-stable.ts"
import { bernoulli } from "./bernoulli.ts"
import { beta } from "./beta.ts"
import { binomial } from "./binomial.ts"
import { categorical } from "./categorical.ts"
import { cauchy } from "./cauchy.ts"
import { chiSquared } from "./chi-squared.ts"
import { dirichlet } from "./dirichlet.ts"
import { empirical } from "./empirical.ts"
import { exponential } from "./exponential.ts"
import { fisherF } from "./fisher-f.ts"
import { gamma } from "./gamma.ts"
import { laplace } from "./laplace.ts"
import { levy } from "./levy.ts"
import { mixture } from "./mixture.ts"
import { normal } from "./normal.ts"
import { poisson } from "./poisson.ts"
import { studentT } from "./student-t.ts"
import { uniform } from "./uniform.ts"

const wide = (g: Generator, low: number, high: number): number => Math.exp(g.uniform(Math.log(low), Math.log(high)))
const eps = 2 ** -52

const continuousFamilies: Record<string, (g: Generator) => Continuous> = {
  normal: (g) => normal({ mean: g.uniform(-100, 100), std: wide(g, 1e-3, 1e3) }),
  uniform: (g) => uniform({ low: g.uniform(-100, 0), high: g.uniform(0.01, 100) }),
  exponential: (g) => exponential({ rate: wide(g, 1e-6, 1e6) }),
  laplace: (g) => laplace({ loc: g.uniform(-100, 100), scale: wide(g, 1e-3, 1e3) }),
  gamma: (g) => gamma({ shape: wide(g, 1e-2, 1e5), rate: wide(g, 1e-3, 1e3) }),
  chiSquared: (g) => chiSquared({ df: wide(g, 0.05, 1e5) }),
  studentT: (g) => studentT({ df: wide(g, 0.2, 1e6), loc: g.uniform(-10, 10), scale: wide(g, 1e-2, 1e2) }),
  fisherF: (g) => fisherF({ df1: wide(g, 0.1, 1e4), df2: wide(g, 0.1, 1e4) }),
  beta: (g) => beta({ alpha: wide(g, 1e-2, 1e4), beta: wide(g, 1e-2, 1e4) }),
  cauchy: (g) => cauchy({ loc: g.uniform(-100, 100), scale: wide(g, 1e-3, 1e3) }),
  levy: (g) => levy({ loc: g.uniform(-100, 100), scale: wide(g, 1e-3, 1e3) }),
  mixture: (g) =>
    mixture({
      components: [normal({ mean: g.uniform(-50, 0) }), cauchy({ loc: g.uniform(0, 50) })],
      weights: [0.3, 0.7],
    }),
  affine: (g) => affine(gamma({ shape: wide(g, 0.3, 100) }), { scale: -wide(g, 0.01, 100), shift: g.uniform(-5, 5) }),
}

const discreteFamilies: Record<string, (g: Generator) => Discrete> = {
  bernoulli: (g) => bernoulli({ p: g.uniform() }),
  binomial: (g) => binomial({ trials: Math.floor(wide(g, 1, 1e6)), p: g.uniform() }),
  poisson: (g) => poisson({ rate: wide(g, 1e-3, 1e6) }),
  empirical: (g) => empirical({ values: [g.uniform(), g.uniform(), 3, 3, 7], probs: [0.1, 0.2, 0.3, 0.15, 0.25] }),
  mixture: (g) => mixture({ components: [poisson({ rate: wide(g, 0.1, 100) }), bernoulli()], weights: [0.6, 0.4] }),
}

/** What one law breaks at one share of either tail; undefined when nothing. */
function faultOf(law: Continuous, share: number, isLower: boolean): string | undefined {
  const x = isLower ? law.quantile(share) : law.upperQuantile(share)
  const at = `${law.name} at ${x}, ${isLower ? "lower" : "upper"} share ${share}`
  const [low, high] = law.support
  if (!(x >= low && x <= high)) return `${at}: outside the support`
  const log = law.logProb(x)
  if (Number.isNaN(log) || law.pdf(x) !== Math.exp(log)) return `${at}: density ${law.pdf(x)}, log ${log}`
  const [lower, upper] = [law.cdf(x), law.sf(x)]
  if (!(Math.abs(lower + upper - 1) < 1e-12)) return `${at}: tails ${lower} and ${upper}`
  // 0 and the ends of the support stand for all that rounds to them
  if (x === low || x === high || Math.abs(x) < 1e-280 || Math.abs(x) > 1e280) return undefined
  const got = isLower ? lower : upper
  // one rounding of x moves its share by |x| pdf / share
  const rounding = (eps * Math.max(Math.abs(x), 100) * law.pdf(x)) / got
  if (!(Math.abs(got / share - 1) < 1e-11 + 8 * rounding)) return `${at}: share ${got}`
  const logShare = isLower ? law.logCdf(x) : law.logSf(x)
  if (!(Math.abs(logShare - Math.log(got)) < 1e-11 * Math.max(1, Math.abs(logShare)))) return `${at}: log ${logShare}`
  return undefined
}

/** What one discrete law breaks; undefined when nothing. */
function discreteFaultOf(law: Discrete, share: number, isLower: boolean, unit: number): string | undefined {
  const x = isLower ? law.quantile(share) : law.upperQuantile(share)
  const at = `${law.name} at ${x}, ${isLower ? "lower" : "upper"} share ${share}`
  if (!(Math.abs(law.cdf(x) + law.sf(x) - 1) < 1e-12)) return `${at}: tails ${law.cdf(x)} and ${law.sf(x)}`
  if (!(law.pmf(x) >= 0)) return `${at}: mass ${law.pmf(x)}`
  const isFirst = x - unit < law.support[0]
  if (isLower) {
    if (!(law.cdf(x) >= share * (1 - 1e-13))) return `${at}: cdf ${law.cdf(x)}`
    if (!(law.cdf(x - unit) < share)) return `${at}: cdf before ${law.cdf(x - unit)}`
  } else {
    if (!(law.sf(x) <= share * (1 + 1e-13))) return `${at}: sf ${law.sf(x)}`
    if (!isFirst && !(law.sf(x - unit) > share)) return `${at}: sf before ${law.sf(x - unit)}`
  }
  return undefined
}

for (const [name, family] of Object.entries(continuousFamilies)) {
  test(`${name}: on 10,000 random inputs quantiles undo both tails, which add up to 1`, () => {
    const g = new Generator(11)
    for (let i = 0; i < 10_000; i++) {
      const fault = faultOf(family(g), wide(g, 1e-60, 0.5), i % 2 === 0)
      if (fault !== undefined) expect.fail(fault)
    }
  })
}

test("alphaStable: on 10,000 random inputs the tails add up to 1 and rise, and quantiles undo them on 300 more", () => {
  const g = new Generator(12)
  const family = (): AlphaStable =>
    alphaStable({ alpha: g.uniform(0.3, 2), beta: g.uniform(-1, 1), scale: wide(g, 0.1, 10), loc: g.uniform(-3, 3) })
  for (let i = 0; i < 10_000; i++) {
    const law = family()
    const x = g.normal() * wide(g, 0.01, 1e4)
    const cdf = law.cdf(x)
    const at = `alpha ${law.alpha}, beta ${law.beta}, scale ${law.scale}, loc ${law.loc} at ${x}`
    if (!(cdf >= 0 && cdf <= 1)) expect.fail(`${at}: cdf ${cdf}`)
    if (i % 10 > 0) continue
    if (!(Math.abs(cdf + law.sf(x) - 1) < 1e-10)) expect.fail(`${at}: cdf ${cdf}, sf ${law.sf(x)}`)
    if (!(law.cdf(x + 0.1) >= cdf - 1e-12)) expect.fail(`${at}: cdf ${cdf} falls`)
    if (!(law.pdf(x) >= 0)) expect.fail(`${at}: density ${law.pdf(x)}`)
  }
  for (let i = 0; i < 300; i++) {
    const law = family()
    const share = wide(g, 1e-12, 0.5)
    const x = i % 2 === 0 ? law.quantile(share) : law.upperQuantile(share)
    const got = i % 2 === 0 ? law.cdf(x) : law.sf(x)
    const rounding = (eps * (Math.abs(x) + 10) * law.pdf(x)) / got
    expect(Math.abs(got / share - 1), `alpha ${law.alpha}, beta ${law.beta}: ${share} at ${x}`).toBeLessThan(
      1e-8 + 8 * rounding,
    )
  }
})

for (const [name, family] of Object.entries(discreteFamilies)) {
  test(`${name}: on 10,000 random inputs a quantile is the first point that reaches its share`, () => {
    const g = new Generator(13)
    for (let i = 0; i < 10_000; i++) {
      const fault = discreteFaultOf(family(g), wide(g, 1e-40, 0.999), i % 2 === 0, name === "empirical" ? 1e-9 : 1)
      if (fault !== undefined) expect.fail(fault)
    }
  })
}

test("categorical and dirichlet: 10,000 random laws answer no NaN, keep their bounds and undo their own draws", () => {
  const g = new Generator(14)
  for (let i = 0; i < 10_000; i++) {
    const k = 2 + g.integer(5)
    const shares = dirichlet({ concentration: Float64Array.from({ length: k }, () => wide(g, 0.05, 50)) })
    const probs = shares.sample(1, g).data
    const at = `${shares.concentration}: ${probs}`
    if (Math.abs(probs.reduce((a, b) => a + b, 0) - 1) > 1e-12) expect.fail(at)
    if (probs.every((p) => p > 0) && !Number.isFinite(shares.logProb(probs))) expect.fail(at)
    if (!(shares.entropy() <= -lgamma(k) + 1e-9)) expect.fail(`${at}: entropy ${shares.entropy()} above the flat law's`)
    const law = categorical({ probs })
    const entropy = law.entropy()
    if (!(entropy >= 0 && entropy <= Math.log(k) + 1e-12)) expect.fail(at)
    const draw = law.sample(1, g)[0]
    if (!(law.pmf(draw) > 0)) expect.fail(at)
    // logits are log-probabilities up to a constant
    const again = categorical({ logits: probs.map((p) => Math.log(p) + 3) })
    if (!(Math.abs(again.pmf(draw) - law.pmf(draw)) < 1e-13)) expect.fail(at)
  }
})
