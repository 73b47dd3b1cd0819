/** Rays from the points of fits, many at once: see ray.ts. */

import type { FloatArray } from '../ground/numbers.js'
import { byRows, pick, put } from '../many/data.js'
import type { Call } from '../many/drive.js'
import { runsOfBatch } from '../many/layout.js'
import type { Ingredients } from './found.js'
import { type Iterations, RUNS } from './iterations.js'
import { rayState, UNSURE } from './ray.js'

/** Columns by ray; the rays of a fit are neighbours. */
export interface Rays {
  /** Where to, by parameter that varies; or shares of what is derived. */
  readonly directions: readonly Float64Array[]
  /** How many of these steps it may make at most. */
  readonly reach: Float64Array
  /** The χ² at which it ends. */
  readonly limit: Float64Array
}

export interface RayEnds {
  readonly point: readonly FloatArray[]
  readonly cost: FloatArray
  /** As ray.ts numbers them. */
  readonly reason: ArrayLike<number>
  /** How far they have come, how far is far, and χ² when they had come half or a quarter as far. */
  readonly length: FloatArray
  readonly far: FloatArray
  readonly earlier: FloatArray
  /** As it was given. */
  readonly limit: FloatArray
}

/** Iterations of a ray at most. */
export const MOST_ITERATIONS = 400

/**
 * Follows rays, for some fits after the other.
 *
 * @param derived what is to move instead of parameters, if anything
 * @param each how many rays a fit has
 * @param make the rays of some fits
 * @param take is given where these have ended, to be read at once
 */
export function* follow(
  of: Pick<Ingredients, 'compiled' | 'columns' | 'starts' | 'found'>,
  iterations: Iterations,
  fits: Uint32Array,
  derived: readonly string[],
  each: number,
  make: (fits: Uint32Array) => Rays,
  take: (fits: Uint32Array, ends: RayEnds) => void,
): Generator<Call, void> {
  const { compiled, columns, starts, found } = of
  const { names, starts: begins } = rayState(compiled.problem, derived.length)
  const data = [...columns.values()]
  for (const some of byRows(data, fits)) {
    const most = Math.max(1, Math.floor(runsOfBatch(data, some[0], 8, RUNS) / each))
    for (let from = 0; from < some.length; from += most) {
      const part = some.subarray(from, from + most)
      const runs = new Uint32Array(part.length * each).map((_, run) => part[Math.floor(run / each)])
      const { directions, reach, limit } = make(part)
      const fixed = compiled.problem.fixed.map((name) => starts.get(name) as Float64Array)
      const point = [...found.free, ...fixed].map((column) => pick(column, runs))
      const given = [...point, ...directions, reach, pick(found.cost, runs), limit]
      const begin = begins.map((start) => start ?? (given.shift() as Float64Array))
      const ends = yield* iterations.run(compiled.ray(false, derived), runs, data, begin, MOST_ITERATIONS)
      const doubtful = runs.map((_, ray) => ray).filter((ray) => ends.reason[ray] === UNSURE)
      if (doubtful.length > 0) {
        const again = begin.map((column) => (typeof column === 'number' ? column : pick(column, doubtful)))
        const some = pick(runs, doubtful)
        const sure = yield* iterations.run(compiled.ray(true, derived), some, data, again, MOST_ITERATIONS)
        for (const [i, column] of sure.x.entries()) put(ends.x[i], doubtful, column)
        put(ends.reason, doubtful, sure.reason)
      }
      const [cost, length, far, earlier] = ['@cost', '@length', '@far', '@earlier'].map(
        (name) => ends.x[names.indexOf(name)],
      )
      const reached = { point: found.free.map((_, i) => ends.x[i]), reason: ends.reason }
      take(part, { ...reached, cost, length, far, earlier, limit })
      yield
    }
  }
}
