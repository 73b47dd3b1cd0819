/** Runs stages in slices on the main thread, for engines that cannot use another thread. */

import type { Arena } from '../arena/arena.js'
import { BLOCK } from '../arena/manifest.js'
import { nextTurn } from '../core/event-loop.js'
import type { Runner } from '../engines/engine.js'

/** Number of elements per slice, which takes a fraction of a millisecond in WebAssembly. */
const SLICE_ELEMENTS = 8 * BLOCK

/**
 * Runs one stage in slices. The result has the same bits as without slices, and other tasks of the event loop run
 * between the slices.
 *
 * @throws The promise rejects with TensorError if the buffer of the arena is transferred in the meantime.
 */
export async function runInSlices(arena: Arena, runner: Runner, stage: number): Promise<void> {
  for (let from = 0; from < arena.length; from += SLICE_ELEMENTS) {
    if (from > 0) {
      await nextTurn()
      arena.checkUsable()
    }
    runner.runRange(stage, from, Math.min(from + SLICE_ELEMENTS, arena.length))
  }
  runner.gather(stage)
}
