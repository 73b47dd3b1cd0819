/** The option `outliers` of fits. */

import { isObject } from '../../core/untrusted-input.js'
import type { EngineChoice } from '../../engines/select-engine.js'
import type { BatchRunner } from '../../many/engines/engines.js'
import type { CallProgress, EngineCall } from '../../many/engines/execute.js'
import { option } from '../../options/kinds.js'
import type { FitValues } from '../problem/options.js'
import type { FitContext } from '../solve/fit-context.js'
import type { FitManyResult } from './result.js'

/** Fits of one call, not started yet. */
export interface OutlierFits {
  readonly choice: EngineChoice<BatchRunner>
  readonly options: FitValues
  readonly progress: CallProgress
  calls(sideBySide?: boolean): Generator<EngineCall>
  release(): void
  /** Context of an aborted run. */
  done(): FitContext
  result<Names extends string>(): FitManyResult<Names>
}

/** Fits of all rows, which an outlier method runs first. */
export interface FirstFits extends OutlierFits {
  ingredients(): FitContext
  takeProgress(): CallProgress
}

/**
 * Method that marks outliers: the object that `rout()` returns. The object contains the code of the method, so that
 * other fits do not load the code.
 */
export abstract class OutlierMethod {
  readonly #isOurs = true

  /** @internal Whether the object is a real instance of the class, not a proxy of an instance. */
  static has(given: object): given is OutlierMethod {
    return #isOurs in given
  }

  /** @internal Creates fits that mark outliers. */
  abstract wrap(first: FirstFits): OutlierFits
}

export const outlierMethod = option<OutlierMethod | undefined, undefined>(
  'a result of rout()',
  undefined,
  (x) => x === undefined || (isObject(x) && OutlierMethod.has(x)),
)
