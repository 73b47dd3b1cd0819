/** The solved fits behind results, for functions that take a result: `profile`, `contour`, `bootstrap`, `compare`. */

import type { FitContext } from './fit-context.js'

/** A solved fit, and its index among those that were solved with it. */
export interface FitSource {
  readonly context: FitContext
  readonly index: number
}

// A proxy of a result has no entry, as it has no private fields.
export const fitSources = new WeakMap<object, FitSource>()
export const fitManySources = new WeakMap<object, FitContext>()
