/** The fits of one call, as the values of options wrap them. */

import type { EngineChoice } from '../../engines/select-engine.js'
import type { BatchRunner } from '../../many/engines/engines.js'
import type { CallProgress, EngineCall } from '../../many/engines/execute.js'
import type { FitValues } from '../problem/options.js'
import type { FitContext } from '../solve/fit-context.js'
import type { FitManyResult } from './result.js'

/** Fits of one call, not started yet. */
export interface CallFits {
  readonly choice: EngineChoice<BatchRunner>
  readonly options: FitValues
  readonly progress: CallProgress
  calls(sideBySide?: boolean): Generator<EngineCall>
  release(): void
  /** Context of an aborted run. */
  done(): FitContext
  result<Names extends string>(): FitManyResult<Names>
}

/** Ordinary fits of all rows, which the value of an option runs first. */
export interface FirstFits extends CallFits {
  /** The options include the values of options that cannot be combined. */
  readonly options: FitValues & {
    readonly method: object | undefined
    readonly covariance: object | undefined
  }
  ingredients(): FitContext
  takeProgress(): CallProgress
}
