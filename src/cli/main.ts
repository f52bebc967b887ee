#!/usr/bin/env node
/** The command line: verbs, and how every failure ends. */
import { Command, CommanderError } from "commander"
import { UsageError } from "../engine/shape.ts"
import { recipes } from "../recipes/index.ts"
import { classifyOptions, classifyRun } from "./classify.ts"
import { doctor } from "./doctor.ts"
import { evalOptions, evaluateRun } from "./eval.ts"
import { exportOptions, exportRun } from "./export.ts"
import { addFlags, MisuseError, variedIn } from "./flags.ts"
import { info } from "./info.ts"
import { ownVersion, trainFlags } from "./plan.ts"
import { sample, sampleOptions } from "./sample.ts"
import { train } from "./train.ts"
import { tune, tuneOptions } from "./tune.ts"
import { lineOf, Voice } from "./voice.ts"

let exitCode = 0

/** Runs a verb and keeps its exit code. */
function verb<A extends readonly unknown[]>(action: (...args: A) => Promise<number>): (...args: A) => Promise<void> {
  return async (...args) => {
    exitCode = await action(...args)
  }
}

/** The name of the recipe among the arguments, for its flags: a recipe's own flags are those of its schema. */
function namedRecipe(args: readonly string[]): string | undefined {
  const at = args.findIndex((a) => a === "--recipe" || a.startsWith("--recipe="))
  return at < 0 ? undefined : args[at].startsWith("--recipe=") ? args[at].slice(9) : args[at + 1]
}

async function program(args: readonly string[]): Promise<Command> {
  const main = new Command("tweedie")
    .description("Train, sample and ship generative models. No Python: models are ONNX graphs.")
    .version(await ownVersion())
    .showHelpAfterError("(`tweedie <verb> --help` tells more)")
    .exitOverride()
  const training = trainFlags(
    main
      .command("train")
      .description(
        "train a recipe; makes a run folder with checkpoints, samples and the model (with --recipe <name>, --help tells its own options and defaults)",
      ),
  )
  const named = namedRecipe(args)
  const shown = (named !== undefined && recipes.get(named)) || undefined
  const varied = shown ? [] : variedIn([...recipes.values()].map(({ options }) => options))
  const added = new Set<string>()
  for (const recipe of shown ? [shown] : recipes.values()) {
    addFlags(training, recipe.options, { skip: [...added], varied })
    for (const key of Object.keys(recipe.options.shape)) added.add(key)
  }
  training.action(verb((flags) => train(flags)))
  addFlags(
    main.command("sample <folder>").description("draw samples from a run, or from a model folder of diffusers"),
    sampleOptions,
  ).action(verb((run: string, flags: Record<string, unknown>) => sample(run, flags)))
  addFlags(
    main
      .command("eval <run>")
      .description("measure a run's model: its likelihood of data it has not seen, or the images it draws"),
    evalOptions,
  ).action(verb((run: string, flags: Record<string, unknown>) => evaluateRun(run, flags)))
  addFlags(
    main
      .command("classify <run> [images]")
      .description("tell the class of images by a run that was trained with labels"),
    classifyOptions,
  ).action(
    verb((run: string, images: string | undefined, flags: Record<string, unknown>) => classifyRun(run, images, flags)),
  )
  addFlags(
    main
      .command("tune <model>")
      .description("fine-tune a classifier in an .onnx file on a folder of pictures, one sub-folder a class"),
    tuneOptions,
  ).action(verb((model: string, flags: Record<string, unknown>) => tune(model, flags)))
  addFlags(
    main
      .command("export <run>")
      .description(
        "write a run's denoiser as .onnx and its weights as .safetensors, a whole sampler as one .onnx, or a model folder of diffusers",
      ),
    exportOptions,
  ).action(verb((run: string, flags: Record<string, unknown>) => exportRun(run, flags)))
  main
    .command("info <path>")
    .description(
      "tell what a run, a model folder of diffusers, a folder of pictures, or a file of any known kind holds",
    )
    .option("--json", "as one JSON object")
    .action(verb((path: string, flags: { json?: boolean }) => info(path, flags)))
  main
    .command("doctor")
    .description("look whether the engine is right and fast on this machine")
    .option("--json", "one JSON object a line")
    .action(verb((flags: { json?: boolean }) => doctor(flags)))
  main
    .command("recipes")
    .description("list what can be trained")
    .option("--json", "one JSON object a line")
    .action(({ json }: { json?: boolean }) => {
      for (const { name, doc } of recipes.values())
        process.stdout.write(json ? `${JSON.stringify({ name, doc })}\n` : `${name.padEnd(12)} ${doc}\n`)
    })
  for (const command of main.commands) command.exitOverride()
  return main
}

/** Mistakes of the user end with 2 and one message; everything else that goes wrong with 1. */
function failure(error: unknown): number {
  const voice = new Voice(args.includes("--json"))
  if (error instanceof CommanderError) {
    // It has told people already.
    if (error.exitCode !== 0) voice.tell({ event: "error", message: error.message, code: 2 })
    return error.exitCode === 0 ? 0 : 2
  }
  const isMisuse = error instanceof MisuseError || error instanceof UsageError || error instanceof RangeError
  const line = lineOf(error)
  const code = isMisuse ? 2 : 1
  voice.always(`tweedie: ${line}`, { event: "error", message: line, code })
  if (!isMisuse && process.env["TWEEDIE_DEBUG"] !== undefined) process.stderr.write(`${(error as Error).stack}\n`)
  return code
}

/** Who stops listening, such as `head`, loses the words and nothing else. */
for (const stream of [process.stdout, process.stderr]) {
  stream.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code !== "EPIPE") throw error
  })
}

const args = process.argv.slice(2)
try {
  await (await program(args)).parseAsync(args, { from: "user" })
} catch (error) {
  exitCode = failure(error)
}
process.exitCode = exitCode
