// What others do with the processors while we measure. Linux tells; elsewhere nothing is known.
import { readFileSync } from "node:fs"
import { availableParallelism } from "node:os"
import { pause } from "./measure.mjs"

/** Ticks a second in which Linux counts processor time. */
const tick = 100

/** Seconds of processor time that a process has used, all its threads together; undefined where nobody tells. */
export function cpuSeconds(pid) {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ").at(-1).split(" ").map(Number)
    return (fields[11] + fields[12]) / tick
  } catch {
    return undefined
  }
}

/** Seconds of processor time used by all, and by the given processes, since they began. */
function used(pids) {
  const own = pids.map(cpuSeconds)
  if (own.includes(undefined)) return undefined
  const [user, nice, system, , , irq, softirq] = readFileSync("/proc/stat", "utf8").split(/\s+/).slice(1).map(Number)
  return { all: (user + nice + system + irq + softirq) / tick, own: own.reduce((a, b) => a + b, 0) }
}

/** Starts a watch over others; calling it gives the share of all processors that they have used since. */
export function watch(pids) {
  const before = used(pids)
  const start = performance.now()
  return () => {
    const after = used(pids)
    if (before === undefined || after === undefined) return undefined
    const seconds = (performance.now() - start) / 1000
    const others = after.all - before.all - (after.own - before.own)
    return Math.min(1, Math.max(0, others / seconds / availableParallelism()))
  }
}

/** Waits until others have left the processors alone for half a second, at most so many seconds. */
export async function quiet(seconds, pids) {
  const end = performance.now() + seconds * 1000
  for (;;) {
    const others = watch(pids)
    await pause(500)
    if ((others() ?? 0) < 0.1 || performance.now() > end) return
  }
}
