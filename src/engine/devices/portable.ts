/** The device that is every machine: standard operators and row-major values only. */
import { variablesOf } from "../trace.ts"
import { place } from "./cpu/layout.ts"
import type { Device } from "./device.ts"

/** Leaves programs as they are, but for variables that another device has put in an order of its own. */
export const portable: Device = {
  name: "portable",
  compositions: new Map(),
  adapt: (graph, stored) => {
    const arranged = variablesOf(graph).flatMap((v) => stored(v) ?? [])
    const arrangements = new Map()
    if (arranged.length === 0) return { graph, arrangements }
    const options = { rules: new Map(), block: arranged[0].block, native: false }
    return { graph: place(graph, { ...options, stored: (v) => stored(v)?.blocks ?? [] }).graph, arrangements }
  },
}
