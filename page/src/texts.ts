/** The functions as texts, which many runs at once take. */

import { objectiveText as textOfObjective } from '../../dist/jobs/objective-texts.js'
import type { RaceState } from './state.js'

/** @throws Error with a sentence where the visitor's own function cannot be understood */
export async function stateObjectiveText({ objective, expression, condition }: RaceState): Promise<string> {
  if (objective !== 'own') return textOfObjective(objective, condition)
  const { textForLibrary } = await import('./expression.js')
  return textForLibrary(expression)
}
