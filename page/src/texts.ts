/** The text of the race's function for `minimizeMany`. */

import { objectiveText as textOfObjective } from '../../dist/page.js'
import type { RaceState } from './state.js'

/** @throws Error with a sentence if a custom function is invalid */
export async function stateObjectiveText({ objective, expression, condition }: RaceState): Promise<string> {
  if (objective !== 'own') return textOfObjective(objective, condition)
  const { textForLibrary } = await import('./expression.js')
  return textForLibrary(expression)
}
