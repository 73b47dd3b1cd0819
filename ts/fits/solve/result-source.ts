/**
 * The solved fits behind results, for the functions that analyze a result: `profile`, `contour`, `bootstrap` and
 * `compare`.
 */

import type { FitContext } from './fit-context.js'

/** A solved fit: the context of the fit, and the index of the fit in the context. */
export interface FitSource {
  readonly context: FitContext
  readonly index: number
}

/**
 * Sources of results. The class of the results supplies `get`, which reads private fields. A `WeakMap` would keep the
 * sources of all results alive until the next major garbage collection.
 */
class ResultSources<T> {
  /** The source of a result, or undefined for any other object, such as a proxy of a result. */
  get: (found: object) => T | undefined = () => undefined

  has(found: object): boolean {
    return this.get(found) !== undefined
  }
}

export const fitSources = new ResultSources<FitSource>()
export const fitManySources = new ResultSources<FitContext>()
