/** The functions as texts, which many runs at once take. */

import type { ObjectiveName } from 'antigrad'
import type { State } from './state.js'

/** In the order of operations that the library's objectives have. */
const texts: Readonly<Record<ObjectiveName, string>> = {
  rosenbrock: '(1 - x)^2 + 100*(y - x^2)^2',
  beale: '(1.5 - x + x*y)^2 + (2.25 - x + x*y*y)^2 + (2.625 - x + x*y*y*y)^2',
  himmelblau: '(x^2 + y - 11)^2 + (x + y^2 - 7)^2',
  booth: '(x + 2*y - 7)^2 + (2*x + y - 5)^2',
  rastrigin: '10 + x^2 - 10*cos(2*pi*x) + 10 + y^2 - 10*cos(2*pi*y)',
  styblinskiTang: '(x^4 - 16*x^2 + 5*x + y^4 - 16*y^2 + 5*y)/2',
  saddle: 'x^2 - y^2',
  bowl: '(x^2 + condition*y^2)/2',
}

/** @throws Error with a sentence where the visitor's own function cannot be understood */
export async function textOf({ objective, expression, condition }: State): Promise<string> {
  if (objective !== 'own') return texts[objective].replace('condition', String(condition))
  const { textForLibrary } = await import('./expression.js')
  return textForLibrary(expression)
}
