/** Calls of a compiled engine on the main thread, cut so short that the event loop need not wait long. */

import { BLOCK_OF_RUNS, PIECES } from '../../arena/manifest.js'
import type { Slices } from '../../core/slices.js'
import type { Program } from '../../expressions/program.js'
import { rowsOfPiece } from '../../expressions/run.js'
import type { Batch } from '../batch/batch.js'
import { estimateWork } from '../batch/layout.js'

/** How long a slice should take. */
const TARGET_SLICE_MS = 8
/** Operations that are assumed to take as long, before any have been timed. */
const OPERATIONS_PER_SLICE = 2.5e5

/** Milliseconds an operation of programs, as measured. */
const paces = new WeakMap<Program, number>()

/** How an engine is called. */
interface EngineCalls {
  /** Makes the updates at hand. */
  advance(batch: Batch): void
  /**
   * Does the part of one update that `from` and `to` bound, after all before it: rows, or pieces of rows if lanes are rows.
   * The last part makes the update. Says whether parts are left.
   */
  advancePart(batch: Batch, from: number, to: number): boolean
}

/** Advances cohorts one by one, by as many updates at a time, or as many rows of one, as take some milliseconds. */
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
      // Where most runs have stopped nobody knows when.
      if (2 * counts[cohort] >= live) notePace(gradient, began, updates * work)
      yield
    }
    batch.skip(updates)
  }
}

const getPace = (program: Program) => paces.get(program) ?? TARGET_SLICE_MS / OPERATIONS_PER_SLICE

/** How often a slice has time for something. */
const countPerSlice = (program: Program, work: number) =>
  Math.floor(TARGET_SLICE_MS / (getPace(program) * work))

/** A clock may be coarse, so no slice is more than twice as long as the one before. */
function notePace(program: Program, began: number, work: number): void {
  paces.set(program, Math.max((performance.now() - began) / work, getPace(program) / 2))
}
