/**
 * Fits of a response y with a covariance matrix C, by whitening. If C = L·Lᵀ is the Cholesky factorization, the rows of
 * L⁻¹·(y − f) are independent and have unit variance. The fit of L⁻¹·y is therefore an ordinary fit. In each row, the
 * model of the whitened fit is the sum of the model values f of all rows, each multiplied by an element of L⁻¹.
 */

import { OptionError } from '../../core/errors.js'
import { toBoundedArray, toFloat64Array } from '../../core/untrusted-input.js'
import { NAME } from '../../expressions/names.js'
import { parse } from '../../expressions/parse.js'
import { type DataColumn, numbersInRun, rowsInRun } from '../../many/batch/data.js'
import type { EngineCall } from '../../many/engines/execute.js'
import type { FitColumn } from '../problem/options.js'
import type { FitParameter } from '../problem/parameters.js'
import { hasUsablePoint } from '../problem/reasons.js'
import { modelColumns } from '../programs/function-curve.js'
import { parameterColumn, replaceFits, replaceStarts } from '../solve/fit-context.js'
import type { CallFits, FirstFits } from './call-fits.js'
import { ResponseCovariance } from './response-covariance.js'
import { FitManyResult } from './result.js'
import { FitRun } from './run.js'
import { wasmModule } from './wasm-module.js'
import { WrappedFits } from './wrapped-fits.js'

/**
 * Maximum number of rows of a fit with a covariance matrix. With more rows, a compiled program would have tens of
 * thousands of operations.
 */
const MAX_ROWS = 512
/**
 * Accepted relative rounding error in the symmetry of the covariance matrix and in the pivots of the Cholesky
 * factorization.
 */
const SYMMETRY_TOLERANCE = 1e-12

class CovarianceMatrix extends ResponseCovariance {
  readonly #matrix: readonly Float64Array[]
  /** Columns of the inverse Cholesky factor L⁻¹. */
  readonly #inverse: readonly Float64Array[]

  constructor(matrix: readonly Float64Array[]) {
    super()
    const lower = cholesky(matrix)
    this.#matrix = matrix
    this.#inverse = lower.map((_, j) =>
      solveLower(
        lower,
        Float64Array.from(lower, (_, i) => Number(i === j)),
      ),
    )
    Object.freeze(this)
  }

  wrap(first: FirstFits): CallFits {
    return new WhitenedFit(first, this.#matrix, this.#inverse)
  }
}

/**
 * Lets `fit` and `fitMany` fit a response whose errors are correlated, by generalized least squares: the fit minimizes
 * (y − f)ᵀ·C⁻¹·(y − f), as SciPy's `curve_fit` does if `sigma` is a matrix. All fits of the call have the same
 * covariance. The matrix is copied and factorized once, so several calls may use the result.
 *
 * @param covariance covariance matrix C of y in the squared unit of y: at most 512 × 512, symmetric and positive
 * definite, with one row per row of the data
 * @throws OptionError if the matrix is not square, finite, symmetric and positive definite. The error names the entry.
 * @example
 * // Each row has an error of 0.1, and all rows share an error of 0.2.
 * const shared = x.map((_, i) => x.map((_, j) => (i === j ? 0.01 : 0) + 0.04))
 * fit(models.line(), { x, y }, { covariance: covarianceMatrix(shared), absoluteSigma: true })
 */
export function covarianceMatrix(covariance: readonly ArrayLike<number>[]): ResponseCovariance {
  return new CovarianceMatrix(readCovariance(covariance))
}

/** A run of fits with a covariance matrix of y. */
class WhitenedFit extends WrappedFits {
  readonly #covariance: readonly Float64Array[]
  readonly #inverse: readonly Float64Array[]
  #lastRun: FitRun | undefined

  /**
   * @param first the fits of the rows without covariance, not started yet; the whitened fits start at the solutions of
   * these fits
   * @param inverse columns of the inverse Cholesky factor L⁻¹ of the covariance
   */
  constructor(first: FirstFits, covariance: readonly Float64Array[], inverse: readonly Float64Array[]) {
    super(first)
    const { loss, missing, sigma, weights, method } = first.options
    const others = { sigma, weights, missing, method, loss: loss === 'poisson' ? loss : undefined }
    if (this.context.problem.functionModel !== null) {
      const expected = 'none for a function model (whiten its residuals instead)'
      throw new OptionError('covariance', expected, covariance)
    }
    this.context.problem.graph.linkedRows?.refuse('covariance')
    for (const [name, value] of Object.entries(others)) {
      if (value !== undefined) throw new OptionError(name, 'none if covariance is set', value)
    }
    const { observations, data, problem } = this.context
    for (const fit of observations.keys()) {
      const count = rowsInRun(data.get(problem.y) as DataColumn, fit)
      if (count !== covariance.length)
        throw new OptionError('covariance', `${count} rows, like y`, `${covariance.length}`)
    }
    this.#covariance = covariance
    this.#inverse = inverse
  }

  *calls(sideBySide = false): Generator<EngineCall> {
    yield* this.first.calls(sideBySide)
    const { solved } = this.context
    if (!solved.reason.some(hasUsablePoint)) return
    this.#lastRun = this.#whitenedModel()
    this.#lastRun.progress = this.progress
    yield* this.#lastRun.calls(sideBySide)
    const now = this.#lastRun.ingredients().solved
    const fits = Uint32Array.from(solved.reason.keys())
    for (const fit of fits) now.evaluations[fit] += solved.evaluations[fit]
    now.starts.set(solved.starts)
    const unusable = fits.filter((fit) => !hasUsablePoint(solved.reason[fit]))
    replaceFits(now, unusable, solved, unusable)
  }

  override release(): void {
    super.release()
    this.#lastRun?.release()
  }

  result<Names extends string>(): FitManyResult<Names> {
    this.release()
    if (this.#lastRun === undefined) return new FitManyResult<Names>(this.context)
    const last = this.#lastRun.ingredients()
    return new FitManyResult<Names>({
      ...last,
      whitened: {
        covariance: this.#covariance,
        ones: this.#multiply(this.#inverse.map(() => 1)),
        // A covariance matrix of y does not define the error of a new observation.
        plain: { ...this.context, solved: last.solved, weightAt: () => NaN },
      },
    })
  }

  /** Creates the fits of L⁻¹·y, which start at the solutions of the first run. */
  #whitenedModel(): FitRun {
    const { problem, data: given, observations, parameters } = this.context
    const columns = modelColumns(problem)
    const apart = separator([
      problem.text,
      ...given.keys(),
      ...parameters.flatMap(({ name, expr }) => [name, expr ?? '']),
    ])
    const data: Record<string, FitColumn> = {
      [problem.y]: Array.from(observations, (_, fit) =>
        this.#multiply(numbersInRun(given.get(problem.y) as DataColumn, fit)),
      ),
    }
    const start: Record<string, FitParameter> = {
      ...replaceStarts(this.context, (name) => {
        // Fits without a usable point start at a placeholder. The results of such fits come from the first run.
        return Array.from(parameterColumn(this.context, name), (x) => (Number.isFinite(x) ? x : 1))
      }),
    } as Record<string, FitParameter>
    const names = new RegExp(`\\d[\\d.]*(?:[eE][+-]?\\d+)?|${NAME}`, 'gu')
    const { lines, at } = parse(problem.text)
    const renamed = [...columns, ...lines]
    let definitions = ''
    const terms = this.#inverse.map((column, j) => {
      data[`w${apart}${j}`] = column
      for (const name of columns) {
        const at = Array.from(observations, (_, fit) => numbersInRun(given.get(name) as DataColumn, fit)[j])
        start[`${name}${apart}${j}`] = { start: at.map((x) => (Number.isFinite(x) ? x : 1)), fixed: true }
      }
      const rename = (text: string) =>
        text.replace(names, (name) => (renamed.includes(name) ? `${name}${apart}${j}` : name))
      definitions += rename(problem.text.slice(0, at))
      return `w${apart}${j}*(${rename(problem.text.slice(at).replace(/;\s*$/, ''))})`
    })
    const { covariance, missing, multiStart, signal, onProgress, ...same } = this.options
    return new FitRun(wasmModule, { text: definitions + terms.join(' + '), x: '', parameters: {} }, data, {
      ...same,
      y: problem.y,
      start,
    })
  }

  /** Product of the matrix L⁻¹ and a column. */
  #multiply(numbers: ArrayLike<number>): Float64Array {
    return this.#inverse.reduce((sum, column, j) => {
      for (let i = j; i < sum.length; i++) sum[i] += column[i] * numbers[j]
      return sum
    }, new Float64Array(numbers.length))
  }
}

/** A sequence of underscores that does not occur in any of the names, used to create unique names. */
function separator(texts: readonly string[]): string {
  let apart = '__'
  while (texts.some((text) => text.includes(apart))) apart += '_'
  return apart
}

/** Copies and validates a symmetric matrix. */
function readCovariance(given: unknown): Float64Array[] {
  const expected = `an array of arrays, one per row and at most ${MAX_ROWS}`
  const rows = toBoundedArray(given, MAX_ROWS)?.map((row) => toFloat64Array(row))
  if (rows === undefined || rows.length === 0) throw new OptionError('covariance', expected, given)
  const matrix = rows.map((row, i) => {
    if (row?.length === rows.length) return row
    throw new OptionError(`covariance[${i}]`, `${rows.length} numbers`, row && `${row.length}`)
  })
  for (const [i, row] of matrix.entries()) {
    for (const [j, x] of row.entries()) {
      const other = matrix[j][i]
      if (!Number.isFinite(x)) throw new OptionError(`covariance[${i}][${j}]`, 'a finite number', x)
      if (Math.abs(x - other) > SYMMETRY_TOLERANCE * Math.max(Math.abs(x), Math.abs(other))) {
        throw new OptionError(`covariance[${i}][${j}]`, `${other}, like [${j}][${i}]`, x)
      }
    }
  }
  return matrix
}

/** Cholesky factor L of a matrix L·Lᵀ, by rows. */
function cholesky(matrix: readonly Float64Array[]): Float64Array[] {
  const lower = matrix.map((row) => new Float64Array(row.length))
  for (const [i, row] of matrix.entries()) {
    for (let j = 0; j <= i; j++) {
      let rest = row[j]
      for (let k = 0; k < j; k++) rest -= lower[i][k] * lower[j][k]
      if (j < i) lower[i][j] = rest / lower[j][j]
      else if (rest > SYMMETRY_TOLERANCE * row[i]) lower[i][i] = Math.sqrt(rest)
      else {
        const why =
          i === 0
            ? `${row[0]} at [0][0]`
            : `row ${i}, which depends on the rows before it or contradicts them`
        throw new OptionError('covariance', 'a positive definite matrix', why)
      }
    }
  }
  return lower
}

/** Solves L·z = x in place by forward substitution. */
function solveLower(lower: readonly Float64Array[], x: Float64Array): Float64Array {
  for (let i = 0; i < x.length; i++) {
    for (let k = 0; k < i; k++) x[i] -= lower[i][k] * x[k]
    x[i] /= lower[i][i]
  }
  return x
}
