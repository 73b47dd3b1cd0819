/** Batches whose program computes the next parameters itself, and decides when a run ends. */

import type { Program } from '../../expressions/program.js'
import { Batch, type BatchShape } from '../batch/batch.js'
import type { RunInit } from '../batch/cohort.js'
import { type DataColumn, rowsInRun, sharedColumns } from '../batch/data.js'
import {
  cohortCount,
  estimateWork,
  MIN_WORK_PER_THREAD,
  scratchCount,
  updatesPerCall,
} from '../batch/layout.js'
import type { EngineCall } from './execute.js'
import { iterateInTypeScript } from './iterate.js'

interface ProgramBatch
  extends Pick<
    BatchShape,
    'rows' | 'cohorts' | 'lanes' | 'updates' | 'maxUpdates' | 'scratches' | 'isRecorded'
  > {
  /** Indices of the fits whose data each run uses. */
  readonly runs: Uint32Array
  readonly data: readonly DataColumn[]
}

/**
 * The shape of a batch that runs a program. The shape object is written without spreads, because each spread would
 * create another hidden class.
 */
export function programShape(program: Program, batch: ProgramBatch): BatchShape {
  const { runs, data, rows, cohorts, lanes, updates, maxUpdates, scratches, isRecorded = false } = batch
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
    isRecorded,
  }
}

/** The runs of a program: their data and initial state, and the limits of the batch. */
export interface ProgramRuns extends Pick<RunInit, 'runs' | 'data' | 'x'> {
  /** Maximum number of iterations of a run. */
  readonly maxUpdates: number
  /** Maximum number of iterations per engine call. */
  readonly updatesPerCall: number
  /** Maximum count of threads. */
  readonly threads: number
  /** Whether the state of the runs is read after each call. */
  readonly isRecorded?: boolean
}

/**
 * Returns a batch for runs whose data have the same count of rows.
 *
 * @param left batch that is no longer used, whose memory and views may be used again
 */
export function prepareBatch(
  program: Program,
  { runs, data, maxUpdates, updatesPerCall: mostPerCall, threads: most, isRecorded = false }: ProgramRuns,
  left: Batch | undefined,
): Batch {
  const rows = data.length === 0 ? 0 : rowsInRun(data[0], runs[0])
  const threads = estimateWork(program, rows, runs.length) > MIN_WORK_PER_THREAD ? most : 1
  const { cohorts, lanes } = cohortCount(runs, data, 8, threads)
  const updates = updatesPerCall(program, rows, runs.length, Math.min(mostPerCall, maxUpdates))
  const scratches = scratchCount(program, { rows, runs: runs.length, cohorts }, threads)
  const counts = { rows, cohorts, lanes, updates, maxUpdates, scratches }
  const shape = programShape(program, { runs, data, ...counts, isRecorded })
  return left?.isLike(shape) ? left : new Batch(shape, left?.region)
}

/** Fills a batch and iterates its program until all runs have ended. */
export function* iterateBatch(
  batch: Batch,
  { runs, data, x, maxUpdates }: ProgramRuns,
): Generator<EngineCall> {
  const { updates } = batch.shape
  yield* batch.fill({ runs, data, x, starts: [], box: null })
  for (let done = 0; batch.live > 0; done += updates) {
    batch.done = done
    batch.set('updates', Math.min(updates, maxUpdates - done))
    yield batch
  }
}
