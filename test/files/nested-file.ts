/** Makes a file of a run with deeply nested arrays and correct checksums. */

import { crc32 } from '../../dist/files/sources/crc32.js'

export function nested(depth: number): Uint8Array {
  const structure = '['.repeat(depth) + ']'.repeat(depth)
  const run = `{"format":"antigrad","version":3,"dtype":"float32","structure":${structure},"tensors":{},"step":0}`
  const texts = {
    'antigrad.version': '3',
    'antigrad.run': run,
    'antigrad.tensors': '[]',
    'checkpoint.step': '2',
    'checkpoint.metrics': '{}',
  }
  const sumOf = (text: string) => crc32(Buffer.from(text)).toString(16).padStart(8, '0')
  const sums = JSON.stringify(Object.entries(texts).map(([name, text]) => [name, sumOf(text)]))
  return fileOf(JSON.stringify({ __metadata__: { ...texts, 'antigrad.texts': sums } }))
}

/** Makes a file from a header and this count of bytes. */
export function fileOf(header: string, bytes = 0): Uint8Array {
  const text = Buffer.from(header)
  const file = Buffer.alloc(8 + text.length + bytes)
  file.writeBigUInt64LE(BigInt(text.length))
  text.copy(file, 8)
  return file
}
