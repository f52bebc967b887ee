import { expect, test } from "vitest"
import { crc32, crc32c } from "./checksum.ts"

const ascii = (text: string): Uint8Array => new TextEncoder().encode(text)

test("the check value of the standard is met, whole and in parts", () => {
  expect(crc32(ascii("123456789"))).toBe(0xcbf43926)
  expect(crc32(ascii("6789"), crc32(ascii("12345")))).toBe(0xcbf43926)
  expect(crc32(ascii("IEND"))).toBe(0xae426082) // the last bytes of every PNG file
  expect(crc32(new Uint8Array(0))).toBe(0)
})

test("Castagnoli's check values are those of RFC 3720", () => {
  expect(crc32c(ascii("123456789"))).toBe(0xe3069283)
  expect(crc32c(new Uint8Array(32))).toBe(0x8a9136aa)
  expect(crc32c(new Uint8Array(32).fill(255))).toBe(0x62a8ab43)
})
