/** Configurations as diffusers writes them: JSON with Python's numbers, checked against a schema. */
import type { z } from "zod"

/** A JSON object of unknown content. */
export type Json = Readonly<Record<string, unknown>>

/** Configurations are some kilobytes; one that is larger is none. */
export const maxConfig: number = 1 << 20

/** A value as an error shows it, cut where it is long. */
export function quoted(value: unknown): string {
  let text: string
  try {
    const word = (_: string, v: unknown): unknown => (typeof v === "number" && !Number.isFinite(v) ? String(v) : v)
    text = JSON.stringify(value, word) ?? "nothing"
  } catch {
    text = "a value nested without end"
  }
  // Only what a line of a terminal can show.
  const shown = text.length > 80 ? `${text.slice(0, 80)}...` : text
  return shown.replace(/[\p{Cc}\p{Cf}]/gu, "?")
}

/** Python writes infinity as a word outside of texts; a number that is too large means the same in JSON. */
function withoutWords(text: string): string {
  const word = "Infinity"
  let out = ""
  let from = 0
  for (let at = text.search(/["I]/); at >= 0 && at < text.length; at++) {
    if (text[at] === '"') for (at++; at < text.length && text[at] !== '"'; at++) at += text[at] === "\\" ? 1 : 0
    else if (text.startsWith(word, at)) {
      out += `${text.slice(from, at)}1e999`
      from = at + word.length
    }
  }
  return out + text.slice(from)
}

/**
 * The object in a JSON file as Python's `json` reads it: `Infinity` and `-Infinity` are numbers.
 *
 * @throws RangeError `where: ...` for anything but one JSON object.
 */
export function readJson(bytes: Uint8Array, where: string, limit: number = maxConfig): Json {
  if (bytes.length > limit)
    throw new RangeError(`${where}: ${bytes.length} bytes, expected at most ${limit} (is this a configuration?)`)
  let value: unknown
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(bytes)
    value = JSON.parse(text.includes("Infinity") ? withoutWords(text) : text)
  } catch (cause) {
    throw new RangeError(`${where}: not JSON (${oneLine(cause)})`, { cause })
  }
  if (!isObject(value)) throw new RangeError(`${where}: ${quoted(value)}, expected a JSON object`)
  return value
}

/** Whether a value is a JSON object. */
export function isObject(value: unknown): value is Json {
  return typeof value === "object" && value !== null && !Array.isArray(value)
}

/** An error's message as one line of readable length. */
export function oneLine(cause: unknown): string {
  const text = (cause instanceof Error ? cause.message : String(cause)).split("\n")[0].replace(/[\p{Cc}\p{Cf}]/gu, "?")
  return text.length > 400 ? `${text.slice(0, 400)}...` : text
}

/** Runs `fn`, whose errors then say where they come from. Errors of the program itself pass. */
export function within<R>(where: string, fn: () => R): R {
  try {
    return fn()
  } catch (cause) {
    if (cause instanceof RangeError || (cause instanceof Error && cause.name === "UsageError"))
      throw new RangeError(`${where}: ${oneLine(cause)}`, { cause })
    throw cause
  }
}

/**
 * A value that fits a schema; unknown keys are left out.
 *
 * @throws RangeError `where: key: got ..., ...` for the first key that does not.
 */
export function fitted<T>(value: Json, schema: z.ZodType<T>, where: string): T {
  const result = schema.safeParse(value)
  if (result.success) return result.data
  const [issue] = result.error.issues
  const path = issue.path.map((p) => (typeof p === "number" ? `[${p}]` : `.${String(p)}`)).join("")
  const got = issue.path.reduce<unknown>(
    (at, p) => (at as Readonly<Record<PropertyKey, unknown>> | undefined)?.[p],
    value,
  )
  const what = path === "" ? "" : `${path.replace(/^\./, "")}: `
  throw new RangeError(`${where}: ${what}got ${quoted(got)}, ${expectation(issue)}`)
}

function expectation(issue: z.core.$ZodIssue): string {
  switch (issue.code) {
    case "invalid_type":
      return `expected ${issue.expected === "int" ? "a whole number" : `a ${issue.expected}`}`
    case "too_small":
      return `expected at least ${issue.minimum}${issue.origin === "array" ? " entries" : ""}`
    case "too_big":
      return `expected at most ${issue.maximum}${issue.origin === "array" ? " entries" : ""}`
    case "invalid_value":
      return `expected one of ${issue.values.map((v) => JSON.stringify(v)).join(", ")}`
    case "invalid_union":
      return `expected ${issue.errors.map((list) => (list[0] === undefined ? "another value" : expectation(list[0]).replace(/^expected /, ""))).join(" or ")}`
    default:
      return issue.message
  }
}

const mark = "\ue000"

/**
 * A configuration as text: keys in order, two blanks of indentation, a line end; numbers that Python knows and JSON does
 * not as Python's words. Byte for byte what diffusers writes, but for numbers that Python writes as `1e-05` or `1.0`.
 */
export function writeJson(config: Json): string {
  const sorted = Object.fromEntries(Object.entries(config).sort(([a], [b]) => (a < b ? -1 : 1)))
  const text = JSON.stringify(
    sorted,
    (_, v: unknown) => (typeof v === "number" && !Number.isFinite(v) ? `${mark}${v}` : v),
    2,
  )
  return `${text.replace(new RegExp(`"${mark}(-?Infinity|NaN)"`, "g"), "$1")}\n`
}
