/** Checks that a distribution can have the responses, and the predictions and σ at the start. */

import { OptionError } from '../../core/errors.js'
import { toPrintable } from '../../core/text.js'
import { type DataColumn, numbersInRun } from '../../many/batch/data.js'
import type { GroupLabel } from '../problem/shared-parameters.js'
import { evaluateRows } from './evaluate.js'
import type { LikelihoodFamily } from './families.js'
import { type LikelihoodProblem, rowOutputs } from './problem.js'

/** The parts of a run that the checks read. */
interface CheckedRun {
  readonly likelihood: LikelihoodProblem
  readonly data: ReadonlyMap<string, DataColumn>
  readonly starts: ReadonlyMap<string, Float64Array>
  readonly count: number
  readonly labels: readonly GroupLabel[] | undefined
  rowsOf(fit: number): Float64Array[]
}

function place(row: number, fit: number, { count, labels }: Pick<CheckedRun, 'count' | 'labels'>): string {
  if (labels) return `in row ${row} of group ${toPrintable(String(labels[fit]))}`
  return `in row ${row}${count > 1 ? ` of fit ${fit}` : ''}`
}

/** The expected rows, if no response lies on the marked side of y; otherwise null. */
function findInvalidMark(
  { isDiscrete }: LikelihoodFamily,
  y: number,
  most: number,
  isBelow = 0,
  isAbove = 0,
): string | null {
  if (isBelow && isAbove) return 'a row that is marked below or above, not both'
  if (isDiscrete && isBelow && y < 1) return 'counts ≥ 1 in rows marked below'
  return isDiscrete && isAbove && y >= most ? 'counts less than the trials in rows marked above' : null
}

/** @throws OptionError that names the first row whose response the distribution cannot have */
export function checkResponse(run: Omit<CheckedRun, 'starts' | 'rowsOf'>, drops: boolean): void {
  const { data, count } = run
  const { family, problem, texts } = run.likelihood
  const { accepts, expected } = family.response
  const rows = (name: string | null | undefined, fit: number) => {
    const column = data.get(name ?? '')
    return column && numbersInRun(column, fit)
  }
  const isShared = [...data.values()].every(({ offsets }) => offsets === null)
  for (let fit = 0; fit < (isShared ? 1 : count); fit++) {
    const y = rows(problem.y, fit) as Float64Array
    const trials = rows(texts.trials, fit)
    const weights = rows(problem.weight, fit)
    const [below, above] = [rows(run.likelihood.below, fit), rows(run.likelihood.above, fit)]
    for (let row = 0; row < y.length; row++) {
      const n = trials?.[row] ?? (texts.trials === undefined ? NaN : Number(texts.trials))
      const isUnused = weights?.[row] === 0 || (Number.isNaN(y[row]) && (drops || !Number.isFinite(n)))
      if (isUnused || Number.isNaN(y[row])) continue
      const most = Number.isNaN(n) ? Infinity : n
      const wrong = !accepts(y[row], most)
        ? expected
        : findInvalidMark(family, y[row], most, below?.[row], above?.[row])
      if (wrong === null) continue
      throw new OptionError(
        `data: ${problem.y}`,
        `${wrong} (${family.name})`,
        `${y[row]} ${place(row, fit, run)}`,
      )
    }
  }
}

/**
 * The first row whose likelihood is not finite at the start, because a number or the model is not finite; null if the
 * fit can start.
 *
 * @throws OptionError that names the row if σ or another option is not positive at the start, or if the distribution
 * cannot have the model's value
 */
export function findInvalidStart(run: CheckedRun, fit: number): number | null {
  const { likelihood, starts } = run
  const { problem, family, texts } = likelihood
  const point = [...problem.free, ...problem.fixed].map((name) => starts.get(name)?.[fit] ?? NaN)
  const outputs = evaluateRows(likelihood, point, run.rowsOf(fit))
  const options = Object.keys(texts)
  for (let row = 0; row < outputs[0].length; row++) {
    if (!Number.isFinite(outputs[0][row])) return row
    for (const name of family.positive) {
      const value = outputs[rowOutputs.length + options.indexOf(name)][row]
      if (value > 0 && value < Infinity) continue
      throw new OptionError(name, 'a finite value > 0 at the start', `${value} ${place(row, fit, run)}`)
    }
    const { low, high, expected } = family.prediction
    // Distributions of counts have limits at f = 0, and binomial ones at f = 1, in which only one count is possible.
    const [f, cost] = [outputs[0][row], outputs[1][row]]
    const isLimit = family.isDiscrete && (f === 0 || f === 1) && Number.isFinite(cost)
    if (!(low < f && f < high) && !isLimit)
      throw new OptionError(
        'start',
        `a model value ${expected} (${family.name})`,
        `${f} ${place(row, fit, run)}`,
      )
    if (!Number.isFinite(cost)) return row
  }
  return null
}
