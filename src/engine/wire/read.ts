/** Reading the protobuf wire format: no length is trusted. */

/** How a field is stored: varint, 8 bytes, length and bytes, 4 bytes. Groups (3 and 4) are obsolete and refused. */
export type Wire = 0 | 1 | 2 | 5

const names: Readonly<Record<number, string>> = { 0: "a varint", 1: "8 bytes", 2: "a length and bytes", 5: "4 bytes" }

/** Messages may nest this deep, as in protobuf's own parsers. */
const maxDepth = 100

/** What all readers of one file share. */
interface Source {
  /** Begins every error message. */
  readonly where: string
  readonly bytes: Uint8Array
  readonly view: DataView
  /** Bytes that may still be allocated for what is read. */
  memory: number
}

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true })

/**
 * Reads one protobuf message field by field: `while (r.next()) switch (r.field) { case 1: name = r.string() }`.
 * A field that is not read is skipped. Every length is checked against what is left; errors name the byte.
 *
 * @throws RangeError `where: ...` from every method when the bytes are not the message that is asked for.
 */
export class WireReader {
  /** Number of the current field. */
  field = 0
  readonly #source: Source
  readonly #start: number
  readonly #depth: number
  #end: number
  #at: number
  #wire: Wire = 0
  #pending = false
  #low = 0
  #high = 0

  private constructor(source: Source, start: number, end: number, depth: number) {
    this.#source = source
    this.#start = start
    this.#at = start
    this.#end = end
    this.#depth = depth
  }

  /**
   * Reader of a whole file. `where` begins every error message; `memory` bounds what {@link WireReader.charge}
   * adds up to, in bytes.
   */
  static of(where: string, bytes: Uint8Array, memory: number = 4 * bytes.length + 2 ** 26): WireReader {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    return new WireReader({ where, bytes, view, memory }, 0, bytes.length, 0)
  }

  /** Byte of the file that comes next. */
  get position(): number {
    return this.#at
  }

  /** Moves to the next field; false at the end of the message. */
  next(): boolean {
    if (this.#pending) this.#skip()
    if (this.#at >= this.#end) return false
    const at = this.#at
    this.#varint()
    const wire = this.#low & 7
    this.field = this.#low >>> 3
    if (this.#high !== 0 || this.field === 0) this.fail("a field number out of range", at)
    if (names[wire] === undefined)
      this.fail(`wire type ${wire} of field ${this.field}, which protobuf does not use`, at)
    this.#wire = wire as Wire
    this.#pending = true
    return true
  }

  /** The field as a signed integer, which must be within ±(2^53 - 1). */
  int(): number {
    const at = this.#at
    this.#take(0)
    this.#varint()
    const value = (this.#high | 0) * 4294967296 + this.#low
    if (!Number.isSafeInteger(value)) this.fail(`field ${this.field} is beyond ±(2^53 - 1)`, at)
    return value
  }

  /** The low 32 bits of the field, signed: how protobuf reads int32 and enum. */
  int32(): number {
    this.#take(0)
    this.#varint()
    return this.#low | 0
  }

  /** The field as a signed 64-bit integer. */
  int64(): bigint {
    this.#take(0)
    this.#varint()
    if (this.#high === 0) return BigInt(this.#low)
    return BigInt.asIntN(64, (BigInt(this.#high) << 32n) | BigInt(this.#low))
  }

  /** The field as a float32. */
  float(): number {
    this.#take(5)
    this.#need(4)
    this.#at += 4
    return this.#source.view.getFloat32(this.#at - 4, true)
  }

  /** The field as a float64. */
  double(): number {
    this.#take(1)
    this.#need(8)
    this.#at += 8
    return this.#source.view.getFloat64(this.#at - 8, true)
  }

  /** The field as bytes of the file, not copied. */
  bytes(): Uint8Array {
    this.#take(2)
    const length = this.#length()
    this.#at += length
    return this.#source.bytes.subarray(this.#at - length, this.#at)
  }

  /** The field as a string, which must be UTF-8. */
  string(): string {
    const at = this.#at
    const bytes = this.bytes()
    this.charge(48 + 2 * bytes.length)
    if (bytes.length <= 32) {
      let or = 0
      for (let i = 0; i < bytes.length; i++) or |= bytes[i]
      if (or < 128) return String.fromCharCode.apply(null, bytes as unknown as number[])
    }
    try {
      return decoder.decode(bytes)
    } catch {
      return this.fail(`field ${this.field} is a string that is not UTF-8`, at)
    }
  }

  /** The field as a nested message, with its own reader. */
  message(): WireReader {
    const at = this.#at
    this.#take(2)
    const length = this.#length()
    this.#at += length
    if (this.#depth === maxDepth) this.fail(`messages nest deeper than ${maxDepth}`, at)
    return new WireReader(this.#source, this.#at - length, this.#at, this.#depth + 1)
  }

  /** A second reader over the same message, from its beginning. */
  again(): WireReader {
    return new WireReader(this.#source, this.#start, this.#end, this.#depth)
  }

  /** How many values a repeated number field holds here: one, or as many as are packed together. */
  count(wire: 0 | 1 | 5): number {
    if (this.#wire === wire) return 1
    const at = this.#at
    const bytes = this.bytes()
    if (wire !== 0) {
      const size = wire === 1 ? 8 : 4
      if (bytes.length % size !== 0)
        this.fail(`field ${this.field} has ${bytes.length} bytes, no multiple of ${size}`, at)
      return bytes.length / size
    }
    let count = 0
    for (let i = 0; i < bytes.length; i++) if (bytes[i] < 128) count++
    return count
  }

  /** Calls `read`, which must read one number, for each value that the field holds, packed or not. */
  each(wire: 0 | 1 | 5, read: () => void): void {
    if (this.#wire === wire) {
      read()
      return
    }
    this.#take(2)
    const length = this.#length()
    const outer = this.#end
    this.#end = this.#at + length
    while (this.#at < this.#end) {
      this.#wire = wire
      this.#pending = true
      read()
    }
    this.#end = outer
  }

  /** Says that `bytes` will be allocated for what is read. Call it first: it refuses what is beyond the bound. */
  charge(bytes: number): void {
    this.#source.memory -= bytes
    if (!(this.#source.memory >= 0)) this.fail("reading the file takes far more memory than its size warrants")
  }

  /** Throws an error that names the file's format and the byte, by default the current one. */
  fail(message: string, at: number = this.#at): never {
    throw new RangeError(`${this.#source.where}: ${message} (at byte ${at} of ${this.#source.bytes.length})`)
  }

  #take(wire: Wire): void {
    if (this.#wire !== wire) this.fail(`field ${this.field} is stored as ${names[this.#wire]}, expected ${names[wire]}`)
    if (!this.#pending) this.fail(`field ${this.field} was read twice`)
    this.#pending = false
  }

  #skip(): void {
    this.#pending = false
    if (this.#wire === 0) this.#varint()
    else {
      const size = this.#wire === 2 ? this.#length() : this.#wire === 1 ? 8 : 4
      this.#need(size)
      this.#at += size
    }
  }

  #need(size: number): void {
    if (size > this.#end - this.#at)
      this.fail(`truncated: field ${this.field} needs ${size} bytes, ${this.#end - this.#at} are left`)
  }

  #length(): number {
    this.#varint()
    const length = this.#high * 4294967296 + this.#low
    this.#need(length)
    return length
  }

  /** Reads seven bits a byte, low ones first, into two 32-bit words. */
  #varint(): void {
    const { bytes } = this.#source
    const end = this.#end
    const start = this.#at
    let at = start
    let low = 0
    let high = 0
    for (let shift = 0; ; shift += 7) {
      if (at >= end) this.fail("truncated: a number does not end", start)
      const byte = bytes[at++]
      const bits = byte & 127
      if (shift < 28) low |= bits << shift
      else if (shift === 28) {
        low |= bits << 28
        high = bits >>> 4
      } else if (shift < 63) high |= bits << (shift - 32)
      else {
        if (byte > 1) this.fail("a number of more than 64 bits", start)
        high |= byte << 31
      }
      if (byte < 128) break
    }
    this.#at = at
    this.#low = low >>> 0
    this.#high = high >>> 0
  }
}
