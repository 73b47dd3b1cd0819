/** A file of a run that nests lists, of which all checksums are right: as version 1 had them, so the sums are few. */

import { crc32 } from '../../dist/files/crc32.js'

export function nested(depth: number): Uint8Array {
  const structure = '['.repeat(depth) + ']'.repeat(depth)
  const run = `{"format":"antigrad","version":2,"dtype":"float32","structure":${structure},"tensors":{},"step":0}`
  const sum = crc32(Buffer.from(run)).toString(16).padStart(8, '0')
  return fileOf(
    JSON.stringify({
      __metadata__: {
        'antigrad.version': '1',
        'antigrad.run': run,
        'antigrad.run.crc32': sum,
        'antigrad.tensors': '[]',
        'checkpoint.step': '2',
        'checkpoint.metrics': '{}',
      },
    }),
  )
}

/** A file of a header and so many bytes. */
export function fileOf(header: string, bytes = 0): Uint8Array {
  const text = Buffer.from(header)
  const file = Buffer.alloc(8 + text.length + bytes)
  file.writeBigUInt64LE(BigInt(text.length))
  text.copy(file, 8)
  return file
}
