#!/usr/bin/env node
/** The command line: verbs, and how every failure ends. */
import { Command, CommanderError } from "commander"
import { UsageError } from "../engine/shape.ts"
import { recipes } from "../recipes/index.ts"
import { classifyOptions, classifyRun } from "./classify.ts"
import { evalOptions, evaluateRun } from "./eval.ts"
import { exportRun } from "./export.ts"
import { addFlags, MisuseError } from "./flags.ts"
import { info } from "./info.ts"
import { sample, sampleOptions } from "./sample.ts"
import { ownVersion, train, trainFlags } from "./train.ts"

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
    main.command("train").description("train a recipe; makes a run folder with checkpoints, samples and the model"),
  )
  const named = namedRecipe(args)
  const shown = (named !== undefined && recipes.get(named)) || undefined
  const added = new Set<string>()
  for (const recipe of shown ? [shown] : recipes.values()) {
    addFlags(training, recipe.options, [...added])
    for (const key of Object.keys(recipe.options.shape)) added.add(key)
  }
  training.action(verb((flags) => train(flags)))
  addFlags(main.command("sample <run>").description("draw samples from a run"), sampleOptions).action(
    verb((run: string, flags: Record<string, unknown>) => sample(run, flags)),
  )
  addFlags(main.command("eval <run>").description("measure a run's model on data it has not seen"), evalOptions).action(
    verb((run: string, flags: Record<string, unknown>) => evaluateRun(run, flags)),
  )
  addFlags(
    main
      .command("classify <run> [images]")
      .description("tell the class of images by a run that was trained with labels"),
    classifyOptions,
  ).action(
    verb((run: string, images: string | undefined, flags: Record<string, unknown>) => classifyRun(run, images, flags)),
  )
  main
    .command("export <run>")
    .description("write a run's denoiser as .onnx and its weights as .safetensors")
    .option("--out <folder>", "where to (default: the run folder)")
    .action(verb((run: string, flags: { out?: string }) => exportRun(run, flags)))
  main
    .command("info <path>")
    .description("tell what a run folder, .onnx, .safetensors or .npy file holds")
    .option("--json", "as one JSON object")
    .action(verb((path: string, flags: { json?: boolean }) => info(path, flags)))
  main
    .command("recipes")
    .description("list what can be trained")
    .action(() => {
      for (const { name, doc } of recipes.values()) process.stdout.write(`${name.padEnd(10)} ${doc}\n`)
    })
  for (const command of main.commands) command.exitOverride()
  return main
}

/** Mistakes of the user end with 2 and one message; everything else that goes wrong with 1. */
function failure(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2
  const message = error instanceof Error ? error.message : String(error)
  const isMisuse = error instanceof MisuseError || error instanceof UsageError || error instanceof RangeError
  process.stderr.write(`tweedie: ${message.replace(/\n {2}at .*/s, "")}\n`)
  if (!isMisuse && process.env["TWEEDIE_DEBUG"] !== undefined) process.stderr.write(`${(error as Error).stack}\n`)
  return isMisuse ? 2 : 1
}

const args = process.argv.slice(2)
try {
  await (await program(args)).parseAsync(args, { from: "user" })
} catch (error) {
  exitCode = failure(error)
}
process.exitCode = exitCode
