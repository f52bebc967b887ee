/** Generated images measured as the field measures them, each number with what it depends on. */
import { type Batches, FeatureBank, rowsOf } from "./batches.ts"
import { fid } from "./fid.ts"
import { inceptionScore } from "./inception.ts"
import { kid } from "./kid.ts"
import { manifolds } from "./manifold.ts"
import { featureMmd } from "./mmd.ts"
import { type FeatureStatistics, MomentStream, type SignalOptions } from "./moments.ts"
import { type FeatureNetwork, pixels, type ReadingOptions, readingsOf } from "./network.ts"

/** Measures by the names they are asked for: `pr` gives precision, recall, density and coverage, `is` the inception score. */
export const measureNames = ["fid", "kid", "is", "pr", "mmd"] as const

/** A name in {@link measureNames}. */
export type MeasureName = (typeof measureNames)[number]

/** One number and what it depends on: plain JSON. */
export interface MeasureReport {
  readonly measure: "fid" | "kid" | "is" | "precision" | "recall" | "density" | "coverage" | "mmd"
  readonly value: number
  /** Deviation over subsets or splits, where there are any. */
  readonly std?: number
  /** Generated images. */
  readonly n: number
  /** Name of the network. */
  readonly features: string
  /** Features an image (classes, for the inception score). */
  readonly width: number
  /** Name of what they were compared with, and how many that was; `null` for the inception score. */
  readonly reference: string | null
  readonly referenceCount: number | null
  /** Seed of subsets and orders; where nothing is drawn it changes nothing. */
  readonly seed: number
  /** What else the number depends on. */
  readonly settings: Readonly<Record<string, number | string>>
}

/** What is known of a set of images: as much as the measures need. Made by {@link readSet}. */
export interface MeasuredSet {
  readonly name: string
  readonly count: number
  /** Name of the network. */
  readonly features: string
  readonly width: number
  /** Shades that pixels were rounded to, or `null`. */
  readonly levels: number | null
  readonly statistics?: FeatureStatistics
  readonly bank?: FeatureBank
  readonly probabilities?: FeatureBank
}

/** Options of {@link readSet}. */
export interface ReadSetOptions extends ReadingOptions {
  readonly metrics?: readonly MeasureName[]
  readonly network?: FeatureNetwork
  /** Whether probabilities are kept, where a measure needs them: of references none does. */
  readonly isReference?: boolean
}

/** Options of {@link evaluateSets}. */
export interface EvaluateSetsOptions extends SignalOptions {
  readonly metrics?: readonly MeasureName[]
  /** Seed of subsets and orders. */
  readonly seed?: number
  /** Subsets of KID. */
  readonly subsets?: number
  /** Rows of each subset of KID. */
  readonly size?: number
  /** Rows of each set that MMD takes. */
  readonly mmdSize?: number
  /** Parts of the inception score. */
  readonly splits?: number
  /** Neighbours of precision and recall. */
  readonly neighbours?: number
  /** Neighbours of density and coverage. */
  readonly densityNeighbours?: number
}

/** Options of {@link evaluateImages}. */
export interface EvaluateOptions extends ReadingOptions, EvaluateSetsOptions {
  /** What makes features of images; their pixels by default. */
  readonly network?: FeatureNetwork
}

const has = (metrics: readonly MeasureName[], ...names: MeasureName[]): boolean =>
  names.some((name) => metrics.includes(name))

function checkedMetrics(where: string, metrics: readonly MeasureName[]): void {
  const bad = metrics.find((name) => !measureNames.includes(name))
  if (bad !== undefined || metrics.length === 0) {
    throw new RangeError(
      `${where}: metrics has ${bad === undefined ? "no name" : JSON.stringify(bad)}, expected some of ${measureNames.join(", ")}`,
    )
  }
}

/**
 * Reads a stream of images [batch, channels, height, width] once, and keeps what the measures need: for `fid` mean and
 * covariance, for `is` the class probabilities, for the others all features. A reference is read once for many sets.
 *
 * @throws RangeError for images of several shapes or not finite, no images, or `is` with a network that does not classify.
 */
export async function readSet(
  name: string,
  images: Batches,
  { metrics = ["fid"], network = pixels, isReference = false, ...options }: ReadSetOptions = {},
): Promise<MeasuredSet> {
  checkedMetrics("readSet", metrics)
  const where = `readSet (${name})`
  const moments = has(metrics, "fid") ? new MomentStream(where) : undefined
  const bank = has(metrics, "kid", "pr", "mmd") ? new FeatureBank(where) : undefined
  const odds = has(metrics, "is") && !isReference ? new FeatureBank(where) : undefined
  let count = 0
  let width: number | undefined
  try {
    for await (const { features, probabilities } of readingsOf(where, images, network, options)) {
      const rows = rowsOf(where, features, width)
      width = rows.width
      count += rows.count
      await moments?.add(rows)
      bank?.add(rows)
      if (odds === undefined) continue
      if (probabilities === undefined)
        throw new RangeError(`${where}: ${network.name} gives no probabilities, which the inception score needs`)
      odds.add(rowsOf(where, probabilities))
    }
    if (width === undefined) throw new RangeError(`${where}: there are no images, expected some`)
    const statistics = await moments?.finish()
    return {
      name,
      count,
      features: network.name,
      width,
      levels: options.levels === undefined ? 256 : options.levels,
      ...(statistics && { statistics }),
      ...(bank && { bank }),
      ...(odds && { probabilities: odds }),
    }
  } finally {
    await moments?.dispose()
  }
}

/**
 * The measures of a set beside a reference, both from {@link readSet}: one record for each number, in the order asked for.
 *
 * @throws RangeError for sets of two networks, or one that was read for other measures.
 */
export async function evaluateSets(
  generated: MeasuredSet,
  reference: MeasuredSet,
  {
    metrics = ["fid"],
    seed = 0,
    subsets,
    size,
    mmdSize = 1000,
    splits = 10,
    neighbours = 3,
    densityNeighbours = 5,
    signal,
  }: EvaluateSetsOptions = {},
): Promise<readonly MeasureReport[]> {
  const where = "evaluateSets"
  checkedMetrics(where, metrics)
  if (generated.features !== reference.features) {
    throw new RangeError(
      `${where}: ${generated.name} has features of ${generated.features}, ${reference.name} of ${reference.features}, expected one network`,
    )
  }
  if (generated.levels !== reference.levels) {
    throw new RangeError(
      `${where}: ${generated.name} was rounded to ${generated.levels ?? "no"} levels, ${reference.name} to ${reference.levels ?? "none"}, expected the same`,
    )
  }
  const need = <T>(what: T | undefined, set: MeasuredSet, metric: MeasureName): T => {
    if (what !== undefined) return what
    throw new RangeError(`${where}: ${set.name} was not read for ${metric} (name it in the metrics of readSet)`)
  }
  const banks = (metric: MeasureName): [FeatureBank, FeatureBank] => [
    need(generated.bank, generated, metric),
    need(reference.bank, reference, metric),
  ]
  const heard = signal === undefined ? {} : { signal }
  const report = (
    measure: MeasureReport["measure"],
    value: number,
    settings: MeasureReport["settings"] = {},
    std?: number,
  ): MeasureReport => ({
    measure,
    value,
    ...(std !== undefined && { std }),
    n: generated.count,
    features: generated.features,
    width: generated.width,
    reference: reference.name,
    referenceCount: reference.count,
    seed,
    settings: generated.levels === null ? settings : { ...settings, levels: generated.levels },
  })

  const reports: MeasureReport[] = []
  for (const metric of metrics) {
    signal?.throwIfAborted()
    if (metric === "fid") {
      const pair = [generated, reference].map((set) => need(set.statistics, set, metric))
      reports.push(report("fid", await fid(pair[0], pair[1])))
    } else if (metric === "kid") {
      const options = { ...(subsets !== undefined && { subsets }), ...(size !== undefined && { size }) }
      const found = await kid(...banks(metric), { ...options, seed, ...heard })
      reports.push(report("kid", found.value, { subsets: found.subsets, size: found.size }, found.std))
    } else if (metric === "mmd") {
      const value = await featureMmd(...banks(metric), { size: mmdSize, seed, ...heard })
      reports.push(report("mmd", value, { kernel: "gaussian", bandwidth: "median", size: mmdSize }))
    } else if (metric === "pr") {
      const { closed, open } = await manifolds(
        where,
        banks(metric),
        { closed: neighbours, open: densityNeighbours },
        signal,
      )
      reports.push(report("precision", closed.precision, { neighbours }))
      reports.push(report("recall", closed.recall, { neighbours }))
      reports.push(report("density", open.density, { neighbours: densityNeighbours }))
      reports.push(report("coverage", open.coverage, { neighbours: densityNeighbours }))
    } else {
      const odds = need(generated.probabilities, generated, metric)
      const { value, std } = await inceptionScore(odds, { splits, seed })
      const score = report("is", value, { splits }, std)
      reports.push({ ...score, width: odds.width, reference: null, referenceCount: null })
    }
  }
  return reports
}

/** Real images to compare with, and what to call them in the reports. */
export interface ReferenceImages {
  readonly name: string
  readonly images: Batches
}

/**
 * Measures of generated images beside real ones, each read once, batch by batch. Both are streams of
 * [batch, channels, height, width] in `range`; the reference may also be a set that {@link readSet} has read.
 *
 * @example
 * for (const { measure, value, n, features, reference } of await evaluateImages(samples, { name: "mnist test", images: real },
 *   { metrics: ["fid", "kid", "pr"], network: await lenetFeatures(net) })) console.log(measure, value, n, features, reference)
 * @throws RangeError as {@link readSet} and the measures do, by their names.
 */
export async function evaluateImages(
  images: Batches,
  reference: ReferenceImages | MeasuredSet,
  { metrics = ["fid"], network = pixels, batch, range, levels, signal, ...options }: EvaluateOptions = {},
): Promise<readonly MeasureReport[]> {
  const reading = {
    metrics,
    network,
    ...(batch !== undefined && { batch }),
    ...(range !== undefined && { range }),
    ...(levels !== undefined && { levels }),
    ...(signal !== undefined && { signal }),
  }
  const real =
    "count" in reference
      ? reference
      : await readSet(reference.name, reference.images, { ...reading, isReference: true })
  const made = await readSet("generated", images, reading)
  return evaluateSets(made, real, { ...options, metrics, ...(signal !== undefined && { signal }) })
}
