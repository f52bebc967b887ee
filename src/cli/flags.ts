/** Command-line flags from schemas: one flag an option, its help and its check from the same place. */
import { type Command, Option } from "commander"
import { z } from "zod"

/** A mistake of the user: arguments or input files. The command ends with exit code 2 and this message alone. */
export class MisuseError extends Error {
  override readonly name = "MisuseError"
}

interface JsonSchema {
  readonly type?: string
  readonly description?: string
  readonly default?: unknown
  readonly enum?: readonly string[]
  readonly items?: JsonSchema
  /** Of the help, under which it stands. */
  readonly heading?: string
}

/** `dataDir` is `--data-dir`. */
export function flagOf(key: string): string {
  return `--${key.replace(/[A-Z]/g, (c) => `-${c.toLowerCase()}`)}`
}

/** Schemas as JSON: flags, defaults and what is read of them each ask for it. */
const known = new WeakMap<z.ZodObject, Readonly<Record<string, JsonSchema>>>()

function propertiesOf(schema: z.ZodObject): Readonly<Record<string, JsonSchema>> {
  const before = known.get(schema)
  if (before !== undefined) return before
  const { properties = {} } = z.toJSONSchema(schema, { io: "input" }) as { properties?: Record<string, JsonSchema> }
  known.set(schema, properties)
  return properties
}

/** Names of options whose defaults are not the same in all of the schemas that have them. */
export function variedIn(schemas: readonly z.ZodObject[]): string[] {
  const all = schemas.map(propertiesOf)
  return [...new Set(all.flatMap((properties) => Object.keys(properties)))].filter((key) => {
    const defaults = all.filter((properties) => key in properties).map((properties) => properties[key].default)
    return new Set(defaults.map((value) => JSON.stringify(value))).size > 1
  })
}

/**
 * Adds a flag for every option of a schema; `skip` names those the command has already, and `varied` those whose default
 * hangs on the recipe.
 */
export function addFlags(
  command: Command,
  schema: z.ZodObject,
  { skip = [], varied = [] }: { readonly skip?: readonly string[]; readonly varied?: readonly string[] } = {},
): Command {
  for (const [key, { type, description = "", default: fallback, enum: choices, heading }] of Object.entries(
    propertiesOf(schema),
  )) {
    // What has parts is told by another run, not by people.
    if (skip.includes(key) || type === "object") continue
    const value =
      type === "boolean"
        ? ""
        : ` <${choices ? "choice" : type === "array" ? "list" : type === "string" ? "text" : "number"}>`
    // What is on unless said otherwise has a flag to turn it off; its description says what that does.
    const isOn = type === "boolean" && fallback === true
    const shown =
      fallback === undefined || typeof fallback === "boolean"
        ? ""
        : ` (default: ${varied.includes(key) ? "the recipe's" : Array.isArray(fallback) ? fallback.join(",") : fallback})`
    const option = new Option(
      `${isOn ? flagOf(key).replace("--", "--no-") : flagOf(key)}${value}`,
      `${choices ? withChoices(description, choices) : description}${shown}`,
    )
    if (heading !== undefined) option.helpGroup(heading)
    // Where the one that turns it off is not preceded by the other, the parser makes up a default that wins over a file.
    if (isOn) command.addOption(new Option(flagOf(key)).hideHelp())
    command.addOption(option)
  }
  return command
}

/** A description and the choices there are, before what it says of the default. */
function withChoices(description: string, choices: readonly string[]): string {
  const [, text, rest = ""] = /^(.*?)( \(default[^()]*\))?$/.exec(description)!
  return `${text}: ${choices.join(", ")}${rest}`
}

/** Text from the command line as the schema's types want it; what cannot be read stays text, for the schema to refuse. */
function parsed(text: unknown, { type, items }: JsonSchema): unknown {
  if (typeof text !== "string") return text
  if (type === "number" || type === "integer")
    return text.trim() === "" || !Number.isFinite(Number(text)) ? text : Number(text)
  if (type === "array" && items !== undefined) return text.split(",").map((part) => parsed(part, items))
  return text
}

/**
 * Options from defaults, a configuration file's values, then flags, the later winning.
 *
 * @throws MisuseError naming every option that is unknown or out of range.
 */
export function readOptions<S extends z.ZodObject>(
  schema: S,
  flags: Readonly<Record<string, unknown>>,
  file: Readonly<Record<string, unknown>> = {},
): z.output<S> {
  const properties = propertiesOf(schema)
  const given = Object.entries(flags).filter(([key, v]) => key in properties && v !== undefined)
  const values = { ...file, ...Object.fromEntries(given.map(([key, v]) => [key, parsed(v, properties[key])])) }
  const result = schema.safeParse(values)
  if (result.success) return result.data
  // A list may be wrong in each of its parts.
  throw new MisuseError([...new Set(result.error.issues.map((issue) => complaint(issue, values)))].join("; "))
}

/** `"a"|"b"|"c"` as a, b or c. */
function words(list: string): string {
  const names = list.replaceAll('"', "").split("|")
  return names.length === 1 ? names[0] : `${names.slice(0, -1).join(", ")} or ${names[names.length - 1]}`
}

function complaint(issue: z.core.$ZodIssue, values: Readonly<Record<string, unknown>>): string {
  if (issue.code === "unrecognized_keys") return `unknown option ${issue.keys.join(", ")}`
  const key = String(issue.path[0] ?? "")
  const expected = issue.message
    .replace(/^(Invalid input: expected|Too (small|big): expected) ?/, "expected ")
    .replace(/^expected \w+ to be/, "expected")
    .replace(/, received \w+$/, "")
    .replace(/^expected array to have exactly (\d+) items$/, "expected $1 of them, with a comma between")
    .replace(/^expected int$/, "expected a whole number")
    .replace(/^Invalid option: expected one of (.*)$/, (_, list: string) => `expected ${words(list)}`)
  const value = values[key]
  const isList = issue.path.length > 1 && Array.isArray(value)
  const got = isList ? value.join(",") : (JSON.stringify(value) ?? "nothing")
  return `${flagOf(key)}: got ${got}, ${isList ? expected.replace(/^expected number$/, "expected numbers, with a comma between") : expected}`
}
