/** Runs stages in slices on the main thread, for engines that cannot use another thread. */

import type { Arena } from '../arena/arena.js'
import { BLOCK } from '../arena/manifest.js'
import { nextTurn } from '../core/event-loop.js'
import type { Runner } from '../engines/engine.js'

/** Number of elements per slice. A slice takes a fraction of a millisecond in WebAssembly. */
const SLICE_ELEMENTS = 8 * BLOCK

/**
 * Runs one stage in slices. The result is bit-identical to the result without slices. Other tasks of the event loop run
 * between the slices.
 *
 * @throws (rejects with) TensorError if the buffer of the arena is transferred before the end
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
