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

/** Returns the source of a result, or undefined for any other object, such as a proxy of a result. */
interface ResultSources<T> {
  get: (found: object) => T | undefined
}

// The classes of the results replace `get` by a function that reads private fields. A `WeakMap` would keep the sources
// of all results alive until the next major garbage collection.
export const fitSources: ResultSources<FitSource> = { get: () => undefined }
export const fitManySources: ResultSources<FitContext> = { get: () => undefined }
