/** Calls of a compiled engine on the main thread, cut so short that the event loop need not wait long. */

import type { Slices } from '../../core/slices.js'
import type { Program } from '../../expressions/program.js'
import type { Batch } from '../batch/batch.js'
import { estimateWork } from '../batch/layout.js'

/** How long a slice should take. */
const TARGET_SLICE_MS = 8
/** Operations that are assumed to take as long, before any have been timed. */
const OPERATIONS_PER_SLICE = 2.5e5

/** Milliseconds an operation of programs, as measured. */
const paces = new WeakMap<Program, number>()

/** Advances cohorts one by one, by as many updates at a time as take some milliseconds. */
export function* advanceInSlices(batch: Batch, advance: (batch: Batch) => void): Slices<void> {
  const { counts, shape, updates: all } = batch
  const { gradient, rows } = shape
  for (let done = 0, updates = 0; done < all && batch.live > 0; done += updates) {
    const most = estimateWork(gradient, rows, Math.max(...counts))
    updates = Math.max(1, Math.min(all - done, Math.floor(TARGET_SLICE_MS / (getPace(gradient) * most))))
    batch.set('updates', updates)
    for (const [cohort, live] of counts.entries()) {
      if (live === 0) continue
      const began = performance.now()
      batch.only(cohort, advance)
      const pace = (performance.now() - began) / (updates * estimateWork(gradient, rows, live))
      // Where most runs have stopped nobody knows when. A clock may be coarse, so no slice is more than twice as long.
      if (2 * counts[cohort] >= live) paces.set(gradient, Math.max(pace, getPace(gradient) / 2))
      yield
    }
    batch.skip(updates)
  }
}

const getPace = (program: Program) => paces.get(program) ?? TARGET_SLICE_MS / OPERATIONS_PER_SLICE
