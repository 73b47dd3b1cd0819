/** What can be raced on: the library's test objectives, and the visitor's own. */

import { type Objective, type ObjectiveName, objectives, type Point, type View } from 'antigrad'
import type { State } from './state.js'

/** A function with all that the pictures need. */
export interface Landscape {
  readonly objective: Required<Objective>
  readonly view: View
  /** The global minima, where they are known. */
  readonly minima: readonly Point[]
  readonly formula: string
}

export const titles: Readonly<Record<State['objective'], string>> = {
  rosenbrock: 'Rosenbrock',
  beale: 'Beale',
  himmelblau: 'Himmelblau',
  booth: 'Booth',
  rastrigin: 'Rastrigin',
  styblinskiTang: 'Styblinski–Tang',
  saddle: 'Saddle',
  bowl: 'Bowl',
  own: 'Your own…',
}

const formulas: Readonly<Record<ObjectiveName, string>> = {
  rosenbrock: '(1 − x)² + 100·(y − x²)²',
  beale: '(1.5 − x + x·y)² + (2.25 − x + x·y²)² + (2.625 − x + x·y³)²',
  himmelblau: '(x² + y − 11)² + (x + y² − 7)²',
  booth: '(x + 2·y − 7)² + (2·x + y − 5)²',
  rastrigin: '20 + x² + y² − 10·cos(2π·x) − 10·cos(2π·y)',
  styblinskiTang: '½·(x⁴ − 16·x² + 5·x + y⁴ − 16·y² + 5·y)',
  saddle: 'x² − y²',
  bowl: '½·(x² + c·y²), c the condition number',
}

/** @throws Error with a sentence where the visitor's own function cannot be understood */
export async function landscapeOf(state: State): Promise<Landscape> {
  if (state.objective === 'own') {
    const { parseObjective } = await import('./expression.js')
    const { expression, view } = state
    return { objective: parseObjective(expression), view, minima: [], formula: expression }
  }
  const { condition } = state
  const objective =
    state.objective === 'bowl' ? objectives.bowl({ condition }) : objectives[state.objective]()
  const { view } = objective
  const minima = objective.minima(2).map(([x, y]): Point => [x, y])
  return { objective, view, minima, formula: formulas[state.objective] }
}
