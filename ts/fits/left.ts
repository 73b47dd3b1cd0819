/** What small batches of fits have left, for those that come. */

import type { Program } from '../expressions/program.js'
import type { Batch } from '../many/batch.js'

/** Bytes of a batch that is worth keeping: those of a few fits. */
const SMALL = 1 << 22
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
  if (batch.region.byteLength > SMALL) return
  left.delete(program)
  left.set(program, batch)
  const [oldest] = left.keys()
  if (left.size > MOST) left.delete(oldest)
}
