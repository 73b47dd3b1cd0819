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

// A proxy of a result has no entry in `fitSources`, just as the proxy has no private fields.
export const fitSources = new WeakMap<object, FitSource>()
export const fitManySources = new WeakMap<object, FitContext>()
