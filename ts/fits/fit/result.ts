import { checkIndex } from '../../core/errors.js'
import { isObject, mapRecord } from '../../core/untrusted-input.js'
import type { EngineName } from '../../engines/engine.js'
import { type DataColumn, numbersInRun } from '../../many/batch/data.js'
import { ZEROS } from '../problem/function-model.js'
import type { FitMinimum } from '../problem/multi-start.js'
import { type FitReason, fitReasons } from '../problem/reasons.js'
import { modelColumns } from '../programs/function-curve.js'
import { computeDegreesOfFreedom, type FitContext, hasBit } from '../solve/fit-context.js'
import { describeFit, findNonFinite, type NonFinite } from '../solve/message.js'
import { fitManySources, fitSources } from '../solve/result-source.js'
import { covarianceEntry, parameterColumns } from '../uncertainty/estimates.js'
import { FitView } from '../uncertainty/fit-view.js'
import { evaluateModel } from '../uncertainty/linearize.js'
import { computeStatistics, type Statistics, varies } from '../uncertainty/statistics.js'

type OutputColumns<Names extends string = string> = Readonly<Record<Names, Float64Array>>

/** Where fits ended, a column each, by fit. */
export class FitManyResult<Names extends string = string> {
  // Declared alone, as in FitView.
  /** All parameters, fixed ones and those that follow from others too. */
  declare readonly values: OutputColumns<Names>
  /** Their standard errors: 0 where a parameter is fixed, NaN where a bound holds it or nothing is known of it. */
  declare readonly errors: OutputColumns<Names>
  /** The least sum of what rows cost: of w·(f − y)², of a loss, or a deviance. */
  declare readonly chiSquared: Float64Array
  /** Rows of data that count: those whose weight is not 0 and that are not left out. */
  declare readonly observations: Uint32Array
  /** Rows with a weight that are left out because something is missing, with the option `missing`. */
  declare readonly droppedRows: Uint32Array
  /** How often the model has been evaluated. */
  declare readonly evaluations: Uint32Array
  /** Indices into `fitReasons`. */
  declare readonly reason: Uint8Array
  /** Parameters that vary, in the order of covariances. */
  declare readonly free: readonly Names[]
  /** What ran. */
  declare readonly engine: EngineName
  /** Why this engine, and why not another. */
  declare readonly engineReasons: readonly string[]
  readonly #context: FitContext

  /** @internal */
  constructor(ingredients: FitContext) {
    const { problem, observations, solved, choice } = ingredients
    const { parameters } = ingredients.whitened?.plain ?? ingredients
    this.#context = ingredients
    fitManySources.set(this, ingredients)
    Object.assign(this, parameterColumns({ ...ingredients, parameters }, observations.length), {
      free: problem.free,
      chiSquared: solved.cost,
      observations,
      droppedRows: ingredients.droppedRows,
      evaluations: solved.evaluations,
      reason: solved.reason,
      engine: choice.engine,
      engineReasons: choice.reasons,
    })
  }

  /** How many fits there are. */
  get length(): number {
    return this.observations.length
  }

  /** χ² by degree of freedom; NaN where there is none. */
  get reducedChiSquared(): Float64Array {
    return this.#statistic('reducedChiSquared')
  }

  /** 1 − χ²/Σw·(y − ȳ)², the part of the variance that the model explains; NaN where y does not vary. */
  get rSquared(): Float64Array {
    return this.#statistic('rSquared')
  }

  /** n·log(χ²/n) + 2·p, as lmfit has it; of a deviance χ² + 2·p. What a bound holds is not counted in p. */
  get aic(): Float64Array {
    return this.#statistic('aic')
  }

  /** The same with log(n)·p. */
  get bic(): Float64Array {
    return this.#statistic('bic')
  }

  /** One of the fits, with all that can be said of it. */
  at(fit: number): Fit<Names> {
    checkIndex('fit', fit, this.length)
    return new Fit(this, fit, this.#context)
  }

  #statistic(name: keyof Statistics): Float64Array {
    return this.chiSquared.map((_, fit) => computeStatistics(this.#context, fit)[name])
  }
}

/** One fit. */
export class Fit<Names extends string = string> extends FitView<Names> {
  // Declared alone, as in FitView.
  declare readonly reducedChiSquared: number
  declare readonly rSquared: number
  declare readonly aic: number
  declare readonly bic: number
  /** Rows with a weight that are left out because something is missing, with the option `missing`. */
  declare readonly droppedRows: number
  /** How many more rows count than there are parameters that vary and no bound holds. */
  declare readonly degreesOfFreedom: number
  declare readonly evaluations: number
  /**
   * Those of `free` that a bound holds, as χ² would be less beyond it. All else is that of a fit in which they are fixed
   * there: degrees of freedom, errors, bands; their own errors are NaN.
   */
  declare readonly atBound: readonly Names[]
  /** Those on which the model no longer depends where the fit has ended: their errors are NaN, and it is 'singular'. */
  declare readonly unidentifiable: readonly Names[]
  /** The minima at which the starts of `multiStart` have ended, the best one first. */
  declare readonly minima: readonly FitMinimum[]
  /** What ran. */
  declare readonly engine: EngineName
  /** Why this engine, and why not another. */
  declare readonly engineReasons: readonly string[]
  readonly #fit: number
  readonly #context: FitContext
  /** The same of rows as they were given: they are others where y has a covariance. */
  readonly #rows: FitContext

  /** @internal */
  constructor(all: FitManyResult<Names>, fit: number, ingredients: FitContext) {
    const ofFit = (columns: OutputColumns<Names>) => mapRecord(columns, (numbers) => numbers[fit])
    const rows = ingredients.whitened?.plain ?? ingredients
    const { solved, parameters, isAbsolute } = ingredients
    const degreesOfFreedom = computeDegreesOfFreedom(ingredients, fit)
    const statistics = computeStatistics(ingredients, fit)
    const variance = isAbsolute ? 1 : statistics.reducedChiSquared
    const covariance = () =>
      all.free.map((_, i) => all.free.map((_, j) => covarianceEntry(ingredients, fit, i, j)))
    const estimates = {
      values: ofFit(all.values),
      errors: ofFit(all.errors),
      free: all.free,
      chiSquared: all.chiSquared[fit],
      observations: all.observations[fit],
      reason: fitReasons[all.reason[fit]] as FitReason,
    }
    super(estimates, {
      covariance,
      distribution: { isAbsolute, degreesOfFreedom, variance, parameters },
      parts: () => [{ context: rows, index: fit }],
      computeIntervals: (level) => ingredients.computeIntervals?.(ingredients, fit, level),
    })
    this.#fit = fit
    this.#context = ingredients
    this.#rows = rows
    fitSources.set(this, { context: ingredients, index: fit })
    this.reducedChiSquared = statistics.reducedChiSquared
    this.rSquared = statistics.rSquared
    this.aic = statistics.aic
    this.bic = statistics.bic
    this.droppedRows = all.droppedRows[fit]
    this.degreesOfFreedom = degreesOfFreedom
    this.evaluations = all.evaluations[fit]
    this.atBound = all.free.filter((_, i) => hasBit(solved.atBound, fit, i))
    this.unidentifiable = all.free.filter((_, i) => hasBit(solved.unidentifiable, fit, i))
    this.minima = solved.minima[fit] ?? []
    this.engine = all.engine
    this.engineReasons = all.engineReasons
  }

  /** Why it ended as `reason` says, in words, and what has to be known of its numbers; empty if there is nothing. */
  get message(): string {
    const { data, columns, problem, parameters, isByRule, isAbsolute } = this.#rows
    const y = numbersInRun(columns.get(problem.y) as DataColumn, this.#fit)
    const index = (row: number) =>
      modelColumns(problem)
        .filter((name) => !name.startsWith('@'))
        .map((name) => [name, numbersInRun(data.get(name) as DataColumn, this.#fit)[row]] as const)
    const moved = parameters.flatMap(({ name, start, min, max }): [string, number][] => {
      const given = isObject(start) ? start[this.#fit] : start
      return given !== null && (given < min || given > max) ? [[name, given]] : []
    })
    const about = { index, isByRule, isAbsolute, moved, varies: varies(y) || problem.y === ZEROS }
    const said = describeFit(this, about)
    return [said, this.#remark()].filter((text) => text !== '').join('; ')
  }

  /** What the model says of its values. */
  #remark(): string {
    const { remark, columns } = this.#rows
    if (remark === null || this.reason === 'not-finite' || this.reason === 'too-few-points') return ''
    return remark(() => this.values, columns, this.#fit)
  }

  /**
   * Of a fit that is 'not-finite', the first row and column, the model or a derivative there, or the parameter whose
   * start is not finite; null where all are, and sums of them are not, or steps have led there.
   */
  get nonFinite(): NonFinite | null {
    if (this.reason !== 'not-finite') return null
    const unweighed = this.#context.invalidWeights.get(this.#fit)
    if (unweighed !== undefined) return unweighed
    const { data: columns, problem, starts, dropsInvalid } = this.#rows
    const point = [...problem.free, ...problem.fixed].map((name) => starts.get(name)?.[this.#fit] ?? NaN)
    const { outputs } = evaluateModel(this.#rows, this.#fit, undefined)
    const evaluate = (row: number) => outputs(row, point)
    return findNonFinite({ problem, columns, fit: this.#fit, starts, dropsInvalid, evaluate })
  }
}
