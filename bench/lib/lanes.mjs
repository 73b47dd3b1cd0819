// Runs a program that computes its own next state, in lanes.

import { BLOCK_OF_RUNS } from '../../dist/arena/manifest.js'
import { runToEnd } from '../../dist/core/slices.js'
import { Batch } from '../../dist/many/batch/batch.js'
import { selectRunner } from '../../dist/many/engines/engines.js'
import { iterateInTypeScript } from '../../dist/many/engines/iterate.js'
import { wasmModule } from '../../dist/webassembly/many.js'

/**
 * A subject whose `timed()` makes some updates of all runs and returns the nanoseconds per update and run.
 *
 * @param starts state at the start, one number per input of the program
 */
export function inLanes(program, starts, { runs, updates }, options) {
  const { runner } = selectRunner(options, wasmModule)
  const batch = new Batch({
    ...{ dtype: 'float64', value: program, gradient: program, kernel: null, loop: iterateInTypeScript, runs },
    ...{ columns: 0, shared: 0, rows: 0, cohorts: 1, lanes: Math.ceil(runs / BLOCK_OF_RUNS) * BLOCK_OF_RUNS },
    ...{ updates, maxUpdates: 1e9, tolerance: 0, exempt: 0, delay: 0, scratches: 1, isBounded: false },
  })
  const init = {
    runs: Uint32Array.from({ length: runs }, (_, k) => k),
    data: [],
    x: starts,
    starts: [],
    box: null,
  }
  const timed = () => {
    runToEnd(batch.fill(init))
    batch.done = 0
    batch.set('updates', updates)
    const start = process.hrtime.bigint()
    runner.advance(batch)
    return Number(process.hrtime.bigint() - start) / updates / runs
  }
  return { batch, call() {}, timed }
}
