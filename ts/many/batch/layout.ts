/** Divides runs into batches, and batches into cohorts. */

import { BLOCK_OF_RUNS, LINE } from '../../arena/manifest.js'
import type { Program } from '../../expressions/program.js'
import { isRowParallel, rowsOfPiece } from '../../expressions/run.js'
import { type DataColumn, rowsInRun } from './data.js'

/** Maximum count of runs in memory at a time, apart from starts and results. */
const MAX_RUNS = 1 << 16
const MAX_LANES = 4096
/**
 * Maximum number of bytes of data that differ between runs, per batch and per cohort. A single vector of runs may
 * exceed the limit.
 */
const MAX_DATA_BYTES = 1 << 26
const CACHE_BYTES = 1 << 19
/** Maximum count of operations per call. The operations take some hundredths of a second. */
const MAX_WORK = 4e8

/** Bytes of the data that belong to a single run. */
function dataBytes(data: readonly DataColumn[], run: number, size: number): number {
  const byRun = data.filter(({ offsets }) => offsets !== null)
  return byRun.length === 0 ? 0 : byRun.length * rowsInRun(byRun[0], run) * size
}

/** Count of runs per batch whose data have as many rows as this run. `size` is the size of a number in bytes. */
export function runsPerBatch(
  data: readonly DataColumn[],
  run: number,
  size: number,
  maxRuns = MAX_RUNS,
): number {
  return Math.max(LINE / size, Math.min(maxRuns, Math.floor(MAX_DATA_BYTES / dataBytes(data, run, size))))
}

/** Count of the cohorts in a batch, and count of the lanes per cohort. */
export function cohortCount(
  runs: Uint32Array,
  data: readonly DataColumn[],
  size: number,
  threads: number,
): { readonly cohorts: number; readonly lanes: number } {
  const cached = Math.floor(CACHE_BYTES / dataBytes(data, runs[0], size) / BLOCK_OF_RUNS) * BLOCK_OF_RUNS
  const most = Math.max(BLOCK_OF_RUNS, Math.min(MAX_LANES, cached))
  // Each thread gets the same count of cohorts.
  const all = threads * Math.ceil(runs.length / threads / most)
  const lanes = Math.ceil(runs.length / all / BLOCK_OF_RUNS) * BLOCK_OF_RUNS
  return { cohorts: Math.ceil(runs.length / lanes), lanes }
}

/** If the work of an update is below this limit, a single thread finishes before a second thread could start. */
export const MIN_WORK_PER_THREAD = 1 << 18

/** Count of scratch areas in a batch: one for each thread that has work. Threads share pieces of rows. */
export function scratchCount(
  program: Program,
  { rows, runs, cohorts }: { readonly rows: number; readonly runs: number; readonly cohorts: number },
  threads: number,
): number {
  const isShared = isRowParallel(program, rows) && estimateWork(program, rows, runs) > MIN_WORK_PER_THREAD
  const pieces = isShared ? Math.ceil((runs * rows) / rowsOfPiece(rows)) : 1
  return Math.min(threads, Math.max(cohorts, pieces))
}

/** Estimated operations of an update. A SIMD vector takes the same time for one run as for several runs. */
export function estimateWork({ head, body, tail }: Program, rows: number, runs: number): number {
  return (head.length + tail.length + body.length * rows + 16) * Math.max(runs, LINE / 8)
}

/** Count of updates per call. */
export function updatesPerCall(program: Program, rows: number, runs: number, maxUpdates: number): number {
  return Math.max(1, Math.min(maxUpdates, Math.floor(MAX_WORK / estimateWork(program, rows, runs))))
}
