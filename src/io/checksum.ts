/** The cyclic redundancy checks that PNG, gzip and zip files carry, and TensorBoard's. */

/** Table of a reflected polynomial: what each byte does to the remainder. */
function tableOf(polynomial: number): Int32Array {
  return Int32Array.from({ length: 256 }, (_, n) => {
    let c = n
    for (let bit = 0; bit < 8; bit++) c = c & 1 ? (c >>> 1) ^ polynomial : c >>> 1
    return c
  })
}

function remainder(table: Int32Array, bytes: Uint8Array, before: number): number {
  let c = ~before
  for (let i = 0; i < bytes.length; i++) c = table[(c ^ bytes[i]) & 255] ^ (c >>> 8)
  return ~c >>> 0
}

const table = tableOf(0xedb88320)
const tableC = tableOf(0x82f63b78)

/**
 * CRC-32 of bytes, as an unsigned integer; `before` continues from the value of the bytes that went before.
 * Polynomial 0xEDB88320, reflected (ISO 3309, RFC 1952 section 8): crc32("123456789") = 0xCBF43926.
 */
export function crc32(bytes: Uint8Array, before = 0): number {
  return remainder(table, bytes, before)
}

/**
 * CRC-32C of bytes (Castagnoli), as {@link crc32}. Polynomial 0x82F63B78, reflected (RFC 3720, appendix B.4):
 * crc32c("123456789") = 0xE3069283.
 */
export function crc32c(bytes: Uint8Array, before = 0): number {
  return remainder(tableC, bytes, before)
}
