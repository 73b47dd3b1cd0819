import type { FloatArray } from '../core/numbers.js'
import type { EngineName } from '../engines/engine.js'
import type { ConstraintColumns } from '../minimize/constraints.js'

/**
 * Recorded points of each run: the starting point, and the point after every `recordEvery` updates. The end point is
 * included only if the number of updates is a multiple of `recordEvery`.
 */
export interface Paths<Names extends string = string> {
  /** The points of run i have the indices from `offsets[i]` up to, but not including, `offsets[i + 1]`. */
  readonly offsets: Uint32Array
  /** Recorded coordinates by parameter, run by run, in the dtype of the runs. */
  readonly x: Readonly<Record<Names, FloatArray>>
}

/** Results of all runs. Each quantity is a column with one element per run. */
export interface MinimizeManyResult<Names extends string = string> {
  /** Coordinates of the end points by parameter, in the dtype of the runs. */
  readonly x: Readonly<Record<Names, FloatArray>>
  /** Values of the objective at the end points. */
  readonly value: Float64Array
  /**
   * Largest |gᵢ| at the last update of each run, before clipping and decay. The value can be large if a parameter is at
   * a bound.
   */
  readonly gradientNorm: Float64Array
  /** Largest absolute change of a parameter in the last update of each run. */
  readonly maxChange: Float64Array
  /** Count of updates that each run performed. The count may exceed 32 bits. */
  readonly iterations: Float64Array
  /** Reasons why the runs stopped, as indices into `minimizeReasons`. */
  readonly reason: Uint8Array
  /** Recorded points, if `recordEvery` is set. */
  readonly paths: Paths<Names> | null
  /** Name of the engine that performed the runs. */
  readonly engine: EngineName
  /** Reasons for the choice of the engine. */
  readonly engineReasons: readonly string[]
}

/** Results of all runs of a method with constraints. */
export interface ConstrainedManyResult<Names extends string = string>
  extends MinimizeManyResult<Names>,
    ConstraintColumns<Names> {}
