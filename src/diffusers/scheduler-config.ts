/** Configurations of diffusers' schedulers, read by the keys of their classes. What they mean is the samplers' matter. */
import { z } from "zod"
import {
  isSchedulerClass,
  type Key,
  type SchedulerClass,
  schedulerClasses,
  schedulerKeys,
} from "../diffusion/samplers/compat/classes.ts"
import { fitted, type Json, quoted } from "./json.ts"

/** A scheduler configuration with every key of its class filled in, and the class as `_class_name`. */
export interface SchedulerSettings {
  readonly _class_name: SchedulerClass
  readonly [key: string]: unknown
}

/** The schema of a key; see {@link Key}. */
function schemaOf(key: Key): z.ZodType {
  switch (key.kind) {
    case "number": {
      if (Number.isFinite(key.fallback)) return z.number().min(key.least).max(key.most).default(key.fallback)
      // Python writes -Infinity; some writers have it as a text.
      const infinity = [z.literal(key.fallback), z.literal(String(key.fallback)).transform(() => key.fallback)] as const
      return z.union([z.number(), ...infinity]).default(key.fallback)
    }
    case "whole":
      return z.number().int().min(key.least).max(key.most).default(key.fallback)
    case "bound":
      return z.number().min(0).nullable().default(null)
    case "flag": {
      const truth = z.boolean()
      if (!key.isNullable) return truth.default(key.fallback)
      return truth
        .nullable()
        .default(key.fallback)
        .transform((v) => v === true)
    }
    case "word": {
      const words = z.enum(key.words as [string, ...string[]])
      return key.fallback === null ? words.nullable().default(null) : words.default(key.fallback)
    }
    case "numbers": {
      const each = z.number().min(key.least).max(key.most)
      const list = z.array(key.isWhole ? each.int() : each).max(1_000_000)
      return key.fallback === null ? list.min(1).nullable().default(null) : list.default([...key.fallback])
    }
    case "null":
      return z.null().default(null)
  }
}

/**
 * A scheduler's configuration read as diffusers' `from_config` does: absent keys, and those that `_use_default_values`
 * lists, have the class's defaults; unknown ones are left out.
 *
 * @param name the class to make of it, that of the configuration by default: any class may read another's
 * @throws RangeError for an unknown class, or `where: key: got ..., expected ...`
 */
export function schedulerSettings(
  config: Json,
  where = "scheduler",
  name: unknown = config["_class_name"],
): SchedulerSettings {
  if (!isSchedulerClass(name))
    throw new RangeError(`${where}: _class_name: got ${quoted(name)}, expected one of ${schedulerClasses.join(", ")}`)
  const fallback = config["_use_default_values"] ?? []
  if (!Array.isArray(fallback) || !fallback.every((key) => typeof key === "string"))
    throw new RangeError(`${where}: _use_default_values: got ${quoted(fallback)}, expected a list of keys`)
  const given = Object.fromEntries(Object.entries(config).filter(([key]) => !fallback.includes(key)))
  const keys = Object.entries<Key>(schedulerKeys[name]).map(([key, of]) => [key, schemaOf(of)] as const)
  const schema: z.ZodType<Json> = z.object(Object.fromEntries(keys))
  return { ...fitted(given, schema, where), _class_name: name }
}
