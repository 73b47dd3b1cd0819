/** Runs a compiled engine on the main thread in short calls, so that the event loop is not blocked for long. */

import { BLOCK_OF_RUNS, PIECES } from '../../arena/manifest.js'
import type { Slices } from '../../core/slices.js'
import type { Program } from '../../expressions/program.js'
import { rowsOfPiece } from '../../expressions/run.js'
import type { Batch } from '../batch/batch.js'
import { estimateWork } from '../batch/layout.js'

/** Target duration of a slice. */
const TARGET_SLICE_MS = 8
/** Assumed number of operations per slice before any slice has been timed. */
const OPERATIONS_PER_SLICE = 2.5e5

/** Measured milliseconds per operation for each program. */
const paces = new WeakMap<Program, number>()

/** Calls of an engine on the main thread. */
interface EngineCalls {
  /** Performs the pending updates. */
  advance(batch: Batch): void
  /**
   * Performs the work units of one update between `from` and `to`, after all earlier units. Work units are rows, or
   * blocks of rows if the batch is row-parallel. The last work unit completes the update. The result is true if the
   * update has further work units.
   */
  advancePart(batch: Batch, from: number, to: number): boolean
}

/**
 * Advances the cohorts one by one. A slice performs as many updates, or as many rows of one update, as fit into a few
 * milliseconds.
 */
export function* advanceInSlices(batch: Batch, { advance, advancePart }: EngineCalls): Slices<void> {
  const { counts, shape, updates: all } = batch
  const { gradient, rows } = shape
  for (let done = 0, updates = 0; done < all && batch.live > 0; done += updates) {
    const largest = estimateWork(gradient, rows, Math.max(...counts))
    updates = Math.max(1, Math.min(all - done, countPerSlice(gradient, largest)))
    batch.set('updates', updates)
    for (const [cohort, live] of counts.entries()) {
      if (live === 0) continue
      const work = estimateWork(gradient, rows, live)
      const parts = batch.isByRows ? live * Math.ceil(rows / rowsOfPiece(rows)) : rows
      const most = batch.isByRows ? PIECES : Infinity
      if (live <= BLOCK_OF_RUNS && parts > 1 && parts <= most && countPerSlice(gradient, work) === 0) {
        for (let from = 0, isLeft = true; isLeft; ) {
          const to = from + Math.max(1, countPerSlice(gradient, work / parts))
          const began = performance.now()
          batch.only(cohort, (one) => {
            isLeft = advancePart(one, from, to)
          })
          notePace(gradient, began, (work * (Math.min(to, parts) - from)) / parts)
          from = to
          yield
        }
        continue
      }
      const began = performance.now()
      batch.only(cohort, advance)
      // The time of the updates is unknown if most runs have stopped.
      if (2 * counts[cohort] >= live) notePace(gradient, began, updates * work)
      yield
    }
    batch.skip(updates)
  }
}

const getPace = (program: Program) => paces.get(program) ?? TARGET_SLICE_MS / OPERATIONS_PER_SLICE

/** Count of work units that fit into a slice. */
const countPerSlice = (program: Program, work: number) =>
  Math.floor(TARGET_SLICE_MS / (getPace(program) * work))

/**
 * Updates the measured time per operation of a program. Because the clock may be coarse, the time per operation is at
 * most halved. Therefore no slice is more than twice as long as the previous slice.
 */
function notePace(program: Program, began: number, work: number): void {
  paces.set(program, Math.max((performance.now() - began) / work, getPace(program) / 2))
}
