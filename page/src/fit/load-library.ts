/** Loads the part of the page that a model needs. */

import type { FitPageState } from './state.js'
import type { Library } from './task.js'

/** Null for an expression. A prime marks a differential equation. */
export async function loadLibrary({ model, expression }: FitPageState): Promise<Library | null> {
  if (model !== 'own') return import('./library.js')
  return expression.includes("'") ? import('./odes.js') : null
}
