/** The shape of a batch whose program computes the next parameters itself. */

import type { Program } from '../../expressions/program.js'
import type { BatchShape } from '../batch/batch.js'
import { type DataColumn, sharedColumns } from '../batch/data.js'
import { iterateInTypeScript } from './iterate.js'

interface ProgramBatch
  extends Pick<BatchShape, 'rows' | 'cohorts' | 'lanes' | 'updates' | 'maxUpdates' | 'scratches'> {
  /** Indices of the fits whose data each run uses. */
  readonly runs: Uint32Array
  readonly data: readonly DataColumn[]
}

/**
 * The shape of a batch that runs a program. The shape object is written without spreads, because each spread would
 * create another hidden class.
 */
export function programShape(program: Program, batch: ProgramBatch): BatchShape {
  const { runs, data, rows, cohorts, lanes, updates, maxUpdates, scratches } = batch
  return {
    dtype: 'float64',
    value: program,
    gradient: program,
    kernel: null,
    loop: iterateInTypeScript,
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
