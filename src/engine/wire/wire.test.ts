import { expect, test } from "vitest"
import { WireReader } from "./read.ts"
import { WireWriter } from "./write.ts"

const write = (body: (w: WireWriter) => void): Uint8Array => {
  const w = new WireWriter()
  body(w)
  return w.finish()
}
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex")
const reader = (bytes: string): WireReader => WireReader.of("test", Uint8Array.from(Buffer.from(bytes, "hex")))

test("the worked examples of the protobuf documentation come out byte for byte", () => {
  expect(hex(write((w) => w.int(1, 150)))).toBe("089601")
  expect(hex(write((w) => w.string(2, "testing")))).toBe("120774657374696e67")
  expect(hex(write((w) => w.message(3, () => w.int(1, 150))))).toBe("1a03089601")
  expect(hex(write((w) => w.int(1, -2)))).toBe("08feffffffffffffffff01")
  expect(hex(write((w) => w.float(1, 1)))).toBe("0d0000803f")
  expect(hex(write((w) => w.double(1, -2)))).toBe("0900000000000000c0")
  expect(hex(write((w) => w.int(536870911, 1)))).toBe("f8ffffff0f01")
})

test("integers at every byte boundary survive, as numbers and as 64-bit integers", () => {
  const values = [0n, 1n, -1n]
  for (let bit = 1n; bit < 64n; bit++) for (const off of [-1n, 0n, 1n]) values.push(2n ** bit + off, -(2n ** bit) + off)
  const signed = values.map((v) => BigInt.asIntN(64, v))
  const bytes = write((w) => {
    for (const v of signed) w.int(7, v)
  })
  const r = WireReader.of("test", bytes)
  for (const v of signed) {
    expect(r.next()).toBe(true)
    expect(r.int64()).toBe(v)
    if (v !== BigInt(Number(v)) || !Number.isSafeInteger(Number(v))) continue
    const one = write((w) => w.int(7, Number(v)))
    const again = WireReader.of("test", one)
    again.next()
    expect(again.int()).toBe(Number(v))
    expect(hex(one)).toBe(hex(write((w) => w.int(7, v))))
  }
  expect(r.next()).toBe(false)
})

test("int32 keeps the low 32 bits, and int refuses what a number cannot hold", () => {
  const read = (v: bigint): WireReader => {
    const r = WireReader.of(
      "test",
      write((w) => w.int(1, v)),
    )
    r.next()
    return r
  }
  expect(read(-1n).int32()).toBe(-1)
  expect(read(2n ** 32n + 5n).int32()).toBe(5)
  expect(() => read(2n ** 53n).int()).toThrow("test: field 1 is beyond ±(2^53 - 1) (at byte 1 of 9)")
  expect(() => new WireWriter().int(1, 0.5)).toThrow("wire: field 1 got 0.5")
})

test("messages of every length around a varint's steps nest and come back, whether runs are copied or referred to", () => {
  for (const size of [0, 1, 125, 126, 127, 128, 255, 256, 257, 16380, 16383, 16384, 16385, 2 ** 21]) {
    const run = new Uint8Array(size).map((_, i) => i * 31)
    const bytes = write((w) => {
      w.int(9, 1)
      w.message(1, () => {
        w.message(2, () => w.bytes(3, run))
        w.message(2, () => w.string(4, "x".repeat(size)))
        w.message(2, () => {})
      })
      expect(w.length).toBeGreaterThan(2 * size)
      w.int(9, 2)
    })
    const r = WireReader.of("test", bytes)
    r.next()
    expect(r.int()).toBe(1)
    r.next()
    const middle = r.message()
    const inner = [0, 1, 2].map(() => {
      expect(middle.next()).toBe(true)
      return middle.message()
    })
    expect(middle.next()).toBe(false)
    expect(inner.map((m) => m.next())).toEqual([true, true, false])
    expect(Buffer.compare(inner[0].bytes(), run)).toBe(0)
    expect(inner[1].string()).toBe("x".repeat(size))
    r.next()
    expect(r.int()).toBe(2)
    expect(r.next()).toBe(false)
  }
})

test("strings of any script survive, short and long, and a byte order mark stays", () => {
  const texts = ["", "a", "\u007f\u0080", "naïve ☃ 🙂", "\ufeffmark", "é".repeat(64), "🙂".repeat(1000), "a".repeat(32)]
  const bytes = write((w) => {
    for (const t of texts) w.string(1, t)
  })
  const r = WireReader.of("test", bytes)
  for (const t of texts) {
    r.next()
    expect(r.string()).toBe(t)
  }
})

test("a run is copied once, at the end", () => {
  const run = new Uint8Array(1000)
  const w = new WireWriter()
  w.bytes(1, run)
  run[999] = 7
  expect(w.finish().at(-1)).toBe(7)
})

test("repeated numbers read alike whether packed or not, and fields nobody asks for are skipped", () => {
  // Field 4: the varints 3, 270, 86942 packed (protobuf's documentation), then 5 alone; then unknown fields of each kind.
  const bytes = "2206038e029ea705" + "2005" + "0801" + "112233445566778899" + "1a0100" + "2d00000000"
  const r = reader(bytes)
  const found: number[] = []
  const counts: number[] = []
  while (r.next()) if (r.field === 4) r.each(0, () => found.push(r.int()))
  expect(found).toEqual([3, 270, 86942, 5])
  const again = r.again()
  while (again.next()) if (again.field === 4) counts.push(again.count(0))
  expect(counts).toEqual([3, 1])
})

test("bytes that are no message are refused with the place", () => {
  const drain = (bytes: string) => () => {
    const r = reader(bytes)
    while (r.next());
  }
  expect(drain("08")).toThrow("test: truncated: a number does not end (at byte 1 of 1)")
  expect(drain("0880")).toThrow("test: truncated: a number does not end (at byte 1 of 2)")
  expect(drain("0a05616263")).toThrow("test: truncated: field 1 needs 5 bytes, 3 are left (at byte 2 of 5)")
  expect(drain("0affffffffffffffffff01")).toThrow("test: truncated: field 1 needs")
  expect(drain("09000000")).toThrow("needs 8 bytes, 3 are left")
  expect(drain("0b")).toThrow("wire type 3 of field 1, which protobuf does not use (at byte 0 of 1)")
  expect(drain("00")).toThrow("a field number out of range")
  expect(drain("88808080808001")).toThrow("a field number out of range")
  expect(drain("08ffffffffffffffffff02")).toThrow("a number of more than 64 bits")
  expect(drain("08ffffffffffffffffffff01")).toThrow("a number of more than 64 bits")
  const wrong = (bytes: string, read: (r: WireReader) => void) => () => {
    const r = reader(bytes)
    r.next()
    read(r)
  }
  expect(wrong("0801", (r) => r.string())).toThrow("field 1 is stored as a varint, expected a length and bytes")
  expect(wrong("0a0161", (r) => r.int())).toThrow("field 1 is stored as a length and bytes, expected a varint")
  expect(wrong("0a02c328", (r) => r.string())).toThrow("field 1 is a string that is not UTF-8 (at byte 1 of 4)")
  expect(wrong("0a03000000", (r) => r.count(5))).toThrow("field 1 has 3 bytes, no multiple of 4")
  expect(wrong("0a0180", (r) => r.each(0, () => r.int()))).toThrow("truncated: a number does not end")
  expect(wrong("0a03000000", (r) => r.each(5, () => r.float()))).toThrow("needs 4 bytes, 3 are left")
  // The value of a nested message may not reach beyond that message, though the file goes on.
  expect(wrong("0a020a050000000000", (r) => r.message().next() && r.again().next())).not.toThrow()
  expect(
    wrong("0a020a050000000000", (r) => {
      const inner = r.message()
      inner.next()
      inner.bytes()
    }),
  ).toThrow("truncated: field 1 needs 5 bytes, 0 are left (at byte 4 of 9)")
})

test("nesting and memory are bounded", () => {
  let nested = new Uint8Array(0)
  const grow = (): void => {
    const inner = nested
    nested = write((w) => w.bytes(1, inner)) as Uint8Array<ArrayBuffer>
  }
  const depth = (): number => {
    let r = WireReader.of("test", nested)
    let levels = 0
    while (r.next()) {
      r = r.message()
      levels++
    }
    return levels
  }
  for (let i = 0; i < 100; i++) grow()
  expect(depth()).toBe(100)
  grow()
  expect(depth).toThrow("test: messages nest deeper than 100")

  const r = WireReader.of("test", new Uint8Array(8), 100)
  r.charge(60)
  expect(() => r.charge(60)).toThrow("far more memory than its size warrants")
  expect(() => WireReader.of("test", new Uint8Array(8)).charge(Number.NaN)).toThrow("far more memory")
})
