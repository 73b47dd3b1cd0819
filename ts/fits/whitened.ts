/**
 * A covariance of y, as of numbers that share an error: with C = L·Lᵀ (Cholesky) rows of L⁻¹·(y − f) are independent, and
 * a fit to L⁻¹·y is an ordinary one. Its model is the sum of f over all rows, each times a number of L⁻¹.
 */

import { NAME } from '../expressions/names.js'
import { OptionError } from '../ground/errors.js'
import { listOf, numbersIn } from '../ground/given.js'
import { type Column, numbersOf, put, rowsOf } from '../many/data.js'
import type { Call } from '../many/drive.js'
import { columnsOfModel } from './curve.js'
import { columnOf, type Found, type Ingredients, keeping, startingAt } from './found.js'
import type { FitColumn, FitValues } from './options.js'
import type { FitParameter } from './parameters.js'
import { isSomewhere } from './reasons.js'
import { FitManyResult } from './result.js'
import { Fits } from './run.js'

/** More would make programs of tens of thousands of operations. */
const MOST_ROWS = 512
/** Beside the diagonal, what is rounding: of a difference between both sides, and of a pivot. */
const ROUNDING = 1e-12

/** Fits under way, as `Fits` are. */
export class Whitened {
  readonly choice: Fits['choice']
  readonly options: FitValues
  readonly #first: Fits
  readonly #of: Ingredients
  readonly #covariance: readonly Float64Array[]
  /** L⁻¹, by columns. */
  readonly #inverse: readonly Float64Array[]
  #last: Fits | undefined

  /** @param first the fits as if rows were independent, which are not begun: where these end others start */
  constructor(first: Fits) {
    this.#first = first
    this.#of = first.ingredients()
    this.choice = first.choice
    this.options = first.options
    const { covariance, loss, missing, sigma, weights, method } = first.options
    const others = { sigma, weights, missing, method, loss: loss === 'poisson' ? loss : undefined }
    if (this.#of.problem.called !== null) {
      const expected = 'none of a function: residuals may be multiplied by the root of its inverse'
      throw new OptionError('covariance', expected, covariance)
    }
    for (const [name, value] of Object.entries(others)) {
      if (value !== undefined) throw new OptionError(name, 'none beside a covariance', value)
    }
    const { rows, given, problem } = this.#of
    this.#covariance = readCovariance(covariance)
    const lower = cholesky(this.#covariance)
    for (const fit of rows.keys()) {
      const count = rowsOf(given.get(problem.y) as Column, fit)
      if (count !== lower.length)
        throw new OptionError('covariance', `${count} rows, as y has`, `${lower.length}`)
    }
    this.#inverse = lower.map((_, j) =>
      eliminated(
        lower,
        Float64Array.from(lower, (_, i) => Number(i === j)),
      ),
    )
  }

  *calls(sideBySide = false): Generator<Call> {
    yield* this.#first.calls(sideBySide)
    const { found } = this.#of
    if (!found.reason.some(isSomewhere)) return
    this.#last = this.#whitened()
    yield* this.#last.calls(sideBySide)
    const now = this.#last.ingredients().found
    for (let fit = 0; fit < found.reason.length; fit++) {
      now.evaluations[fit] += found.evaluations[fit]
      if (isSomewhere(found.reason[fit])) continue
      const columns = (of: Found) => [
        ...of.free,
        ...of.covariance,
        of.cost,
        ...of.held,
        ...of.undetermined,
        of.reason,
      ]
      for (const [k, column] of columns(now).entries()) {
        put(column, Uint32Array.of(fit), Float64Array.of(columns(found)[k][fit]))
      }
    }
  }

  leave(): void {
    this.#first.leave()
    this.#last?.leave()
  }

  /** What can be said where it has been stopped: nothing, as all fits end with it. */
  done(): Ingredients {
    return keeping(this.#of, new Uint8Array(this.#of.rows.length))
  }

  result<Names extends string>(): FitManyResult<Names> {
    this.leave()
    if (this.#last === undefined) return new FitManyResult<Names>(this.#of)
    const last = this.#last.ingredients()
    return new FitManyResult<Names>({
      ...last,
      whitened: {
        covariance: this.#covariance,
        ones: this.#times(this.#inverse.map(() => 1)),
        // What errors there are where nobody has measured, no covariance says.
        plain: { ...this.#of, found: last.found, weightAt: () => NaN },
      },
    })
  }

  /** Fits of L⁻¹·y, from where those without a covariance have ended. */
  #whitened(): Fits {
    const { problem, given, rows, parameters } = this.#of
    const columns = columnsOfModel(problem)
    const apart = separator([
      problem.text,
      ...given.keys(),
      ...parameters.flatMap(({ name, expr }) => [name, expr ?? '']),
    ])
    const data: Record<string, FitColumn> = {
      [problem.y]: Array.from(rows, (_, fit) => this.#times(numbersOf(given.get(problem.y) as Column, fit))),
    }
    const start: Record<string, FitParameter> = {
      ...startingAt(this.#of, (name) => {
        // Those that are nowhere keep the reason that they have.
        return Array.from(columnOf(this.#of, name), (x) => (Number.isFinite(x) ? x : 1))
      }),
    } as Record<string, FitParameter>
    const names = new RegExp(`\\d[\\d.]*(?:[eE][+-]?\\d+)?|${NAME}`, 'gu')
    const terms = this.#inverse.map((column, j) => {
      data[`w${apart}${j}`] = column
      for (const name of columns) {
        const at = Array.from(rows, (_, fit) => numbersOf(given.get(name) as Column, fit)[j])
        start[`${name}${apart}${j}`] = { start: at.map((x) => (Number.isFinite(x) ? x : 1)), fixed: true }
      }
      const text = problem.text.replace(names, (name) =>
        columns.includes(name) ? `${name}${apart}${j}` : name,
      )
      return `w${apart}${j}*(${text})`
    })
    const { covariance, missing, multiStart, signal, onProgress, ...same } = this.options
    return new Fits({ text: terms.join(' + '), x: '', parameters: {} }, data, {
      ...same,
      y: problem.y,
      start,
    })
  }

  /** L⁻¹ times a column. */
  #times(numbers: ArrayLike<number>): Float64Array {
    return this.#inverse.reduce((sum, column, j) => {
      for (let i = j; i < sum.length; i++) sum[i] += column[i] * numbers[j]
      return sum
    }, new Float64Array(numbers.length))
  }
}

/** What sets names apart from all others. */
function separator(texts: readonly string[]): string {
  let apart = '__'
  while (texts.some((text) => text.includes(apart))) apart += '_'
  return apart
}

/** A copy of a symmetric matrix. */
function readCovariance(given: unknown): Float64Array[] {
  const expected = `a list of lists, as many as rows and at most ${MOST_ROWS}`
  const rows = listOf(given, MOST_ROWS)?.map((row) => numbersIn(row))
  if (rows === undefined || rows.length === 0) throw new OptionError('covariance', expected, given)
  const matrix = rows.map((row, i) => {
    if (row?.length === rows.length) return row
    throw new OptionError(`covariance[${i}]`, `${rows.length} numbers`, row && `${row.length}`)
  })
  for (const [i, row] of matrix.entries()) {
    for (const [j, x] of row.entries()) {
      const other = matrix[j][i]
      if (!Number.isFinite(x)) throw new OptionError(`covariance[${i}][${j}]`, 'a finite number', x)
      if (Math.abs(x - other) > ROUNDING * Math.max(Math.abs(x), Math.abs(other))) {
        throw new OptionError(`covariance[${i}][${j}]`, `${other}, as [${j}][${i}] is`, x)
      }
    }
  }
  return matrix
}

/** L of L·Lᵀ, by rows. */
function cholesky(matrix: readonly Float64Array[]): Float64Array[] {
  const lower = matrix.map((row) => new Float64Array(row.length))
  for (const [i, row] of matrix.entries()) {
    for (let j = 0; j <= i; j++) {
      let rest = row[j]
      for (let k = 0; k < j; k++) rest -= lower[i][k] * lower[j][k]
      if (j < i) lower[i][j] = rest / lower[j][j]
      else if (rest > ROUNDING * row[i]) lower[i][i] = Math.sqrt(rest)
      else {
        const why =
          i === 0 ? `${row[0]} at [0][0]` : `row ${i} that follows from those before it, or contradicts them`
        throw new OptionError('covariance', 'a positive definite matrix', why)
      }
    }
  }
  return lower
}

/** L⁻¹ times a column. */
function eliminated(lower: readonly Float64Array[], x: Float64Array): Float64Array {
  for (let i = 0; i < x.length; i++) {
    for (let k = 0; k < i; k++) x[i] -= lower[i][k] * x[k]
    x[i] /= lower[i][i]
  }
  return x
}
