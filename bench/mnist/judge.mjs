/** The judge of MNIST digits: our LeNet, trained here once on the real ones, and the test digits it compares with. */
import { existsSync } from "node:fs"
import { mkdir, readFile } from "node:fs/promises"
import { dirname } from "node:path"
import { loader, mnist, range, subset } from "../../dist/data/index.js"
import { Generator } from "../../dist/index.js"
import { readSafetensors, writeFileAtomic, writeSafetensors } from "../../dist/io/index.js"
import { accuracy, evaluateSets, lenetFeatures, lenetFrom, readSet } from "../../dist/metrics/index.js"
import { stateDict } from "../../dist/nn/index.js"
import { trainLeNet } from "../../dist/recipes/index.js"

const file = "runs/judge/lenet.safetensors"

/** The LeNet: from its file, or trained (five epochs, a minute or two) and written there. */
async function judge(data) {
  if (existsSync(file)) return lenetFrom(readSafetensors(new Uint8Array(await readFile(file))).tensors)
  const { network, steps, training } = trainLeNet(await mnist({ split: "train", ...data }))
  for await (const { step, loss } of training)
    if (step % 500 === 0) console.error(`LeNet ${step}/${steps} loss ${loss.toFixed(4)}`)
  await mkdir(dirname(file), { recursive: true })
  await writeFileAtomic(file, writeSafetensors(await stateDict(network)))
  return network
}

const argMax = (p) => p.indexOf(Math.max(...p))
const rowsIn = ({ shape: [n, width], data }) =>
  Array.from({ length: n }, (_, i) => data.slice(i * width, (i + 1) * width))

/** Images of a data set, batch by batch. */
export function* imagesOf(set) {
  for (const { x } of loader(set, { batch: 100, shuffle: false, dropLast: false }).epoch()) yield x
}

/** Test digits in an order by a fixed seed: the first thousand of the files are of tidier writers than the last. */
export function shuffled(test) {
  return new Generator(0).permutation(test.length)
}

/**
 * `own` is `count` test digits drawn by a fixed seed ({@link shuffled}), `real` their images, and the reference is all the others. `judged(name, images)` gives FID, precision, recall, density and coverage to the reference,
 * and for each image its class, how sure the judge is of it, and its features.
 */
export async function openJudge({ dataDir, count = 1000, metrics = ["fid", "pr"] } = {}) {
  const data = dataDir === undefined ? {} : { dir: dataDir }
  const test = await mnist({ split: "test", ...data })
  const network = await lenetFeatures(await judge(data))
  const order = shuffled(test)
  const [own, others] = [order.slice(0, count), order.slice(count)].map((part) => subset(test, [...part]))
  const reference = await readSet("other test digits", imagesOf(others), { metrics, network, isReference: true })

  async function judged(name, images) {
    const rows = []
    const listening = {
      name: network.name,
      async read(x) {
        const reading = await network.read(x)
        const [features, odds] = [reading.features, reading.probabilities].map(rowsIn)
        rows.push(...features.map((own, i) => ({ features: own, odds: odds[i] })))
        return reading
      },
    }
    const set = await readSet(name, images, { metrics, network: listening })
    const reports = await evaluateSets(set, reference, { metrics })
    return {
      n: rows.length,
      ...Object.fromEntries(reports.map(({ measure, value }) => [measure, value])),
      classes: rows.map(({ odds }) => argMax(odds)),
      sure: rows.map(({ odds }) => Math.max(...odds)),
      rows,
    }
  }

  return {
    name: network.name,
    referenceCount: reference.count,
    test,
    own,
    real: () => imagesOf(own),
    judged,
    /** Share of all test digits that the judge tells. */
    async accuracy() {
      const guesses = []
      for (const x of imagesOf(test)) {
        guesses.push(...rowsIn((await network.read(x)).probabilities).map(argMax))
      }
      return accuracy([...test.batch(range(test.length)).y.data], guesses)
    },
  }
}
