/** The solved fits behind results, for functions that take a result: `profile`, `contour`, `bootstrap`, `compare`. */

import type { FitContext } from './fit-context.js'

/** A solved fit: its context, and its index in this context. */
export interface FitSource {
  readonly context: FitContext
  readonly index: number
}

// A proxy of a result has no entry in this map, just as it has no private fields.
export const fitSources = new WeakMap<object, FitSource>()
export const fitManySources = new WeakMap<object, FitContext>()
