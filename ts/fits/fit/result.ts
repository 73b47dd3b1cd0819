import { checkIndex } from '../../core/errors.js'
import { joinTexts } from '../../core/text.js'
import { isObject } from '../../core/untrusted-input.js'
import type { EngineName } from '../../engines/engine.js'
import { type DataColumn, numbersInRun } from '../../many/batch/data.js'
import { ZEROS } from '../problem/function-model.js'
import type { FitMinimum } from '../problem/multi-start.js'
import type { Outlier } from '../problem/outlier.js'
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

/** Results of `fitMany`. Each quantity is a column with one number per fit. */
export class FitManyResult<Names extends string = string> {
  // `declare` emits no code for fields, as in the class FitView.
  /** Estimates of all parameters, including fixed ones, and of derived quantities. */
  declare readonly values: OutputColumns<Names>
  /**
   * Standard errors. The standard error is 0 for a fixed parameter, and NaN for a parameter at a bound or an
   * unidentifiable parameter.
   */
  declare readonly errors: OutputColumns<Names>
  /** Minimum of the sum of the costs of all rows. The cost of a row is w·(f − y)², a robust loss, or a deviance. */
  declare readonly chiSquared: Float64Array
  /** Number of rows in use: rows with a nonzero weight that the option `missing` did not drop. */
  declare readonly observations: Uint32Array
  /**
   * Number of rows dropped by the option `missing` because a number is missing. Dropped rows do not include rows of
   * weight 0.
   */
  declare readonly droppedRows: Uint32Array
  /** Number of evaluations of the model. Each evaluation computes all rows. */
  declare readonly evaluations: Uint32Array
  /**
   * Number of starting points of each fit. A built-in model adds starting points to its guess if a fit has not
   * converged or ends at an implausible curve, and for every robust loss.
   */
  declare readonly starts: Uint32Array
  /** Reasons why the fits ended, as indices into `fitReasons`. */
  declare readonly reason: Uint8Array
  /** Names of the free parameters, in the order of the rows and columns of covariances. */
  declare readonly free: readonly Names[]
  /** The engine that ran the fits. */
  declare readonly engine: EngineName
  /** Reasons for the choice of the engine. */
  declare readonly engineReasons: readonly string[]
  readonly #context: FitContext

  static {
    fitManySources.get = (found) => (#context in found ? found.#context : undefined)
  }

  /** @internal */
  constructor(ingredients: FitContext) {
    const { problem, observations, solved, choice } = ingredients
    const { parameters } = ingredients.whitened?.plain ?? ingredients
    this.#context = ingredients
    const { starts } = ingredients
    Object.assign(this, parameterColumns({ problem, solved, starts, parameters }, observations.length), {
      free: problem.free,
      chiSquared: solved.cost,
      observations,
      droppedRows: ingredients.droppedRows,
      evaluations: solved.evaluations,
      starts: solved.starts,
      reason: solved.reason,
      engine: choice.engine,
      engineReasons: choice.reasons,
    })
  }

  /** Number of fits. */
  get length(): number {
    return this.observations.length
  }

  /** χ² divided by the degrees of freedom. The reduced χ² is NaN if the fit has no degrees of freedom. */
  get reducedChiSquared(): Float64Array {
    return this.#statistic('reducedChiSquared')
  }

  /** Coefficient of determination, 1 − χ²/Σw·(y − ȳ)². R² is NaN if y is constant. */
  get rSquared(): Float64Array {
    return this.#statistic('rSquared')
  }

  /**
   * Akaike information criterion: n·log(χ²/n) + 2·p as in lmfit, or χ² + 2·p for a deviance. The formulas use the
   * number n of observations, and the number p of free parameters that are not at a bound.
   */
  get aic(): Float64Array {
    return this.#statistic('aic')
  }

  /** Bayesian information criterion: the formula of Akaike's criterion with log(n)·p instead of 2·p. */
  get bic(): Float64Array {
    return this.#statistic('bic')
  }

  /** The full result of the fit at the index `fit`. */
  at(fit: number): Fit<Names> {
    checkIndex('fit', fit, this.length)
    return new Fit(this, fit, this.#context)
  }

  #statistic(name: keyof Statistics): Float64Array {
    return this.chiSquared.map((_, fit) => computeStatistics(this.#context, fit)[name])
  }
}

/** The result of one fit. */
export class Fit<Names extends string = string> extends FitView<Names> {
  // `declare` emits no code for fields, as in the class FitView.
  /** χ² divided by the degrees of freedom. The reduced χ² is NaN if the fit has no degrees of freedom. */
  declare readonly reducedChiSquared: number
  /** Coefficient of determination, 1 − χ²/Σw·(y − ȳ)². R² is NaN if y is constant. */
  declare readonly rSquared: number
  /** Akaike information criterion. See {@link FitManyResult.aic}. */
  declare readonly aic: number
  /** Bayesian information criterion. See {@link FitManyResult.bic}. */
  declare readonly bic: number
  /**
   * Number of rows dropped by the option `missing` because a number is missing. Dropped rows do not include rows of
   * weight 0.
   */
  declare readonly droppedRows: number
  /** Number of observations minus the number of free parameters that are not at a bound. */
  declare readonly degreesOfFreedom: number
  /** Number of evaluations of the model. Each evaluation computes all rows. */
  declare readonly evaluations: number
  /** Number of starting points. See {@link FitManyResult.starts}. */
  declare readonly starts: number
  /**
   * Names of the free parameters that ended at a bound because χ² would be smaller beyond the bound. The standard error
   * of a parameter at a bound is NaN. Degrees of freedom, other standard errors and bands are computed as if these
   * parameters were fixed at the bound.
   */
  declare readonly atBound: readonly Names[]
  /**
   * Names of the free parameters on which the model no longer depends at the solution. The standard error of an
   * unidentifiable parameter is NaN, and the reason of the fit is 'singular'.
   */
  declare readonly unidentifiable: readonly Names[]
  /**
   * Distinct minima that the starts of `multiStart` reached, sorted by χ². The array of minima is empty without
   * `multiStart`.
   */
  declare readonly minima: readonly FitMinimum[]
  /** Rows that the option `outliers` marked. The array is empty without the option. */
  declare readonly outliers: readonly Outlier[]
  /** The engine that ran the fit. */
  declare readonly engine: EngineName
  /** Reasons for the choice of the engine. */
  declare readonly engineReasons: readonly string[]
  readonly #fit: number
  readonly #context: FitContext
  /**
   * Context of the original rows. If y has a covariance, `#context` contains whitened rows instead of the original
   * rows.
   */
  readonly #rows: FitContext

  static {
    fitSources.get = (found) =>
      #context in found ? { context: found.#context, index: found.#fit } : undefined
  }

  /** @internal */
  constructor(all: FitManyResult<Names>, fit: number, ingredients: FitContext) {
    // A copy whose properties are replaced takes a fraction of the time of a new record.
    const ofFit = (columns: OutputColumns<Names>) => {
      const record = { ...columns } as Record<string, unknown>
      for (const name of Object.keys(record)) record[name] = columns[name as Names][fit]
      return record as Readonly<Record<Names, number>>
    }
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
    this.reducedChiSquared = statistics.reducedChiSquared
    this.rSquared = statistics.rSquared
    this.aic = statistics.aic
    this.bic = statistics.bic
    this.droppedRows = all.droppedRows[fit]
    this.degreesOfFreedom = degreesOfFreedom
    this.evaluations = all.evaluations[fit]
    this.starts = all.starts[fit]
    this.atBound = all.free.filter((_, i) => hasBit(solved.atBound, fit, i))
    this.unidentifiable = all.free.filter((_, i) => hasBit(solved.unidentifiable, fit, i))
    this.minima = solved.minima[fit] ?? []
    this.outliers = ingredients.outliers?.[fit] ?? []
    this.engine = all.engine
    this.engineReasons = all.engineReasons
  }

  /**
   * Explanation of `reason`, and warnings about the results. The message is empty if the fit has converged without
   * warnings.
   */
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
    return joinTexts(describeFit(this, about), this.#remark())
  }

  /** The remark of the model about the estimates of this fit. */
  #remark(): string {
    const { remark, columns, solved, problem } = this.#rows
    // Exact models explain why they have no value where the fit starts.
    const isUnknown = this.reason === 'not-finite' && problem.functionModel?.exact === undefined
    if (remark === null || isUnknown || this.reason === 'too-few-points') return ''
    return remark(() => this.values, columns, this.#fit, solved)
  }

  /**
   * Source of a 'not-finite' result: the first row and column, model value, derivative or weight that is not finite, or
   * the parameter whose start is not finite. `nonFinite` is null for other reasons, or if only a sum or a later step
   * overflowed.
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
