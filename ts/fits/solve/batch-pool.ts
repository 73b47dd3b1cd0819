/** A pool of small batches, whose memory later fits reuse. */

import type { Program } from '../../expressions/program.js'
import type { Batch } from '../../many/batch/batch.js'

/** Size in bytes of the largest batch that is kept for reuse. */
const MAX_BATCH_BYTES = 1 << 24
/** Maximum total size of the batches in the pool, in bytes. */
const MAX_POOL_BYTES = 1 << 26
/**
 * Maximum number of batches in the pool, over all problems. Browsers allow about a hundred WebAssembly memories, and
 * each stored batch keeps its program in memory.
 */
const MAX_BATCHES = 16

/**
 * Batches and the program of each batch, least recently released first. Several batches may belong to one program if
 * calls ran concurrently.
 */
const pool = new Map<Batch, Program>()

/** Takes a batch of a program from the pool. The caller then owns the batch exclusively. */
export function acquire(program: Program): Batch | undefined {
  let found: Batch | undefined
  for (const [batch, own] of pool) if (own === program) found = batch
  if (found) pool.delete(found)
  return found
}

/** Returns an unused batch to the pool. */
export function release(program: Program, batch: Batch): void {
  if (batch.region.byteLength > MAX_BATCH_BYTES) return
  pool.set(batch, program)
  let bytes = 0
  for (const { region } of pool.keys()) bytes += region.byteLength
  for (const oldest of pool.keys()) {
    if (pool.size <= MAX_BATCHES && bytes <= MAX_POOL_BYTES) return
    pool.delete(oldest)
    bytes -= oldest.region.byteLength
  }
}
