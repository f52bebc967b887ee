/** Writing the protobuf wire format: large runs are copied once. */

/** Byte runs at least this long are kept as references until the end instead of being appended. */
const runFrom = 256

/** What `finish` puts between the bytes appended so far: a length as a varint, or a run. */
interface Insert {
  readonly at: number
  length: number
  readonly run: Uint8Array | undefined
}

function varintSize(value: number): number {
  let size = 1
  for (let v = value; v >= 128; v = Math.floor(v / 128)) size++
  return size
}

const encoder = new TextEncoder()

/**
 * Writes one protobuf message, fields in the order of the calls. Nothing is moved once it is written:
 * lengths of nested messages, and large byte runs, are put in their places by {@link WireWriter.finish}.
 */
export class WireWriter {
  #bytes: Uint8Array = new Uint8Array(4096)
  #at = 0
  /** Bytes that the inserts will add. */
  #extra = 0
  readonly #inserts: Insert[] = []

  /** Bytes of the message so far. */
  get length(): number {
    return this.#at + this.#extra
  }

  /** A varint field: int32, int64, uint64, bool or enum. Negative numbers take ten bytes, as protobuf has it. */
  int(field: number, value: number | bigint): void {
    if (typeof value === "number" && !Number.isSafeInteger(value))
      throw new RangeError(`wire: field ${field} got ${value}, expected an integer within ±(2^53 - 1)`)
    this.#reserve(15)
    this.#varint(field * 8)
    if (value >= 0 && value <= Number.MAX_SAFE_INTEGER) this.#varint(Number(value))
    else this.#wide(BigInt.asUintN(64, BigInt(value)))
  }

  /** A float32 field of four bytes. */
  float(field: number, value: number): void {
    this.#reserve(9)
    this.#varint(field * 8 + 5)
    new DataView(this.#bytes.buffer).setFloat32(this.#at, value, true)
    this.#at += 4
  }

  /** A float64 field of eight bytes. */
  double(field: number, value: number): void {
    this.#reserve(13)
    this.#varint(field * 8 + 1)
    new DataView(this.#bytes.buffer).setFloat64(this.#at, value, true)
    this.#at += 8
  }

  /** A string field, as UTF-8. */
  string(field: number, value: string): void {
    const n = value.length
    if (n > 127) {
      this.bytes(field, encoder.encode(value))
      return
    }
    this.#reserve(6 + n)
    const start = this.#at
    this.#varint(field * 8 + 2)
    this.#bytes[this.#at++] = n
    for (let i = 0; i < n; i++) {
      const code = value.charCodeAt(i)
      if (code > 127) {
        this.#at = start
        this.bytes(field, encoder.encode(value))
        return
      }
      this.#bytes[this.#at++] = code
    }
  }

  /** A bytes field. A long run is only referred to, and must stay as it is until {@link WireWriter.finish}. */
  bytes(field: number, value: Uint8Array): void {
    const n = value.length
    this.#reserve(15 + (n < runFrom ? n : 0))
    this.#varint(field * 8 + 2)
    this.#varint(n)
    if (n < runFrom) {
      this.#bytes.set(value, this.#at)
      this.#at += n
    } else {
      this.#inserts.push({ at: this.#at, length: n, run: value })
      this.#extra += n
    }
  }

  /** A nested message: all that `write` writes to this writer. */
  message(field: number, write: () => void): void {
    this.#reserve(5)
    this.#varint(field * 8 + 2)
    const insert: Insert = { at: this.#at, length: 0, run: undefined }
    this.#inserts.push(insert)
    const before = this.length
    write()
    insert.length = this.length - before
    this.#extra += varintSize(insert.length)
  }

  /**
   * The message in one piece.
   *
   * @throws RangeError beyond 2 GiB - 1, the most that protobuf parsers take.
   */
  finish(): Uint8Array<ArrayBuffer> {
    if (this.length > 0x7fffffff)
      throw new RangeError(`wire: the message has ${this.length} bytes, protobuf holds at most ${0x7fffffff}`)
    const out = new Uint8Array(this.length)
    const from = this.#bytes
    let at = 0
    let done = 0
    const copy = (end: number): void => {
      if (end - done > 64) {
        out.set(from.subarray(done, end), at)
        at += end - done
        done = end
      } else while (done < end) out[at++] = from[done++]
    }
    for (const { at: place, length, run } of this.#inserts) {
      copy(place)
      if (run !== undefined) {
        out.set(run, at)
        at += length
      } else {
        let rest = length
        while (rest > 127) {
          out[at++] = (rest & 127) | 128
          rest >>>= 7
        }
        out[at++] = rest
      }
    }
    copy(this.#at)
    return out
  }

  #reserve(size: number): void {
    if (this.#at + size <= this.#bytes.length) return
    const grown = new Uint8Array(Math.max(this.#bytes.length * 2, this.#at + size))
    grown.set(this.#bytes.subarray(0, this.#at))
    this.#bytes = grown
  }

  #varint(value: number): void {
    let rest = value
    while (rest > 127) {
      this.#bytes[this.#at++] = (rest % 128) | 128
      rest = Math.floor(rest / 128)
    }
    this.#bytes[this.#at++] = rest
  }

  #wide(value: bigint): void {
    let rest = value
    while (rest > 127n) {
      this.#bytes[this.#at++] = Number(rest & 127n) | 128
      rest >>= 7n
    }
    this.#bytes[this.#at++] = Number(rest)
  }
}
