import type { FloatArray } from '../core/numbers.js'
import type { EngineName } from '../engines/engine.js'

/** Points of each run: the start, and those after each so many updates. The last one is there if it is one of these. */
export interface Paths<Names extends string = string> {
  /** Run i has the points from `offsets[i]` to `offsets[i + 1]`. */
  readonly offsets: Uint32Array
  /** Run after run, by parameter, in the dtype. */
  readonly x: Readonly<Record<Names, FloatArray>>
}

/** Where runs ended, a column each, by run. */
export interface MinimizeManyResult<Names extends string = string> {
  /** The last points, by parameter, in the dtype. */
  readonly x: Readonly<Record<Names, FloatArray>>
  /** The objective there. */
  readonly value: Float64Array
  /** The largest |gᵢ| at the last update, before clipping and decay; at a bound it need not be small. */
  readonly gradientNorm: Float64Array
  /** The largest change of a parameter in the last update. */
  readonly maxChange: Float64Array
  /** Updates of each run; there may be more than 32 bits count. */
  readonly iterations: Float64Array
  /** Indices into `reasons`. */
  readonly reason: Uint8Array
  /** Points on the way, if `recordEvery` asked for them. */
  readonly paths: Paths<Names> | null
  /** What ran. */
  readonly engine: EngineName
  /** Why this engine, and why not another. */
  readonly engineReasons: readonly string[]
}
