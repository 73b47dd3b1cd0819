/** What small batches of fits have left, for those that come. */

import type { Program } from '../../expressions/program.js'
import type { Batch, BatchShape } from '../../many/batch/batch.js'
import { type DataColumn, sharedColumns } from '../../many/batch/data.js'

/** Largest batch that is kept for reuse. */
const MAX_BATCH_BYTES = 1 << 24
/** Largest total of all that are kept. */
const MAX_POOL_BYTES = 1 << 26
/** Of all problems: browsers allow about a hundred memories, and whoever keeps a result keeps its programs. */
const MAX_BATCHES = 16

/** With their programs, of which several calls may have been under way; the one that was left last is the last one. */
const pool = new Map<Batch, Program>()

/** Who takes it has it alone. */
export function acquire(program: Program): Batch | undefined {
  let found: Batch | undefined
  for (const [batch, own] of pool) if (own === program) found = batch
  if (found) pool.delete(found)
  return found
}

/** Gives back what nobody reads any more. */
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

interface ProgramBatch
  extends Pick<BatchShape, 'rows' | 'cohorts' | 'lanes' | 'updates' | 'maxUpdates' | 'scratches'> {
  /** The fits whose data they have. */
  readonly runs: Uint32Array
  readonly data: readonly DataColumn[]
}

/** The shape of a batch of fits by a program. Without spreads, each of which would make a hidden class of its own. */
export function programShape(program: Program, batch: ProgramBatch): BatchShape {
  const { runs, data, rows, cohorts, lanes, updates, maxUpdates, scratches } = batch
  return {
    dtype: 'float64',
    value: program,
    gradient: program,
    kernel: null,
    runs: runs.length,
    columns: data.length,
    shared: sharedColumns(data),
    rows,
    cohorts,
    lanes,
    updates,
    maxUpdates,
    tolerance: 0,
    exempt: 0,
    delay: 0,
    scratches,
    isBounded: false,
  }
}
