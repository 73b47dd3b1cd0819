/** CRC-32 (IEEE 802.3) for runtimes without a built-in implementation. The code processes eight bytes at a time. */

const TABLE_COUNT = 8
let tables: readonly Uint32Array[] | undefined

/** @param before checksum of all preceding bytes */
export function crc32(bytes: Uint8Array, before = 0): number {
  tables ??= makeTables()
  const [t0, t1, t2, t3, t4, t5, t6, t7] = tables
  let crc = ~before
  let i = 0
  for (; i + TABLE_COUNT <= bytes.length; i += TABLE_COUNT) {
    crc ^= bytes[i] | (bytes[i + 1] << 8) | (bytes[i + 2] << 16) | (bytes[i + 3] << 24)
    crc =
      t7[crc & 255] ^
      t6[(crc >>> 8) & 255] ^
      t5[(crc >>> 16) & 255] ^
      t4[crc >>> 24] ^
      t3[bytes[i + 4]] ^
      t2[bytes[i + 5]] ^
      t1[bytes[i + 6]] ^
      t0[bytes[i + 7]]
  }
  for (; i < bytes.length; i++) crc = (crc >>> 8) ^ t0[(crc ^ bytes[i]) & 255]
  return ~crc >>> 0
}

function makeTables(): Uint32Array[] {
  const made = Array.from({ length: TABLE_COUNT }, () => new Uint32Array(256))
  made.forEach((table, k) => {
    for (let byte = 0; byte < 256; byte++) {
      let crc = k === 0 ? byte : made[k - 1][byte]
      if (k > 0) crc = (crc >>> 8) ^ made[0][crc & 255]
      else for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb8_8320 : 0)
      table[byte] = crc
    }
  })
  return made
}
