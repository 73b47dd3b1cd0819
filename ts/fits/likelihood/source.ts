/** The finished fits behind results, for the analyses of results. */

import type { EngineChoice } from '../../engines/select-engine.js'
import type { DataColumn } from '../../many/batch/data.js'
import type { BatchRunner } from '../../many/engines/engines.js'
import type { EngineCall } from '../../many/engines/execute.js'
import type { FitParameters, Parameter } from '../problem/parameters.js'
import type { RowSelection } from '../problem/row-selection.js'
import type { LikelihoodProblem } from './problem.js'
import type { LikelihoodSolutions } from './solutions.js'

export interface LikelihoodFits {
  readonly choice: EngineChoice<BatchRunner>
  readonly likelihood: LikelihoodProblem
  readonly parameters: readonly Parameter[]
  /** Columns of all rows of the user, and the rows in use. */
  readonly data: ReadonlyMap<string, DataColumn>
  readonly selection: RowSelection
  readonly starts: ReadonlyMap<string, Float64Array>
  readonly count: number
  readonly solutions: LikelihoodSolutions
  /** The rows in use of a fit, in the order of the objective's columns. */
  rowsOf(fit: number): Float64Array[]
  /** Internal values of the free parameters at the solution of a fit. */
  internalPoint(fit: number): Float64Array
  /** Fits of other rows with the same settings, which start at the given values. */
  refit(columns: Readonly<Record<string, readonly Float64Array[]>>, start: FitParameters): PendingRun
}

export interface PendingRun extends LikelihoodFits {
  calls(): Generator<EngineCall>
}

/** A fit of a run. */
export interface LikelihoodSource {
  readonly run: LikelihoodFits
  readonly fit: number
}

/** The numbers of a result that comparisons read. */
export interface LikelihoodNumbers {
  readonly observations: number
  readonly degreesOfFreedom: number
  readonly minus2LogLikelihood: number
  readonly aic: number
  readonly bic: number
}
