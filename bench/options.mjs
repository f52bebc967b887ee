// Options that the benches share.
import { parseArgs } from "node:util"

const shared = {
  size: { type: "string", default: "28", doc: "height and width of the images" },
  batch: { type: "string", default: "64", doc: "images a step" },
  width: { type: "string", default: "32", doc: "channels of the first level" },
  multipliers: { type: "string", default: "1,2,4", doc: "channels of each level, as multiples of the width" },
  layers: { type: "string", default: "1", doc: "residual blocks a level" },
  rounds: { type: "string", default: "5", doc: "rounds; in each, everyone has a turn" },
  steps: { type: "string", default: "5", doc: "timed steps a turn" },
  threads: { type: "string", default: "2", doc: "threads of each side" },
  patience: { type: "string", default: "15", doc: "seconds to wait, before each turn, for others to be quiet" },
  device: { type: "string", default: "auto", doc: "lowering of our side: portable, cpu or auto" },
  torch: { type: "boolean", default: true, doc: "PyTorch beside us (--no-torch: alone)" },
  profile: { type: "string", doc: "prefix of a profile of our step; nothing else is measured" },
  compile: { type: "boolean", default: true, doc: "torch.compile as well (--no-compile: eager only)" },
}

function fail(message) {
  console.error(`bench: ${message}`)
  process.exit(2)
}

/** The options of a command line, checked. `more` adds options of one bench. */
export function optionsOf(args, more = {}) {
  const all = { ...shared, ...more }
  let values
  try {
    values = parseArgs({
      args,
      allowNegative: true,
      options: { help: { type: "boolean", default: false }, ...all },
    }).values
  } catch (error) {
    fail(error.message)
  }
  if (values.help) {
    for (const [name, { doc, default: fallback }] of Object.entries(all))
      console.log(`  --${name.padEnd(12)} ${doc}${fallback === undefined ? "" : ` [${fallback}]`}`)
    process.exit(0)
  }
  const whole = (name) => {
    const n = Number(values[name])
    if (!(Number.isInteger(n) && n >= 1)) fail(`--${name} is ${values[name]}, expected a whole number from 1`)
    return n
  }
  const multipliers = values.multipliers.split(",").map(Number)
  if (multipliers.some((m) => !(Number.isInteger(m) && m >= 1)))
    fail(`--multipliers is ${values.multipliers}, expected numbers such as 1,2,4`)
  if (!["portable", "cpu", "auto"].includes(values.device))
    fail(`--device is ${values.device}, expected portable, cpu or auto`)
  return {
    ...values,
    multipliers,
    ...Object.fromEntries(
      ["size", "batch", "width", "layers", "rounds", "steps", "patience", "threads"].map((name) => [name, whole(name)]),
    ),
  }
}
