/** Which device programs are written for. */
import { engineOptions, isNode } from "../runtime.ts"
import { cpu } from "./cpu/cpu.ts"
import { agree, probeBlock } from "./cpu/probe.ts"
import type { Device } from "./device.ts"
import { portable } from "./portable.ts"

let probed: Promise<Device | undefined> | undefined

async function probe(): Promise<Device | undefined> {
  const block = await probeBlock()
  if (block === undefined) return undefined
  const device = cpu(block)
  return (await agree(device, portable, block)) ? device : undefined
}

/**
 * The device in force: the portable one where it was asked for, in browsers, and where the CPU's does not pass its probe.
 *
 * @throws Error when the CPU device was asked for and does not pass.
 */
export async function chosenDevice(): Promise<Device> {
  const { device: wanted } = engineOptions()
  if (wanted === "portable" || !isNode()) return portable
  probed ??= probe()
  const device = await probed
  if (device === undefined && wanted === "cpu") {
    throw new Error(
      "device: cpu was asked for, but this ONNX Runtime lacks its operators or they give other numbers (use auto)",
    )
  }
  return device ?? portable
}
