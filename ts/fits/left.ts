/** What small batches of fits have left, for those that come. */

import type { Program } from '../expressions/program.js'
import type { Batch } from '../many/batch.js'

/** Bytes of a batch that is worth keeping, and of all that are kept. */
const [LARGEST, ALL] = [1 << 24, 1 << 26]
/** Of all problems: browsers allow about a hundred memories, and whoever keeps a result keeps its programs. */
const MOST = 16

/** The one that was left last is the last one. */
const left = new Map<Program, Batch>()

/** Who takes it has it alone. */
export function take(program: Program): Batch | undefined {
  const batch = left.get(program)
  left.delete(program)
  return batch
}

/** Gives back what nobody reads any more. */
export function leave(program: Program, batch: Batch): void {
  if (batch.region.byteLength > LARGEST) return
  left.delete(program)
  left.set(program, batch)
  let bytes = 0
  for (const { region } of left.values()) bytes += region.byteLength
  for (const [oldest, { region }] of left) {
    if (left.size <= MOST && bytes <= ALL) return
    left.delete(oldest)
    bytes -= region.byteLength
  }
}
