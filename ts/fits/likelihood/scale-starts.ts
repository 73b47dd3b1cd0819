/**
 * Further starting points of σ models with several parameters. The likelihood of sqrt(add^2 + (prop*f)^2) can have one
 * minimum in which `add` explains the scatter, and another one for `prop`.
 */

import { log } from '../../functions/log.js'
import type { Parameter } from '../problem/parameters.js'
import { fromInternalInterval } from '../programs/internal-parameters.js'
import { evaluateScatter } from './evaluate.js'
import { type LikelihoodProblem, namesOfOption } from './problem.js'
import type { LikelihoodFits } from './source.js'

/** Maximum number of further starting points. */
export const MAX_STARTS = 3
/** Median of the absolute value of a standard normal variate. */
const NORMAL_MEDIAN = 0.6744897501960817
/** The other parameters of σ start at this fraction of the value at which they would explain the scatter alone. */
const SHARE = 0.05

/** External values of the free parameters, followed by the parameters that are fixed per fit. */
export function externalPoint(
  { likelihood, starts }: Pick<LikelihoodFits, 'likelihood' | 'starts'>,
  fit: number,
  free: readonly Parameter[],
  internal: ArrayLike<number>,
): number[] {
  const fixed = likelihood.problem.fixed.map((name) => (starts.get(name) as Float64Array)[fit])
  return [...free.map((parameter, i) => fromInternalInterval(parameter)(internal[i])), ...fixed]
}

/** Indices of the free parameters that only σ uses. */
export function scalesOf(likelihood: LikelihoodProblem): readonly number[] {
  const { problem, ofModel } = likelihood
  const used = namesOfOption(likelihood, 'sigma')
  return [...problem.free.keys()].filter(
    (i) => used.includes(problem.free[i]) && !ofModel.includes(problem.free[i]),
  )
}

/**
 * Points at which another parameter of σ explains the scatter of the rows around the curve alone. If one parameter does
 * so at the given point, the last point shares the scatter among all of them.
 *
 * @param point external values of the free parameters, followed by the parameters that are fixed per fit
 * @param scales indices of the free parameters of σ
 */
export function scaleStarts(
  likelihood: LikelihoodProblem,
  rows: readonly Float64Array[],
  point: ArrayLike<number>,
  scales: readonly number[],
): number[][] {
  const sizes = scales.map((i) => sizeAlone(likelihood, rows, point, scales, i))
  const known = scales.filter((_, k) => sizes[k] > 0 && sizes[k] < Infinity)
  if (known.length < 2) return []
  const sizeOf = (i: number) => sizes[scales.indexOf(i)]
  const share = (i: number) => point[i] / sizeOf(i)
  const order = [...known].sort((i, j) => share(i) - share(j))
  // A minimum in which one parameter explains the scatter alone is its own corner.
  const isCorner = share(order[order.length - 2]) < SHARE
  const corners: readonly (number | null)[] = isCorner ? [...order.slice(0, -1), null] : order
  return corners.slice(-MAX_STARTS).map((alone) => {
    const to = Array.from(point)
    for (const i of known) to[i] = partOf(i, alone, known.length) * sizeOf(i)
    return to
  })
}

/**
 * Part of the size of a parameter at a start.
 *
 * @param alone index of the parameter that explains the scatter, or null if all parameters share the scatter
 */
export const partOf = (i: number, alone: number | null, count: number): number =>
  alone === null ? Math.sqrt(1 / count) : i === alone ? 1 : SHARE

/** The value with which one parameter explains the scatter if all others are 0; NaN if σ would vanish. */
export function sizeAlone(
  likelihood: LikelihoodProblem,
  rows: readonly Float64Array[],
  point: ArrayLike<number>,
  scales: readonly number[],
  alone: number,
): number {
  const { columns, problem, family } = likelihood
  const at = Array.from(point)
  for (const i of scales) at[i] = i === alone ? 1 : 0
  const [f, sigma] = evaluateScatter(likelihood, at, rows)
  const y = rows[columns.indexOf(problem.y)]
  const isLog = family.name === 'lognormal'
  const sizes = new Float64Array(f.length)
  for (let row = 0; row < f.length; row++) {
    if (!(sigma[row] > 0 && sigma[row] < Infinity)) return NaN
    sizes[row] = Math.abs(isLog ? log(y[row] / f[row]) : y[row] - f[row]) / sigma[row]
  }
  sizes.sort()
  const half = sizes.length >> 1
  return (sizes.length % 2 === 1 ? sizes[half] : (sizes[half - 1] + sizes[half]) / 2) / NORMAL_MEDIAN
}
