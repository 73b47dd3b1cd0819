/** Methods that `minimizeMany` runs one after the other, because the methods have no solver in lanes. */

import type { Slices } from '../core/slices.js'
import type { BoundsBox } from '../objectives/bounds.js'
import type { TwiceDifferentiable } from '../objectives/objective.js'
import type { OptionTable } from '../options/kinds.js'
import type { ConstrainedReason } from './reasons.js'

/** The arguments of all runs. */
export interface InTurnProblem {
  /** The objective with the data of a run. */
  readonly bind: (run: number) => TwiceDifferentiable
  /** Names of the objective's parameters. */
  readonly names: readonly string[]
  /** The user's constraints and starts, which are not yet read. */
  readonly constraints: unknown
  readonly starts: unknown
  readonly tolerance: number
  readonly maxIterations: number
}

export interface RunInTurn {
  readonly run: number
  /** The start within the bounds; overwritten. */
  readonly start: Float64Array
  readonly box: BoundsBox | null
}

/** The numbers that `minimize` returns for a run. */
export interface EndOfRun {
  /** Live parameters. */
  readonly x: Float64Array
  readonly value: number
  readonly gradientNorm: number
  readonly maxChange: number
  readonly iterations: number
  readonly reason: Exclude<ConstrainedReason, 'callback'>
}

/** Runs that share compiled functions and memory. Each run gives the same bits as `minimize`. */
export interface RunsInTurn {
  /** Names of all parameters. Constraints may have more parameters than the objective. */
  readonly parameters: readonly string[]
  /** Allocates the columns of the report. */
  allocate(count: number): void
  /** Performs a run, with a pause after each update. */
  run(given: RunInTurn): Slices<EndOfRun>
  /** Columns of the result in addition to the numbers in {@link EndOfRun}. */
  report(): object
}

declare module './method.js' {
  interface MethodKind<O extends OptionTable = OptionTable> {
    /** Reads the arguments of many runs. Undefined for methods that run in lanes. */
    readonly inTurn?: (given: InTurnProblem) => RunsInTurn
  }
}
