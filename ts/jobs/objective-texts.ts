/** The two-dimensional test objectives, written as expressions for batches of runs. */

import type { ObjectiveName } from '../objectives/index.js'

/** Expressions in x and y. The order of operations is the same as in the files of the objectives. */
const texts: Readonly<Record<ObjectiveName, string>> = {
  rosenbrock: '(1 - x)^2 + 100*(y - x^2)^2',
  beale: '(1.5 - x + x*y)^2 + (2.25 - x + x*y*y)^2 + (2.625 - x + x*y*y*y)^2',
  himmelblau: '(x^2 + y - 11)^2 + (x + y^2 - 7)^2',
  booth: '(x + 2*y - 7)^2 + (2*x + y - 5)^2',
  rastrigin: '(10 + x^2 - 10*cos(2*pi*x)) + (10 + y^2 - 10*cos(2*pi*y))',
  styblinskiTang: '((x^4 - 16*x^2 + 5*x) + (y^4 - 16*y^2 + 5*y))/2',
  // The condition avoids the infinite slope of the root at 0.
  ackley:
    '20 - 20*exp(-0.2*((x^2 + y^2)/2 == 0 ? 0 : sqrt((x^2 + y^2)/2)))' +
    ' + (exp(1) - exp((cos(2*pi*x) + cos(2*pi*y))/2))',
  griewank: '(x^2 + y^2)/4000 + (1 - cos(x)*cos(y/sqrt(2)))',
  levy:
    'sin(pi*(1 + (x - 1)/4))^2 + ((x - 1)/4)^2*(1 + 10*sin(pi*(1 + (x - 1)/4) + 1)^2)' +
    ' + ((y - 1)/4)^2*(1 + sin(2*pi*(1 + (y - 1)/4))^2)',
  goldsteinPrice:
    '(1 + ((x + y) + 1)^2*(19 - 14*(x + y) + 3*(x + y)*(x + y)))' +
    '*(30 + (2*x - 3*y)^2*(18 - 16*(2*x - 3*y) + 3*(2*x - 3*y)*(2*x - 3*y)))',
  threeHumpCamel: '2*x^2 - 1.05*x^4 + x^6/6 + x*y + y^2',
  mccormick: 'sin(x + y) + (x - y)^2 - 1.5*x + 2.5*y + 1',
  saddle: 'x^2 - y^2',
  bowl: '(x^2 + condition*y^2)/2',
}

/**
 * @param condition the ratio of the two curvatures of the bowl
 */
export function objectiveText(name: ObjectiveName, condition = 100): string {
  return texts[name].replace('condition', `${condition}`)
}
