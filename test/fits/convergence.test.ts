/**
 * NIST's certified problems from 200 random starts each: how many fits reach the certified values, and whether
 * converged fits are at a minimum.
 */

import { expression } from 'antigrad'
import { fitManySync, fitReasons } from 'antigrad/fit'
import { expect, test } from 'vitest'
import { problemNames, readProblem } from '../../scripts/lib/nist.mjs'
import { random } from '../helpers.js'

const STARTS = 200
/** Each start is the certified value times a random factor between 1/FACTOR and FACTOR. */
const FACTOR = 3
/** If χ² is larger by this relative amount, the fit is in another minimum. */
const SAME = 1e-6
/** The limit for Lanczos1, whose residuals are rounding errors. */
const EXACT = 1e-20
/**
 * The limit for the cosine between residuals and derivatives, which is 0 at a minimum. It is a tenth of the limit in
 * docs/fits-method.md.
 */
const COSINE = 1e-4

/** The minimum number of fits that reach the certified values, as measured so far. */
const least: Readonly<Record<string, number>> = {
  ...{ Bennett5: 200, BoxBOD: 200, Chwirut1: 200, Chwirut2: 200, DanWood: 200, ENSO: 16, Eckerle4: 28 },
  ...{ Gauss1: 31, Gauss2: 14, Gauss3: 19, Hahn1: 168, Kirby2: 200, Lanczos1: 150, Lanczos2: 150 },
  ...{ Lanczos3: 150, MGH09: 200, MGH10: 200, MGH17: 199, Misra1a: 200, Misra1b: 200, Misra1c: 200 },
  ...{ Misra1d: 200, Nelson: 200, Rat42: 200, Rat43: 200, Roszman1: 195, Thurber: 107 },
}

test.each(problemNames)('fits from random starts reach a minimum: %s', (name) => {
  const { model, data, parameters, values: certified, chiSquared } = readProblem(name)
  const next = random(28 + problemNames.indexOf(name))
  const start = Object.fromEntries(parameters.map((of) => [of, new Float64Array(STARTS)]))
  for (let k = 0; k < STARTS; k++) {
    for (const of of parameters) start[of][k] = certified[of] * FACTOR ** (2 * next() - 1)
  }
  const { values, chiSquared: found, reason } = fitManySync(expression(model), data, { y: 'y', start })
  const cosine = cosineOf(model, data, parameters)
  let arrived = 0
  for (let k = 0; k < STARTS; k++) {
    if (fitReasons[reason[k]] !== 'converged') continue
    if (found[k] <= Math.max(chiSquared * (1 + SAME), EXACT)) arrived++
    if (found[k] <= EXACT) continue
    const point = Object.fromEntries(parameters.map((of) => [of, values[of][k]]))
    expect(cosine(point), `start ${k}`).toBeLessThan(COSINE)
  }
  expect(arrived).toBeGreaterThanOrEqual(least[name])
})

/** The largest cosine between the residuals and a derivative of the model. */
function cosineOf(
  model: string,
  data: Readonly<Record<string, readonly number[]>>,
  parameters: readonly string[],
) {
  const of = expression(model)
  const names: readonly string[] = of.names
  const slopes = new Float64Array(names.length)
  return (point: Readonly<Record<string, number>>) => {
    const [squares, along] = [parameters.map(() => 0), parameters.map(() => 0)]
    let cost = 0
    for (const [row, y] of data.y.entries()) {
      const x = names.map((name) => point[name] ?? data[name][row])
      const residual = of.value(x) - y
      of.gradient(x, slopes)
      cost += residual * residual
      for (const [i, name] of parameters.entries()) {
        const slope = slopes[names.indexOf(name)]
        squares[i] += slope * slope
        along[i] += slope * residual
      }
    }
    return Math.max(...along.map((sum, i) => (sum === 0 ? 0 : Math.abs(sum) / Math.sqrt(squares[i] * cost))))
  }
}
