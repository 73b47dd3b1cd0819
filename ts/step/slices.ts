/** A stage in slices on the main thread, where an engine cannot run it on another one. */

import type { Arena } from '../arena/arena.js'
import { BLOCK } from '../arena/manifest.js'
import { nextTurn } from '../core/event-loop.js'
import type { Runner } from '../engines/engine.js'

/** Elements a slice: a fraction of a millisecond in WebAssembly. */
const SLICE_ELEMENTS = 8 * BLOCK

/**
 * The same bits, but other tasks of the event loop get their turn in between.
 *
 * @throws (rejects with) TensorError where somebody has transferred the arena's buffer meanwhile
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
