/** The functions of the race: the library's test objectives and custom functions. */

import { type ObjectiveName, objectives, type Point, type TwiceDifferentiable, type View } from 'antigrad'
import { loadMethods } from './lazy.js'
import type { RaceState } from './state.js'

/** A function with everything that the plots need. */
export interface ObjectiveView {
  readonly objective: TwiceDifferentiable & Required<Pick<TwiceDifferentiable, 'gradient'>>
  readonly view: View
  /** The global minima, within the bounds if there are bounds; empty if they are unknown. */
  readonly minima: readonly Point[]
  /** The bounds of x and of y; null without bounds. */
  readonly bounds: View | null
  readonly formula: string
}

export const titles: Readonly<Record<RaceState['objective'], string>> = {
  rosenbrock: 'Rosenbrock',
  beale: 'Beale',
  himmelblau: 'Himmelblau',
  booth: 'Booth',
  rastrigin: 'Rastrigin',
  styblinskiTang: 'Styblinski–Tang',
  ackley: 'Ackley',
  griewank: 'Griewank',
  levy: 'Levy',
  goldsteinPrice: 'Goldstein–Price',
  threeHumpCamel: 'Three-hump camel',
  mccormick: 'McCormick',
  saddle: 'Saddle',
  bowl: 'Bowl',
  own: 'Custom…',
}

const formulas: Readonly<Record<ObjectiveName, string>> = {
  rosenbrock: '(1 − x)² + 100·(y − x²)²',
  beale: '(1.5 − x + x·y)² + (2.25 − x + x·y²)² + (2.625 − x + x·y³)²',
  himmelblau: '(x² + y − 11)² + (x + y² − 7)²',
  booth: '(x + 2·y − 7)² + (2·x + y − 5)²',
  rastrigin: '20 + x² + y² − 10·cos(2π·x) − 10·cos(2π·y)',
  styblinskiTang: '½·(x⁴ − 16·x² + 5·x + y⁴ − 16·y² + 5·y)',
  ackley: '20 + e − 20·exp(−0.2·√(½·(x² + y²))) − exp(½·(cos(2π·x) + cos(2π·y)))',
  griewank: '1 + (x² + y²)/4000 − cos(x)·cos(y/√2)',
  levy: 'sin²(πu) + (u − 1)²·(1 + 10·sin²(πu + 1)) + (v − 1)²·(1 + sin²(2πv)), u = (x + 3)/4, v = (y + 3)/4',
  goldsteinPrice: '(1 + (u + 1)²·(19 − 14·u + 3·u²))·(30 + v²·(18 − 16·v + 3·v²)), u = x + y, v = 2·x − 3·y',
  threeHumpCamel: '2·x² − 1.05·x⁴ + x⁶/6 + x·y + y²',
  mccormick: 'sin(x + y) + (x − y)² − 1.5·x + 2.5·y + 1',
  saddle: 'x² − y²',
  bowl: '½·(x² + c·y²), c the condition number',
}

/** Whether a race needs second derivatives, so that the objective of all optimizers is an expression. */
export const needsHessian = ({ entries }: Pick<RaceState, 'entries'>): boolean =>
  entries.some(({ rule }) => rule === 'newton')

/** @throws Error with a sentence if a custom function is invalid, or if a part of the page cannot be loaded */
export async function makeLandscape(state: RaceState): Promise<ObjectiveView> {
  const found = await makeUnbounded(state)
  const { bounds } = state
  const objective = needsHessian(state) ? await makeSmooth(state) : found.objective
  if (bounds === null) return { ...found, objective }
  const inside = found.minima.filter((minimum) => isWithin(minimum, bounds))
  // A global minimum within the bounds remains one. Otherwise the minimum within the bounds is computed.
  const minima = inside.length > 0 ? inside : [(await loadMethods()).findMinimumIn(objective, bounds)]
  return { ...found, objective, minima, bounds }
}

const isWithin = ([x, y]: Point, [x0, x1, y0, y1]: View) => x >= x0 && x <= x1 && y >= y0 && y <= y1

/** The objective as an expression of the library, which has exact second derivatives. */
async function makeSmooth(state: RaceState): Promise<ObjectiveView['objective']> {
  const [{ differentiable }, { stateObjectiveText }] = await Promise.all([
    loadMethods(),
    import('./texts.js'),
  ])
  return differentiable(await stateObjectiveText(state))
}

async function makeUnbounded(state: RaceState): Promise<ObjectiveView> {
  if (state.objective === 'own') {
    const { parseObjective } = await import('./expression.js')
    const { expression, view } = state
    return { objective: parseObjective(expression), view, minima: [], bounds: null, formula: expression }
  }
  const { condition } = state
  const objective =
    state.objective === 'bowl' ? objectives.bowl({ condition }) : objectives[state.objective]()
  const { view } = objective
  const minima = objective.minima(2).map(([x, y]): Point => [x, y])
  return { objective, view, minima, bounds: null, formula: formulas[state.objective] }
}

/** Enlarges the view so that x and y have the same scale in a plot with this aspect ratio. */
export function equalView([x0, x1, y0, y1]: View, aspect: number): View {
  const [width, height] = [Math.max(x1 - x0, (y1 - y0) * aspect), Math.max(y1 - y0, (x1 - x0) / aspect)]
  const [x, y] = [(x0 + x1) / 2, (y0 + y1) / 2]
  return [x - width / 2, x + width / 2, y - height / 2, y + height / 2]
}
