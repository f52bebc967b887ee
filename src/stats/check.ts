/** Checks of numeric arguments: what is not a usable number is refused by name instead of becoming NaN further on. */

/** A number that is not NaN (infinities pass). @throws RangeError naming `where` and `name`. */
export function real(where: string, name: string, value: number): number {
  if (typeof value !== "number" || Number.isNaN(value)) {
    throw new RangeError(`${where}: ${name} is ${String(value)}, expected a number`)
  }
  return value
}

/** A finite number. @throws RangeError naming `where` and `name`. */
export function finite(where: string, name: string, value: number): number {
  if (!Number.isFinite(value)) throw new RangeError(`${where}: ${name} is ${value}, expected a finite number`)
  return value
}

/** A finite number above zero. @throws RangeError naming `where` and `name`. */
export function positive(where: string, name: string, value: number): number {
  if (!(value > 0 && value < Infinity)) {
    throw new RangeError(`${where}: ${name} is ${value}, expected a finite number above 0`)
  }
  return value
}

/** A number from 0 to 1. @throws RangeError naming `where` and `name`. */
export function probability(where: string, name: string, value: number): number {
  if (!(value >= 0 && value <= 1)) throw new RangeError(`${where}: ${name} is ${value}, expected a number from 0 to 1`)
  return value
}

/** A number strictly between 0 and 1. @throws RangeError naming `where` and `name`. */
export function fraction(where: string, name: string, value: number): number {
  if (!(value > 0 && value < 1)) {
    throw new RangeError(`${where}: ${name} is ${value}, expected a number strictly between 0 and 1`)
  }
  return value
}

/** A safe integer of at least `least`. @throws RangeError naming `where` and `name`. */
export function integer(where: string, name: string, value: number, least = 0): number {
  if (!Number.isSafeInteger(value) || value < least) {
    throw new RangeError(`${where}: ${name} is ${value}, expected an integer of at least ${least}`)
  }
  return value
}

/**
 * Probabilities of a finite law: non-negative, adding up to 1 within 1e-9; returned as a copy that adds up to 1.
 *
 * @throws RangeError when empty, when an entry is negative or NaN, or when the sum is not 1.
 */
export function probabilities(where: string, name: string, values: ArrayLike<number>): Float64Array {
  if (values.length === 0) throw new RangeError(`${where}: ${name} is empty, expected at least one probability`)
  let sum = 0
  for (let i = 0; i < values.length; i++) {
    if (!(values[i] >= 0 && values[i] <= 1)) {
      throw new RangeError(`${where}: ${name}[${i}] is ${values[i]}, expected a number from 0 to 1`)
    }
    sum += values[i]
  }
  if (Math.abs(sum - 1) > 1e-9) {
    throw new RangeError(`${where}: ${name} adds up to ${sum}, expected 1 (divide each by the sum)`)
  }
  return Float64Array.from(values, (p) => p / sum)
}

/**
 * Observations as plain doubles, copied once.
 *
 * @throws RangeError when there are fewer than `least`, or when one is NaN or infinite.
 */
export function observations(where: string, name: string, values: ArrayLike<number>, least = 1): Float64Array {
  if (values.length < least) {
    const wanted = least === 1 ? "at least one number" : `at least ${least} numbers`
    throw new RangeError(`${where}: ${name} has ${values.length} numbers, expected ${wanted}`)
  }
  const out = Float64Array.from(values)
  for (let i = 0; i < out.length; i++) {
    if (!Number.isFinite(out[i])) {
      throw new RangeError(`${where}: ${name}[${i}] is ${values[i]}, expected a finite number (drop or fill it first)`)
    }
  }
  return out
}
