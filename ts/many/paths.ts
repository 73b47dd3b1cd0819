/** Records points along the paths of runs. */

import { OptionError } from '../core/errors.js'
import type { FloatArray } from '../core/numbers.js'
import { type Slices, visitInSlices } from '../core/slices.js'
import type { Batch } from './batch/batch.js'
import type { Paths } from './result.js'

/** Maximum count of numbers in all recorded points, 1 GiB in float64. */
const MAX_RECORDED = 134_217_728

/** Points of the running runs, recorded after an update. */
interface PathSnapshot {
  readonly points: number
  readonly runs: Uint32Array
  readonly x: readonly FloatArray[]
}

interface RunEnds {
  readonly x: readonly FloatArray[]
  readonly iterations: Float64Array
}

export class Recorder {
  readonly every: number
  readonly #snapshots: PathSnapshot[] = []

  /** @throws OptionError if the recorded points might exceed the limit */
  constructor(every: number, runs: number, parameters: number, maxIterations: number) {
    const numbers = runs * parameters * (Math.floor(maxIterations / every) + 1)
    if (numbers > MAX_RECORDED) {
      const expected = `at most ${MAX_RECORDED} numbers in all points of ${runs} runs with ${maxIterations} updates`
      throw new OptionError('recordEvery', expected, `${every}, which records ${numbers} numbers`)
    }
    this.every = every
  }

  /**
   * Records the points of a batch that has completed the given count of updates. The array `runs` maps positions in the
   * batch to indices of runs.
   */
  *record(batch: Batch, runs: Uint32Array, updates: number): Slices<void> {
    if (updates % this.every !== 0) return
    for (const cohort of batch.cohorts()) {
      const { live } = cohort
      const parameters = batch.shape.value.parameters.length
      this.#snapshots.push({
        points: updates / this.every,
        runs: cohort.runs.slice(0, live).map((run) => runs[run]),
        x: Array.from({ length: parameters }, (_, p) => cohort.theta(p).slice(0, live)),
      })
      yield
    }
  }

  /** Combines all recorded points, from the starting points to the end points of the runs. */
  *paths(names: readonly string[], starts: readonly FloatArray[], { x, iterations }: RunEnds): Slices<Paths> {
    const { every } = this
    const offsets = new Uint32Array(iterations.length + 1)
    yield* visitInSlices(iterations.length, (from, to) => {
      for (let run = from; run < to; run++)
        offsets[run + 1] = offsets[run] + Math.floor(iterations[run] / every) + 1
    })
    const points = starts.map((start) => {
      const column = start instanceof Float32Array ? Float32Array : Float64Array
      return new column(offsets[iterations.length])
    })
    for (const [p, column] of points.entries()) {
      yield* visitInSlices(iterations.length, (from, to) => {
        for (let run = from; run < to; run++) {
          // The recorded points of a batch do not contain the end points of its runs.
          if (iterations[run] % every === 0) column[offsets[run + 1] - 1] = x[p][run]
          column[offsets[run]] = starts[p][run]
        }
      })
      for (const { points, runs, x } of this.#snapshots) {
        for (let k = 0; k < runs.length; k++) column[offsets[runs[k]] + points] = x[p][k]
        yield
      }
    }
    return { offsets, x: Object.fromEntries(names.map((name, p) => [name, points[p]])) }
  }
}
