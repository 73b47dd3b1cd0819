/** The functions as texts, which many runs at once take. */

import { textOf as textOfObjective } from '../../dist/work/objective-texts.js'
import type { State } from './state.js'

/** @throws Error with a sentence where the visitor's own function cannot be understood */
export async function textOf({ objective, expression, condition }: State): Promise<string> {
  if (objective !== 'own') return textOfObjective(objective, condition)
  const { textForLibrary } = await import('./expression.js')
  return textForLibrary(expression)
}
