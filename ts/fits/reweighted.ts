/**
 * Weights that are made of the model, as 1/f² is: fits with the weights that the last ones have found, until these
 * settle (iteratively reweighted least squares). Each round is an ordinary fit, in which weights are numbers.
 */

import { type Column, numbersOf, put, rowsOf, sharedFirst } from '../many/data.js'
import type { Call } from '../many/drive.js'
import { countRows } from './counted.js'
import { columnsOfModel } from './curve.js'
import { columnOf, type Found, type Ingredients, keeping, startingAt } from './found.js'
import { inTriangle } from './linear.js'
import { modelAt, pointOf } from './linearise.js'
import type { NonFinite } from './message.js'
import type { FitValues } from './options.js'
import { type FitReason, fitReasons, isSomewhere } from './reasons.js'
import { FitManyResult } from './result.js'
import type { Fits } from './run.js'
import { isSame, ROUNDS, textOf, WEIGHTS, type Weigh, weighing } from './weighing.js'

/** Fits under way, as `Fits` are. */
export class Reweighted {
  readonly choice: Fits['choice']
  readonly options: FitValues
  readonly #first: Fits
  readonly #of: Ingredients
  readonly #weigh: Weigh
  readonly #weights: Float64Array[] = []
  readonly #failed = new Map<number, NonFinite>()
  #last: Ingredients | undefined

  /** @param first the fits without weights, which are not begun */
  constructor(first: Fits) {
    this.#first = first
    this.#of = first.ingredients()
    this.choice = first.choice
    this.options = first.options
    const { options } = first
    const option = typeof options.sigma === 'string' ? 'sigma' : 'weights'
    this.#weigh = weighing(this.#of.problem, textOf(options) as string, option)
  }

  *calls(sideBySide = false): Generator<Call> {
    const { found, again, rows } = this.#of
    const { options } = this.#first
    yield* this.#first.calls(sideBySide)
    const isLive = (fit: number) => isSomewhere(found.reason[fit])
    let live = [...rows.keys()].filter(isLive)
    for (let round = 0; live.length > 0; round++) {
      live = live.filter((fit) => this.#setWeights(fit))
      if (live.length === 0) break
      const fits = again(this.#columnsOf(live), this.#startOf(live)) as Fits
      yield* fits.calls(sideBySide)
      fits.leave()
      const last = fits.ingredients()
      const settled = live.map((fit, k) => isSettled(found, fit, last.found, k, options.tolerance))
      this.#last = last
      this.#take(live, last.found)
      const isOver = round === ROUNDS
      if (isOver)
        for (const [k, fit] of live.entries()) if (!settled[k]) this.#setReason(fit, 'max-iterations')
      live = isOver ? [] : live.filter((fit, k) => !settled[k] && isLive(fit))
    }
  }

  leave(): void {
    this.#first.leave()
  }

  /** What can be said where it has been stopped: nothing, as a round does not say whether it is the last. */
  done(): Ingredients {
    return keeping(this.#of, new Uint8Array(this.#of.rows.length))
  }

  result<Names extends string>(): FitManyResult<Names> {
    this.leave()
    const last = this.#last
    const unweighed = this.#failed
    if (last === undefined) return new FitManyResult<Names>({ ...this.#of, unweighed })
    const { rows, given, drops } = this.#of
    const { y } = this.#of.problem
    const lists = Array.from(rows, (_, fit) => {
      return this.#weights[fit] ?? new Float64Array(rowsOf(given.get(y) as Column, fit)).fill(1)
    })
    const all = sharedFirst(new Map([...given, [WEIGHTS, joined(lists)]]))
    return new FitManyResult<Names>({
      ...{ ...this.#of, ...countRows(all, WEIGHTS, rows.length, drops), given: all },
      ...{ compiled: last.compiled, problem: last.problem },
      ...{ unweighed, weightAt: this.#weigh },
    })
  }

  /** Of a fit at its point. Gives false where one is not finite and above 0: the fit ends there. */
  #setWeights(fit: number): boolean {
    const { given, problem, found } = this.#of
    const y = numbersOf(given.get(problem.y) as Column, fit)
    const { value: valueAt, columns } = modelAt(this.#of, fit, undefined)
    const point = pointOf(this.#of, fit)
    const weights = y.map(() => 1)
    for (let row = 0; row < y.length; row++) {
      const numbers = columns(row)
      if (Number.isNaN(y[row]) || numbers.some(Number.isNaN)) continue
      const value = this.#weigh(valueAt(row, point), numbers)
      if (!(value > 0 && value < Infinity)) {
        this.#failed.set(fit, { row, what: 'weight', name: null, value })
        this.#setReason(fit, 'not-finite')
        for (const column of [...found.free, ...found.covariance, ...found.errors, found.cost])
          column[fit] = NaN
        return false
      }
      weights[row] = value
    }
    this.#weights[fit] = weights
    return true
  }

  #setReason(fit: number, reason: FitReason): void {
    this.#of.found.reason[fit] = fitReasons.indexOf(reason)
  }

  /** Of the rows that count, as each round has them. */
  #columnsOf(fits: readonly number[]): Map<string, Column> {
    const own = (column: Column) =>
      column.offsets === null ? column : joined(fits.map((fit) => numbersOf(column, fit)))
    const columns = [...this.#of.columns].map(([name, column]) => [name, own(column)] as const)
    return sharedFirst(new Map([...columns, [WEIGHTS, joined(this.#weightsOf(fits))]]))
  }

  #weightsOf(fits: readonly number[]): Float64Array[] {
    const { given, problem, drops } = this.#of
    const names = [...columnsOfModel(problem), problem.y]
    return fits.map((fit) => {
      const columns = names.map((name) => numbersOf(given.get(name) as Column, fit))
      const isMissing = (row: number) => drops && columns.some((column) => Number.isNaN(column[row]))
      return this.#weights[fit].filter((_, row) => !isMissing(row))
    })
  }

  #startOf(fits: readonly number[]) {
    return startingAt(this.#of, (name) => {
      const column = columnOf(this.#of, name)
      return fits.map((fit) => column[fit])
    })
  }

  #take(fits: readonly number[], from: Found): void {
    const to = this.#of.found
    const at = Uint32Array.from(fits)
    const columns = (of: Found) => [
      ...of.free,
      ...of.covariance,
      ...of.errors,
      of.cost,
      ...of.held,
      ...of.undetermined,
      of.reason,
    ]
    for (const [k, column] of columns(to).entries()) put(column, at, columns(from)[k])
    for (const [k, fit] of fits.entries()) to.evaluations[fit] += from.evaluations[k]
  }
}

/** Whether a round has changed nothing, beside standard errors as a step beside them would be. */
function isSettled(before: Found, fit: number, now: Found, k: number, tolerance = 1e-10): boolean {
  return now.free.every((column, i) => {
    return isSame(before.free[i][fit], column[k], now.covariance[inTriangle(i, i)][k], tolerance)
  })
}

function joined(lists: readonly Float64Array[]): Column {
  const offsets = new Float64Array(lists.length + 1)
  for (const [fit, { length }] of lists.entries()) offsets[fit + 1] = offsets[fit] + length
  const numbers = new Float64Array(offsets[lists.length])
  for (const [fit, list] of lists.entries()) numbers.set(list, offsets[fit])
  return { numbers, offsets }
}
