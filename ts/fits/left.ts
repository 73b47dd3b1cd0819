/** What small batches of fits have left, for those that come. */

import type { Program } from '../expressions/program.js'
import type { Batch } from '../many/batch.js'

/** Bytes of a batch that is worth keeping, and of all that are kept. */
const [LARGEST, ALL] = [1 << 24, 1 << 26]
/** Of all problems: browsers allow about a hundred memories, and whoever keeps a result keeps its programs. */
const MOST = 16

/** With their programs, of which several calls may have been under way; the one that was left last is the last one. */
const left = new Map<Batch, Program>()

/** Who takes it has it alone. */
export function take(program: Program): Batch | undefined {
  let found: Batch | undefined
  for (const [batch, of] of left) if (of === program) found = batch
  if (found) left.delete(found)
  return found
}

/** Gives back what nobody reads any more. */
export function leave(program: Program, batch: Batch): void {
  if (batch.region.byteLength > LARGEST) return
  left.set(batch, program)
  let bytes = 0
  for (const { region } of left.keys()) bytes += region.byteLength
  for (const oldest of left.keys()) {
    if (left.size <= MOST && bytes <= ALL) return
    left.delete(oldest)
    bytes -= oldest.region.byteLength
  }
}
