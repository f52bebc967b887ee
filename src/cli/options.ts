/** Options that several verbs have. */
import { z } from "zod"
import { whole } from "../recipes/options.ts"

/** Which checkpoint of a run. */
export const checkpointOption = {
  at: z
    .string()
    .optional()
    .describe("checkpoint: last, best or a step (default: the best if losses tell, else the last)"),
}

/** Where data are, for verbs that read some. */
export const dataOption = {
  dataDir: z.string().optional().describe("folder of the data set's files; nothing is downloaded into it"),
}

/** How a verb runs. */
export const engineOption = {
  threads: whole(1, 1024).optional().describe("threads of the engine (default: all processors)"),
}

/** The option of a number that fixes `what`. */
export const seedOption = (what: string): { readonly seed: z.ZodDefault<z.ZodNumber> } => ({
  seed: whole(0, Number.MAX_SAFE_INTEGER).default(0).describe(`fixes ${what}`),
})
