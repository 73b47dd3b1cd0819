/** How runs are put into batches, and batches into cohorts. */

import { BLOCK_OF_RUNS, LINE } from '../../arena/manifest.js'
import type { Program } from '../../expressions/program.js'
import { type DataColumn, rowsInRun } from './data.js'

/** At most so many runs are in memory at once, beside starts and results. */
const MAX_RUNS = 1 << 16
const MAX_LANES = 4096
/** Data of runs of their own take at most so many bytes in a batch, and in a cohort, unless one vector of runs does. */
const MAX_DATA_BYTES = 1 << 26
const CACHE_BYTES = 1 << 19
/** Operations on numbers that a call may take, some hundredths of a second. */
const MAX_WORK = 4e8

/** Bytes that data of a run's own take. */
function dataBytes(data: readonly DataColumn[], run: number, size: number): number {
  const byRun = data.filter(({ offsets }) => offsets !== null)
  return byRun.length === 0 ? 0 : byRun.length * rowsInRun(byRun[0], run) * size
}

/** How many runs are in a batch, whose data have as many rows as this run's; `size` is a number's, in bytes. */
export function runsPerBatch(
  data: readonly DataColumn[],
  run: number,
  size: number,
  maxRuns = MAX_RUNS,
): number {
  return Math.max(LINE / size, Math.min(maxRuns, Math.floor(MAX_DATA_BYTES / dataBytes(data, run, size))))
}

/** The cohorts of a batch, and the lanes of each. */
export function cohortCount(
  runs: Uint32Array,
  data: readonly DataColumn[],
  size: number,
  threads: number,
): { readonly cohorts: number; readonly lanes: number } {
  const cached = Math.floor(CACHE_BYTES / dataBytes(data, runs[0], size) / BLOCK_OF_RUNS) * BLOCK_OF_RUNS
  const most = Math.max(BLOCK_OF_RUNS, Math.min(MAX_LANES, cached))
  // As many for each thread.
  const all = threads * Math.ceil(runs.length / threads / most)
  const lanes = Math.ceil(runs.length / all / BLOCK_OF_RUNS) * BLOCK_OF_RUNS
  return { cohorts: Math.ceil(runs.length / lanes), lanes }
}

/** Whether rows are lanes: so many, of which no row needs the ones before. The order of sums follows from it. */
export function isRowParallel({ carries }: Program, rows: number): boolean {
  return rows >= BLOCK_OF_RUNS && !carries
}

/** Operations on numbers of an update by a program; a vector takes as long with one run. */
export function estimateWork({ head, body, tail }: Program, rows: number, runs: number): number {
  return (head.length + tail.length + body.length * rows + 16) * Math.max(runs, LINE / 8)
}

/** How many updates by a program a call may make. */
export function updatesPerCall(program: Program, rows: number, runs: number, maxUpdates: number): number {
  return Math.max(1, Math.min(maxUpdates, Math.floor(MAX_WORK / estimateWork(program, rows, runs))))
}
