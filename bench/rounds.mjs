// Turns taken one after another, and the line of JSON that sums them up.
import { availableParallelism, loadavg } from "node:os"
import { least, matmulPeak, median, peakRss } from "./measure.mjs"
import { cpuSeconds, quiet, watch } from "./quiet.mjs"
import { variants } from "./torch.mjs"

/** Share of the processors that others may use in a turn that counts. */
const loud = 0.1

/** Steps of a training loop as `ours` of {@link compare}; `profiled` runs a few and says where their profile lies. */
export function stepper(training) {
  const run = training[Symbol.asyncIterator]()
  const ours = async (steps) => {
    const times = []
    for (let i = 0; i < steps; i++) {
      const start = performance.now()
      await run.next()
      times.push(performance.now() - start)
    }
    return times
  }
  ours.close = () => training.dispose()
  ours.profiled = async () => {
    await ours(8)
    console.log(await training.profile())
    await training.dispose()
  }
  return ours
}

/**
 * Measures `ours(steps, begun)` and every variant of PyTorch in turn, `rounds` times; each gives milliseconds a step.
 * Ours may call `begun` when it is ready, so that what came before counts for nothing.
 * `perStep` is what a step makes of images, `operations` its nominal arithmetic, `op` the request of PyTorch's side.
 * `model` and `settings` say what PyTorch's side builds, `names` in which variants.
 * `check(side)` compares results once the measuring is done; it returns whether they agree.
 */
export async function compare(options, { what, model, settings, names, ours, op, operations, perStep, check }) {
  const { rounds, steps, patience, threads, device } = options
  console.log(
    `${what}, ${threads} threads a side, device ${device}; ` +
      `${availableParallelism()} processors, load ${loadavg()[0].toFixed(1)} before we begin`,
  )
  const peaks = [await matmulPeak()]
  await ours(2)
  const found = await variants({ ...options, names }, { model, threads, ...settings }, (side) =>
    side.ask(op, { steps: 2 }),
  )
  const pids = [process.pid, ...[...found.values()].map(({ side }) => side.pid)]
  /** One turn, once the processors are quiet; threads of the side before have spun out by then too. */
  const turn = async (name, turns, pid, run) => {
    await quiet(patience, pids)
    const others = watch(pids)
    let before = cpuSeconds(pid)
    const now = await run(() => {
      before = cpuSeconds(pid)
    })
    const share = others() ?? 0
    turns.push({ now, share, cpu: ((cpuSeconds(pid) - before) * 1000) / now.length })
    return `${name} ${median(now).toFixed(1)} (min ${least(now).toFixed(1)}${share > loud ? `, others ${Math.round(100 * share)} %` : ""})`
  }
  const mine = []
  for (let round = 1; round <= rounds; round++) {
    const words = [await turn("ours", mine, process.pid, (begun) => ours(steps, begun))]
    for (const [variant, { side, turns }] of found)
      words.push(await turn(variant, turns, side.pid, () => side.ask(op, { steps })))
    console.log(`round ${round}: ${words.join(", ")} ms a step`)
  }
  // Where every side had quiet turns, only those count.
  const all = [mine, ...[...found.values()].map(({ turns }) => turns)]
  const quietEnough = all.every((turns) => turns.some(({ share }) => share <= loud))
  const kept = (turns) => turns.filter(({ share }) => !quietEnough || share <= loud).flatMap(({ now }) => now)
  const [total, used] = [all.flat().length, all.flat().filter(({ share }) => share <= loud).length]
  if (used < total)
    console.log(
      quietEnough
        ? `others were busy in ${total - used} of ${total} turns, which are left out`
        : "others used the processors throughout: believe the minima at most, or measure again",
    )
  const times = kept(mine)
  const cpu = (turns) => least(turns.map((t) => t.cpu))
  for (const side of found.values()) side.times = kept(side.turns)
  if (mine[0].cpu >= 0) {
    const list = [["ours", mine], ...[...found].map(([variant, { turns }]) => [variant, turns])]
    console.log(
      `processor time a step: ${list.map(([name, turns]) => `${name} ${cpu(turns).toFixed(0)}`).join(", ")} ms`,
    )
  }
  peaks.push(await matmulPeak())
  const rss = peakRss()
  const eager = [...found].filter(([variant]) => variant !== "compile").map(([, turn]) => turn)
  const best = eager.toSorted((a, b) => least(a.times) - least(b.times))[0]
  const compiled = found.get("compile")
  const theirRss = best && (await best.side.ask("rss"))
  let agrees = true
  if (best !== undefined && check !== undefined) agrees = await check(best.side)
  for (const { side } of found.values()) side.close()
  await ours.close?.()

  const digits = (value, n) => (value === undefined || !Number.isFinite(value) ? null : Number(value.toFixed(n)))
  const rate = (all) => (all === undefined ? undefined : (perStep * 1000) / least(all))
  const peak = Math.max(...peaks)
  const done = operations / (least(times) / 1000)
  console.log(
    `${(operations / 1e9).toFixed(1)} nominal Gflop a step, ${(done / 1e9).toFixed(0)} Gflop/s; one large matrix product ${(peak / 1e9).toFixed(0)} Gflop/s`,
  )
  const quotient = (of, turn) => (turn === undefined ? undefined : of(turn.times) / of(times))
  const compiledToo = compiled && {
    ratio_compile_min: digits(quotient(least, compiled), 3),
    torch_compile_images_per_second: digits(rate(compiled.times), 1),
  }
  console.log(
    JSON.stringify({
      ratio_min: digits(quotient(least, best), 3),
      ratio_median: digits(quotient(median, best), 3),
      images_per_second: digits(rate(times), 1),
      torch_images_per_second: digits(rate(best?.times), 1),
      torch_version: best?.version ?? null,
      peak_rss_mb: digits(rss, 0),
      torch_peak_rss_mb: digits(theirRss, 0),
      share_of_matmul_peak: digits(done / peak, 3),
      ...compiledToo,
      ratio_cpu: best && threads === 1 ? digits(least(eager.map(({ turns }) => cpu(turns))) / cpu(mine), 3) : null,
      quiet: quietEnough,
    }),
  )
  if (!agrees) process.exitCode = 1
}
