/** The cyclic redundancy check that PNG chunks and gzip files carry. */

const table = Int32Array.from({ length: 256 }, (_, n) => {
  let c = n
  for (let bit = 0; bit < 8; bit++) c = c & 1 ? (c >>> 1) ^ 0xedb88320 : c >>> 1
  return c
})

/**
 * CRC-32 of bytes, as an unsigned integer; `before` continues from the value of the bytes that went before.
 * Polynomial 0xEDB88320, reflected (ISO 3309, RFC 1952 section 8): crc32("123456789") = 0xCBF43926.
 */
export function crc32(bytes: Uint8Array, before = 0): number {
  let c = ~before
  for (let i = 0; i < bytes.length; i++) c = table[(c ^ bytes[i]) & 255] ^ (c >>> 8)
  return ~c >>> 0
}
