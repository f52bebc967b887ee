/** The CPU device: ONNX Runtime's blocked convolutions, written directly, with parameters and activations kept in blocks. */
import type { Composition } from "../../simplify.ts"
import type { Arrangement } from "../../state.ts"
import type { Device } from "../device.ts"
import { activationCompositions, activationRules } from "./activation.ts"
import { affineRules } from "./affine.ts"
import { batchNormCompositions } from "./batchnorm.ts"
import { blindRules } from "./blind.ts"
import { type Blocks, intoBlocks, outOfBlocks } from "./blocks.ts"
import { concatCompositions } from "./concat.ts"
import { convRules } from "./conv.ts"
import { convCompositions } from "./convolve.ts"
import { gradientRules } from "./gradient.ts"
import { withGuard } from "./guard.ts"
import { place, type Rule } from "./layout.ts"
import { linearCompositions } from "./linear.ts"
import { normCompositions } from "./norm.ts"
import { poolCompositions, poolRules } from "./pool.ts"
import { rowCompositions } from "./rows.ts"
import { spreadRules } from "./spread.ts"
import { foldSums } from "./sum.ts"
import { upsampleCompositions, upsampleRules } from "./upsample.ts"

const rules: ReadonlyMap<string, Rule> = new Map([
  ...blindRules,
  ...convRules,
  ...gradientRules,
  ...spreadRules,
  ...upsampleRules,
  ...affineRules,
  ...activationRules,
  ...poolRules,
])

function arrangement(blocks: Blocks, block: number): Arrangement {
  return {
    blocks,
    block,
    into: (value) => intoBlocks(value, blocks, block),
    outOf: (value) => outOfBlocks(value, blocks, block),
  }
}

/** What has no elements is left as it is: some of the operators that are faster refuse it. */
function withElements(composition: Composition): Composition {
  return (inputs, attrs) => (inputs.some((t) => t.shape.includes(0)) ? undefined : composition(inputs, attrs))
}

/** The device for blocks of the given size, which is the processor's: 8 or 16. */
export function cpu(block: number, isCareful = false): Device {
  const compositions: ReadonlyMap<string, Composition> = new Map([
    ...concatCompositions,
    ...convCompositions(block),
    ...upsampleCompositions(block),
    ...linearCompositions,
    ...normCompositions(isCareful),
    ...activationCompositions,
    ...batchNormCompositions,
    ...rowCompositions,
    ...poolCompositions,
  ])
  return {
    name: "cpu",
    compositions: new Map([...compositions].map(([name, of]) => [name, withElements(of)])),
    ...(!isCareful && { careful: cpu(block, true) }),
    adapt: (program, stored) => {
      const { graph, isGuarded } = withGuard(program)
      const placed = place(foldSums(graph), {
        rules,
        block,
        native: true,
        stored: (variable) => {
          const known = stored(variable)
          return known === null ? [] : known?.blocks
        },
      })
      const blocked = [...placed.orders].filter(([, order]) => order.length > 0)
      const arrangements = new Map(blocked.map(([variable, order]) => [variable, arrangement(order, block)]))
      return { graph: placed.graph, isGuarded, arrangements }
    },
  }
}
