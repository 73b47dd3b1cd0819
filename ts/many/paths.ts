/** Records points along the paths of runs. */

import { OptionError } from '../core/errors.js'
import type { FloatArray } from '../core/numbers.js'
import { type Slices, visitInSlices } from '../core/slices.js'
import { selectLimit } from '../objectives/bounds.js'
import type { Batch } from './batch/batch.js'
import type { Paths } from './result.js'

/** Maximum count of numbers in all recorded points, 1 GiB in float64. */
const MAX_RECORDED = 134_217_728

/** Points of the running runs, recorded after an update. */
interface PathSnapshot {
  /** Index of the point within its path: one index for all runs, or an index per run. */
  readonly points: number | Float64Array
  readonly runs: Uint32Array
  readonly x: readonly FloatArray[]
}

interface RunEnds {
  readonly x: readonly FloatArray[]
  readonly iterations: Float64Array
}

/** Indices of the parameters of a method's program that contain the results of an update. */
export interface RecordedFields {
  readonly x: readonly number[]
  readonly iterations: number
}

export class Recorder {
  readonly every: number
  readonly #snapshots: PathSnapshot[] = []
  /** Count of the updates at the last recorded point of each run of a method. */
  #updates: Float64Array | undefined
  readonly #runs: number

  /** @throws OptionError if the recorded points might exceed the limit */
  constructor(every: number, runs: number, parameters: number, maxIterations: number) {
    const numbers = runs * parameters * (Math.floor(maxIterations / every) + 1)
    if (numbers > MAX_RECORDED) {
      const expected = `at most ${MAX_RECORDED} numbers in all points of ${runs} runs with ${maxIterations} updates`
      throw new OptionError('recordEvery', expected, `${every}, which records ${numbers} numbers`)
    }
    this.every = every
    this.#runs = runs
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

  /**
   * Records the points of a batch of a method after each pass. A pass performs at most one update, and each run counts
   * its own updates.
   */
  *recordPass(batch: Batch, runs: Uint32Array, { x, iterations }: RecordedFields): Slices<void> {
    const { every } = this
    this.#updates ??= new Float64Array(this.#runs)
    const updates = this.#updates
    for (const cohort of batch.cohorts()) {
      const counts = cohort.theta(iterations)
      const lanes: number[] = []
      for (let lane = 0; lane < cohort.live; lane++) {
        const run = runs[cohort.runs[lane]]
        const count = counts[lane]
        if (count === updates[run] || count % every !== 0) continue
        updates[run] = count
        lanes.push(lane)
      }
      if (lanes.length === 0) continue
      this.#snapshots.push({
        points: Float64Array.from(lanes, (lane) => counts[lane] / every),
        runs: Uint32Array.from(lanes, (lane) => runs[cohort.runs[lane]]),
        x: x.map((p) => Float64Array.from(lanes, (lane) => cohort.theta(p)[lane])),
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
        for (let k = 0; k < runs.length; k++) column[offsets[runs[k]] + selectLimit(points, k)] = x[p][k]
        yield
      }
    }
    return { offsets, x: Object.fromEntries(names.map((name, p) => [name, points[p]])) }
  }
}
