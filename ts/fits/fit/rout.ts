/**
 * Outliers by the ROUT method (Motulsky and Brown, BMC Bioinformatics 7:123, 2006): a robust fit that assumes a
 * Lorentzian distribution of the errors, and a test of its residuals that limits the false discovery rate.
 */

import { OptionError } from '../../core/errors.js'
import { pauseAfterNumbers, runToEnd, type Slices } from '../../core/slices.js'
import { joinTexts } from '../../core/text.js'
import { concatenate, type DataColumn, numbersInRun, rowsInRun, sharedFirst } from '../../many/batch/data.js'
import type { EngineCall } from '../../many/engines/execute.js'
import { flag, type GivenOf, option, type ValuesOf } from '../../options/kinds.js'
import { readOptions } from '../../options/read.js'
import type { Outlier } from '../problem/outlier.js'
import { hasUsablePoint } from '../problem/reasons.js'
import { selectRows } from '../problem/row-selection.js'
import { type FitContext, parameterColumn, replaceFits, replaceStarts } from '../solve/fit-context.js'
import { WEIGHTS, weightExpression } from '../solve/model-weights.js'
import { linearizeCached } from '../uncertainty/linearize.js'
import { findOutliers, robustDeviation } from '../uncertainty/outlier-test.js'
import { rowsInUse } from '../uncertainty/rows-in-use.js'
import { isExact, readResponse, sumOfSquares } from '../uncertainty/statistics.js'
import type { CallFits, FirstFits } from './call-fits.js'
import { OutlierMethod } from './outlier-method.js'
import { FitManyResult } from './result.js'
import type { FitRun } from './run.js'
import { WrappedFits } from './wrapped-fits.js'

const table = {
  /**
   * Maximum false discovery rate Q: the desired maximum fraction of false outliers among all marked rows. Default 0.01.
   */
  q: option<number, number>('a number between 0 and 1', 0.01, (x) => typeof x === 'number' && x > 0 && x < 1),
  /** Whether fits with outliers are repeated without the outliers. Default false: the rows are only marked. */
  refit: flag(false),
}

/** Options of `rout`. */
export interface RoutOptions extends GivenOf<typeof table> {}

/** Relative change of the robust standard deviation at which a robust fit has settled. */
const SCALE_TOLERANCE = 1e-4
/** Convergence tolerance of the robust fits, whose points only determine residuals. */
const ROBUST_TOLERANCE = 1e-8
/** Maximum number of evaluations of one robust fit. The next round continues a fit that reaches the limit. */
const ROBUST_EVALUATIONS = 250
const MAX_ROUNDS = 50
/** Time to evaluate one row, as a multiple of the time of an array element between two pauses. */
const EVALUATION_COST = 16
/** Maximum number of outliers that a message lists. */
const MAX_LISTED = 5

class Rout extends OutlierMethod {
  readonly #settings: ValuesOf<typeof table>

  constructor(settings: ValuesOf<typeof table>) {
    super()
    this.#settings = settings
    Object.freeze(this)
  }

  wrap(first: FirstFits): CallFits {
    return new RoutFits(first, this.#settings)
  }
}

/**
 * Lets `fit` and `fitMany` mark outliers by the ROUT method. A robust fit with adaptive Lorentzian errors gives the
 * robust standard deviation of the residuals (RSDR), which outliers hardly change. The largest 30% of the residuals are
 * tested by the procedure of Benjamini and Hochberg, which limits the false discovery rate. The marked rows are in
 * `outliers` of each fit, and `message` lists them.
 *
 * @param options `q`, between 0 and 1, and `refit`
 * @throws OptionError if an option is out of its range
 * @example
 * const { outliers, values } = fit(models.fourPL(), data, { outliers: rout({ q: 0.01, refit: true }) })
 */
export function rout(options: RoutOptions = {}): OutlierMethod {
  return new Rout(readOptions('options', options, table))
}

/** Initial RSDR of the robust fits from the starting values, as a fraction of the RSDR of the fit by least squares. */
const NARROW_SCALE = 0.1
/** Ratio of RSDR below which the robust fit from the starting values replaces the one from the least-squares fit. */
const MAX_RATIO = 0.5

/** The robust fit of one fit of the call. */
interface RobustFit {
  /** Weighted residuals √w·(y − f) of the rows in use. */
  readonly residuals: Float64Array
  readonly deviation: number
}

/** Robust fits, by the index of the fit. */
class RobustFits {
  readonly fits = new Map<number, RobustFit>()
  readonly failed = new Set<number>()
  /** Free parameters at the robust solutions, one number per fit. */
  readonly values: ReadonlyMap<string, Float64Array>

  constructor(values: Iterable<readonly [string, Float64Array]>) {
    this.values = new Map(values)
  }

  deviation(fit: number): number {
    return this.failed.has(fit) ? Infinity : (this.fits.get(fit)?.deviation ?? Infinity)
  }

  /** Takes over a fit of other robust fits. */
  take(fit: number, others: RobustFits): void {
    this.failed.delete(fit)
    this.fits.set(fit, others.fits.get(fit) as RobustFit)
    for (const [name, column] of this.values) column[fit] = (others.values.get(name) as Float64Array)[fit]
  }
}

/** A series of robust fits: where the results go, and which half of the call's progress the series is. */
interface RobustRun {
  readonly to: RobustFits
  readonly half: 0 | 1
  readonly sideBySide: boolean
}

/** A run of fits that marks outliers. */
class RoutFits extends WrappedFits {
  readonly #settings: ValuesOf<typeof table>
  #robust = new RobustFits([])
  readonly #outliers: (readonly Outlier[])[] = []

  constructor(first: FirstFits, settings: ValuesOf<typeof table>) {
    const { options } = first
    const refuse = (name: string, expected: string, given: unknown) => {
      throw new OptionError(name, `${expected} if outliers is set`, given)
    }
    if (options.loss !== 'squared') refuse('loss', "'squared'", options.loss)
    if (options.covariance !== undefined) refuse('covariance', 'none', options.covariance)
    const text = weightExpression(options)
    if (text !== undefined) refuse(options.sigma === text ? 'sigma' : 'weights', 'no expression', text)
    super(first)
    this.#settings = settings
  }

  *calls(sideBySide = false): Generator<EngineCall> {
    yield* this.first.calls(sideBySide)
    const { observations } = this.context
    yield* this.#fitRobustly(sideBySide)
    const isPauseDue = pauseAfterNumbers()
    for (const [fit, rows] of observations.entries()) {
      this.#outliers.push(this.#mark(fit))
      if (isPauseDue(EVALUATION_COST * rows)) yield
    }
    if (this.#settings.refit) yield* this.#refit(sideBySide)
    this.progress.advance(observations.length)
  }

  result<Names extends string>(): FitManyResult<Names> {
    this.release()
    const context = this.context
    const { remark } = context
    return new FitManyResult<Names>({
      ...context,
      outliers: this.#outliers,
      remark: (values, columns, fit) => joinTexts(remark?.(values, columns, fit) ?? '', this.#describe(fit)),
    })
  }

  /**
   * Fits all rows robustly from two points: the least-squares solution, and the starting values with a narrow scale. The
   * least-squares solution may be a step that an outlier causes, in whose neighborhood the robust fit would stay.
   */
  *#fitRobustly(sideBySide: boolean): Generator<EngineCall> {
    const context = this.context
    const { observations, solved, problem, starts } = context
    const live = [...observations.keys()].filter(
      (fit) => hasUsablePoint(solved.reason[fit]) && observations[fit] > problem.free.length,
    )
    const points = (read: (name: string) => Float64Array) =>
      new RobustFits(problem.free.map((name) => [name, read(name).slice()]))
    this.#robust = points((name) => parameterColumn(context, name))
    const others = points((name) => starts.get(name) as Float64Array)
    const isPauseDue = pauseAfterNumbers()
    for (const fit of live) {
      const first = this.#evaluate(fit, context, fit)
      if (isPauseDue(EVALUATION_COST * first.residuals.length)) yield
      this.#robust.fits.set(fit, first)
      others.fits.set(fit, { ...first, deviation: NARROW_SCALE * first.deviation })
    }
    const scattered = live.filter((fit) => this.#hasScatter(fit, this.#robust))
    yield* this.#settle(scattered, { to: this.#robust, half: 0, sideBySide })
    yield* this.#settle(scattered, { to: others, half: 1, sideBySide })
    for (const fit of scattered) {
      if (others.deviation(fit) < MAX_RATIO * this.#robust.deviation(fit)) this.#robust.take(fit, others)
    }
  }

  /**
   * Minimizes the cost Σ log(1 + r²/RSDR²), and repeats the fits with the RSDR of their residuals until RSDR settles.
   */
  *#settle(fits: readonly number[], { to, half, sideBySide }: RobustRun): Generator<EngineCall> {
    const context = this.context
    const { observations, problem, refit } = context
    let live = fits
    for (let round = 0; round < MAX_ROUNDS && live.length > 0; round++) {
      this.progress.advance(Math.floor(((half + 1) * observations.length - live.length) / 2))
      const weights = live.map((fit) => {
        const { deviation } = to.fits.get(fit) as RobustFit
        return this.#weights(fit).map((w) => w / deviation / deviation)
      })
      const columns = selectFits(context.columns, live, problem.weight ?? WEIGHTS, weights)
      const run = refit(columns, selectStarts(context, live, to.values), {
        loss: 'cauchy',
        lossScale: 1,
        tolerance: ROBUST_TOLERANCE,
        maxIterations: ROBUST_EVALUATIONS,
      }) as FitRun
      yield* run.calls(sideBySide)
      run.release()
      live = yield* this.#takeRound(live, run.ingredients(), to)
    }
    for (const fit of live) to.failed.add(fit)
  }

  /** Stores the robust fits of one round. The function returns the fits whose RSDR has not settled. */
  *#takeRound(live: readonly number[], context: FitContext, to: RobustFits): Slices<number[]> {
    const { solved, problem } = context
    const isPauseDue = pauseAfterNumbers()
    const unsettled: number[] = []
    for (const [k, fit] of live.entries()) {
      if (!hasUsablePoint(solved.reason[k])) {
        to.failed.add(fit)
        continue
      }
      for (const [i, name] of problem.free.entries())
        (to.values.get(name) as Float64Array)[fit] = solved.free[i][k]
      const before = (to.fits.get(fit) as RobustFit).deviation
      const now = this.#evaluate(fit, context, k)
      to.fits.set(fit, now)
      const hasSettled = Math.abs(now.deviation - before) <= SCALE_TOLERANCE * before
      if (this.#hasScatter(fit, to) && !hasSettled) unsettled.push(fit)
      if (isPauseDue(EVALUATION_COST * now.residuals.length)) yield
    }
    return unsettled
  }

  /** The residuals of a fit, at a solution in another context. */
  #evaluate(fit: number, context: FitContext, index: number): RobustFit {
    const { y } = readResponse(this.context, fit)
    const weights = this.#weights(fit)
    const { curve } = linearizeCached(context, index)
    const residuals = y.map((value, row) => Math.sqrt(weights[row]) * (value - curve[row]))
    return { residuals, deviation: robustDeviation(residuals, context.problem.free.length) }
  }

  /** Weights of the rows in use. */
  #weights(fit: number): Float64Array {
    const { y, weights } = readResponse(this.context, fit)
    return weights ?? new Float64Array(y.length).fill(1)
  }

  /** Whether most rows differ from the curve by more than rounding errors. */
  #hasScatter(fit: number, { fits }: RobustFits): boolean {
    const { deviation, residuals } = fits.get(fit) as RobustFit
    return !isExact(deviation * deviation * residuals.length, sumOfSquares(this.context, fit))
  }

  #mark(fit: number): Outlier[] {
    const robust = this.#robust.fits.get(fit)
    if (robust === undefined || this.#robust.failed.has(fit) || !this.#hasScatter(fit, this.#robust))
      return []
    const { residuals, deviation } = robust
    const freedom = residuals.length - this.context.problem.free.length
    const marked = findOutliers(residuals, deviation, freedom, this.#settings.q)
    if (marked.length === 0) return []
    const [rows, weights] = [rowsInUse(this.context, fit), this.#weights(fit)]
    return marked.map(({ index, t, pValue, threshold }) => {
      return {
        row: rows[index],
        residual: residuals[index] / Math.sqrt(weights[index]),
        t,
        pValue,
        threshold,
      }
    })
  }

  /** Repeats the fits that have outliers, with the weight 0 for outliers. */
  *#refit(sideBySide: boolean): Generator<EngineCall> {
    const context = this.context
    const { data, problem, observations, solved, refit, dropsInvalid } = context
    const fits = this.#outliers.flatMap((marked, fit) => (marked.length > 0 ? [fit] : []))
    if (fits.length === 0) return
    const name = problem.weight ?? WEIGHTS
    const weights = Array.from(observations.keys(), (fit) => {
      const own = data.get(name)
      const rows = rowsInRun(data.get(problem.y) as DataColumn, fit)
      const list = own ? numbersInRun(own, fit).slice() : new Float64Array(rows).fill(1)
      for (const { row } of this.#outliers[fit]) list[row] = 0
      return list
    })
    const own = fits.map((fit) => weights[fit])
    const run = refit(
      selectFits(data, fits, name, own),
      selectStarts(context, fits, this.#robust.values),
      dropsInvalid ? { missing: 'drop' } : {},
    ) as FitRun
    yield* run.calls(sideBySide)
    run.release()
    const last = run.ingredients()
    replaceFits(solved, Uint32Array.from(fits), last.solved, Uint32Array.from(fits.keys()))
    for (const [k, fit] of fits.entries()) solved.evaluations[fit] += last.solved.evaluations[k]
    const all = sharedFirst(new Map([...data, [name, concatenate(weights)]]))
    this.context = {
      ...context,
      ...runToEnd(selectRows(all, name, observations.length, dropsInvalid)),
      data: all,
      compiled: last.compiled,
      problem: last.problem,
      profiled: undefined,
    }
  }

  #describe(fit: number): string {
    if (this.#robust.failed.has(fit)) return 'the robust fit has not converged, so no outliers are marked'
    const marked = this.#outliers[fit] ?? []
    if (marked.length === 0) return ''
    const listed = marked
      .slice(0, MAX_LISTED)
      .map(({ row, t }) => `row ${row} (t = ${Number(t.toPrecision(3))})`)
    const more = marked.length > MAX_LISTED ? ` and ${marked.length - MAX_LISTED} more` : ''
    const { q, refit } = this.#settings
    const effect = refit ? ', and the fit ran without them' : ''
    return `outliers by ROUT at Q = ${q}${effect}: ${listed.join(', ')}${more}`
  }
}

/** Columns of some fits, with other weights. */
function selectFits(
  columns: ReadonlyMap<string, DataColumn>,
  fits: readonly number[],
  weight: string,
  weights: readonly Float64Array[],
): ReadonlyMap<string, DataColumn> {
  const selected = new Map<string, DataColumn>()
  for (const [name, column] of columns) {
    const isShared = column.offsets === null
    selected.set(name, isShared ? column : concatenate(fits.map((fit) => numbersInRun(column, fit))))
  }
  selected.set(weight, concatenate(weights))
  return sharedFirst(selected)
}

/** Starting values of some fits. */
function selectStarts(
  context: FitContext,
  fits: readonly number[],
  values: ReadonlyMap<string, Float64Array>,
) {
  return replaceStarts(context, (name) => {
    const column = values.get(name) ?? parameterColumn(context, name)
    return fits.map((fit) => column[fit])
  })
}
