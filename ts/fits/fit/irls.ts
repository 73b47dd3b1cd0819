/**
 * Model-based weights such as 1/f², by iteratively reweighted least squares. Each round is an ordinary fit whose
 * weights are computed from the previous solution. The iteration ends when the parameters no longer change.
 */

import { pauseAfterNumbers, ROWS_PER_SLICE, runToEnd, type Slices } from '../../core/slices.js'
import { concatenate, type DataColumn, numbersInRun, rowsInRun, sharedFirst } from '../../many/batch/data.js'
import type { EngineCall } from '../../many/engines/execute.js'
import { type FitReason, fitReasons, hasUsablePoint } from '../problem/reasons.js'
import { selectRows } from '../problem/row-selection.js'
import { modelColumns } from '../programs/function-curve.js'
import { triangleIndex } from '../programs/ldlt.js'
import {
  type FitContext,
  parameterColumn,
  replaceFits,
  replaceStarts,
  type SolvedFits,
} from '../solve/fit-context.js'
import type { NonFinite } from '../solve/message.js'
import {
  compileWeights,
  isSettledWeight,
  MAX_ROUNDS,
  WEIGHTS,
  type WeightFunction,
  weightExpression,
} from '../solve/model-weights.js'
import { parameterPoint } from '../uncertainty/estimates.js'
import { evaluateModel } from '../uncertainty/linearize.js'
import { FitManyResult } from './result.js'
import type { FitRun } from './run.js'
import { WrappedFits } from './wrapped-fits.js'

/** A run of fits with model-based weights. */
export class IterativeReweighting extends WrappedFits {
  readonly #weightFunction: WeightFunction
  readonly #weights: Float64Array[] = []
  readonly #failedFits = new Map<number, NonFinite>()
  #lastRun: FitContext | undefined

  /** @param first the fits without weights, not started yet */
  constructor(first: FitRun) {
    super(first)
    const { options } = first
    const option = typeof options.sigma === 'string' ? 'sigma' : 'weights'
    this.#weightFunction = compileWeights(first.problem, weightExpression(options) as string, option)
  }

  *calls(sideBySide = false): Generator<EngineCall> {
    const { options } = this
    yield* this.first.calls(sideBySide)
    // Later rounds replace the results in the context of the first run.
    const { solved, refit, observations } = this.context
    const isLive = (fit: number) => hasUsablePoint(solved.reason[fit])
    let live = [...observations.keys()].filter(isLive)
    for (let round = 0; live.length > 0; round++) {
      this.progress.advance(observations.length - live.length)
      live = yield* this.#weigh(live)
      if (live.length === 0) break
      const fits = refit(yield* this.#selectColumns(live), this.#selectStarts(live)) as FitRun
      yield* fits.calls(sideBySide)
      fits.release()
      const last = fits.ingredients()
      const settled = live.map((fit, k) => hasConverged(solved, fit, last.solved, k, options.tolerance))
      this.#lastRun = last
      replaceFits(solved, Uint32Array.from(live), last.solved, Uint32Array.from(live.keys()))
      for (const [k, fit] of live.entries()) solved.evaluations[fit] += last.solved.evaluations[k]
      const isOver = round === MAX_ROUNDS
      if (isOver)
        for (const [k, fit] of live.entries()) if (!settled[k]) this.#setReason(fit, 'max-iterations')
      live = isOver ? [] : live.filter((fit, k) => !settled[k] && isLive(fit))
    }
    this.progress.advance(observations.length)
  }

  result<Names extends string>(): FitManyResult<Names> {
    this.release()
    const last = this.#lastRun
    const invalidWeights = this.#failedFits
    if (last === undefined) return new FitManyResult<Names>({ ...this.context, invalidWeights })
    const { observations, data, dropsInvalid } = this.context
    const { y } = this.context.problem
    const lists = Array.from(observations, (_, fit) => {
      return this.#weights[fit] ?? new Float64Array(rowsInRun(data.get(y) as DataColumn, fit)).fill(1)
    })
    const all = sharedFirst(new Map([...data, [WEIGHTS, concatenate(lists)]]))
    return new FitManyResult<Names>({
      ...this.context,
      ...runToEnd(selectRows(all, WEIGHTS, observations.length, dropsInvalid)),
      data: all,
      compiled: last.compiled,
      problem: last.problem,
      invalidWeights,
      weightAt: this.#weightFunction,
    })
  }

  /**
   * Computes the weights of fits at their current points. The function returns the fits whose weights are all valid. A
   * fit with an invalid weight ends, and its `reason` reports the weight.
   */
  *#weigh(fits: readonly number[]): Slices<number[]> {
    const weighed: number[] = []
    const isPauseDue = pauseAfterNumbers()
    for (const fit of fits) {
      if (yield* this.#setWeights(fit)) weighed.push(fit)
      if (isPauseDue(this.#weights[fit]?.length ?? 0)) yield
    }
    return weighed
  }

  /**
   * Computes the weights of one fit. If a weight is not finite and positive, the function ends the fit and returns
   * false.
   */
  *#setWeights(fit: number): Slices<boolean> {
    const { data, problem, solved } = this.context
    const y = numbersInRun(data.get(problem.y) as DataColumn, fit)
    const { value: valueAt, columns } = evaluateModel(this.context, fit, undefined)
    const point = parameterPoint(this.context, fit)
    const weights = y.map(() => 1)
    for (let row = 0; row < y.length; row++) {
      if (row % ROWS_PER_SLICE === ROWS_PER_SLICE - 1) yield
      const numbers = columns(row)
      if (Number.isNaN(y[row]) || numbers.some(Number.isNaN)) continue
      const value = this.#weightFunction(valueAt(row, point), numbers)
      if (!(value > 0 && value < Infinity)) {
        this.#failedFits.set(fit, { row, source: 'weight', name: null, value })
        this.#setReason(fit, 'not-finite')
        for (const column of [...solved.free, ...solved.covariance, ...solved.errors, solved.cost])
          column[fit] = NaN
        return false
      }
      weights[row] = value
    }
    this.#weights[fit] = weights
    return true
  }

  #setReason(fit: number, reason: FitReason): void {
    this.context.solved.reason[fit] = fitReasons.indexOf(reason)
  }

  /** Columns of the given fits, reduced to the rows in use, with the current weights. */
  *#selectColumns(fits: readonly number[]): Slices<ReadonlyMap<string, DataColumn>> {
    const selected = new Map<string, DataColumn>()
    for (const [name, column] of this.context.columns) {
      const isShared = column.offsets === null
      selected.set(name, isShared ? column : concatenate(fits.map((fit) => numbersInRun(column, fit))))
      yield
    }
    selected.set(WEIGHTS, concatenate(yield* this.#computeWeights(fits)))
    return sharedFirst(selected)
  }

  *#computeWeights(fits: readonly number[]): Slices<Float64Array[]> {
    const { data, problem, dropsInvalid } = this.context
    if (!dropsInvalid) return fits.map((fit) => this.#weights[fit])
    const names = [...modelColumns(problem), problem.y]
    const isPauseDue = pauseAfterNumbers()
    const kept: Float64Array[] = []
    for (const fit of fits) {
      const columns = names.map((name) => numbersInRun(data.get(name) as DataColumn, fit))
      const isMissing = (row: number) => columns.some((column) => Number.isNaN(column[row]))
      kept.push(this.#weights[fit].filter((_, row) => !isMissing(row)))
      if (isPauseDue(this.#weights[fit].length)) yield
    }
    return kept
  }

  #selectStarts(fits: readonly number[]) {
    return replaceStarts(this.context, (name) => {
      const column = parameterColumn(this.context, name)
      return fits.map((fit) => column[fit])
    })
  }
}

/**
 * Whether a round changed each parameter by no more than a converged step would change the parameter, relative to its
 * standard error.
 */
function hasConverged(
  before: SolvedFits,
  fit: number,
  now: SolvedFits,
  k: number,
  tolerance = 1e-10,
): boolean {
  return now.free.every((column, i) => {
    return isSettledWeight(before.free[i][fit], column[k], now.covariance[triangleIndex(i, i)][k], tolerance)
  })
}
