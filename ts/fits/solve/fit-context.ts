/** The solved fits and the context of the fits, from which results are built. */

import type { EngineChoice } from '../../engines/select-engine.js'
import type { DataColumn, NumberArray } from '../../many/batch/data.js'
import type { BatchRunner } from '../../many/engines/engines.js'
import type { EngineCall } from '../../many/engines/execute.js'
import type { BoundRemark } from '../models/model.js'
import type { FitMinimum } from '../problem/multi-start.js'
import type { Outlier } from '../problem/outlier.js'
import type { FitParameter, FitParameters, Parameter } from '../problem/parameters.js'
import type { Problem } from '../problem/problem.js'
import { triangleIndex } from '../programs/ldlt.js'
import type { ModelPrograms } from '../programs/program-cache.js'
import type { NonFinite } from './message.js'

/**
 * Results of the fits, as columns with one number per fit. The free parameters have the same order as in the problem.
 */
export interface SolvedFits {
  readonly free: readonly Float64Array[]
  /** The lower triangle of the covariance matrix. */
  readonly covariance: readonly Float64Array[]
  /**
   * Standard errors: square roots of the diagonal of the covariance. The standard errors are accurate even if their
   * squares underflow or overflow.
   */
  readonly errors: readonly Float64Array[]
  readonly cost: Float64Array
  /** Parameters at a bound, and unidentifiable parameters: one bit per free parameter, in 32-bit words. */
  readonly atBound: readonly Uint32Array[]
  readonly unidentifiable: readonly Uint32Array[]
  readonly evaluations: Uint32Array
  readonly reason: Uint8Array
  /** Number of starting points. */
  readonly starts: Uint32Array
  /** Array with 1 for each fit that a further starting point of the model has improved. */
  isImproved?: Uint8Array
  /** Minima of fits with several starting points. */
  readonly minima: (readonly FitMinimum[] | undefined)[]
}

/** A point at which χ² is lower than at the solution of the fit. */
export interface LowerMinimumColumns {
  /** Values of the free parameters, in the order of the problem. */
  readonly x: readonly number[]
  readonly chiSquared: number
}

/** Profile endpoints of the fits, as columns with one number per fit, by parameter name. */
export interface ProfiledEndpoints {
  readonly names: readonly string[]
  readonly level: number
  readonly low: readonly Float64Array[]
  readonly high: readonly Float64Array[]
  readonly lowReason: readonly Uint8Array[]
  readonly highReason: readonly Uint8Array[]
  /** The lowest minimum that was found below each fit, if any. */
  readonly lowerMinimum: (LowerMinimumColumns | undefined)[]
}

/** All data from which a result is built. */
export interface FitContext {
  readonly compiled: ModelPrograms
  readonly problem: Problem
  readonly parameters: readonly Parameter[]
  /** Values of the fixed parameters, per fit. */
  readonly starts: ReadonlyMap<string, Float64Array>
  readonly observations: Uint32Array
  readonly droppedRows: Uint32Array
  /** Columns of the rows in use, and the original columns of the user. */
  readonly columns: ReadonlyMap<string, DataColumn>
  readonly data: ReadonlyMap<string, DataColumn>
  /** Whether rows with missing values are dropped. */
  readonly dropsInvalid: boolean
  /** Whether a first-order update rule made the steps. */
  readonly isByRule: boolean
  readonly solved: SolvedFits
  readonly choice: EngineChoice<BatchRunner>
  readonly isAbsolute: boolean
  /** Function that computes the intervals for the option `intervals`, or undefined for value ± t·error. */
  readonly computeIntervals: ComputeIntervals | undefined
  /** Profile endpoints that were computed together with the fits. */
  readonly profiled: ProfiledEndpoints | undefined
  readonly refit: RefitFactory
  /** The first run's programs and limit of evaluations per start, for warm-started fits. */
  readonly warmStart: { readonly compiled: ModelPrograms; readonly maxIterations: number }
  /**
   * First invalid model-based weight of each fit, by fit index. A weight is invalid if it is not positive and finite.
   */
  readonly invalidWeights: ReadonlyMap<number, NonFinite>
  /** Whitened columns, if y has a covariance. All other columns then belong to the fit of L⁻¹·y. */
  readonly whitened: WhiteningColumns | null
  /**
   * Model-based weight of a row that has no weight in the data, computed from the model's value in the row. `weightAt`
   * is null if weights do not depend on the model.
   */
  readonly weightAt: ((f: number, row: ArrayLike<number>) => number) | null
  /** Error scale of all groups together, for a group of a shared fit. */
  readonly errorScale?: ErrorScale
  /** Remarks of the model on the estimates. */
  readonly remark: BoundRemark | null
  /** Rows that the option `outliers` marked, per fit. */
  readonly outliers?: readonly (readonly Outlier[])[]
}

/** Function that computes the intervals of one fit, by name of the free parameter. */
export type ComputeIntervals = (
  context: FitContext,
  fit: number,
  level: number,
) => Readonly<Record<string, readonly [low: number, high: number]>>

/** The context from which profiles are computed. */
export type ProfileContext = Pick<
  FitContext,
  'compiled' | 'problem' | 'columns' | 'starts' | 'observations' | 'solved' | 'isAbsolute'
>

/** Quantities that determine the scale of standard errors. */
export interface ErrorScale {
  readonly observations: number
  readonly cost: number
  readonly degreesOfFreedom: number
}

/** Columns of fits in which y has a covariance. */
export interface WhiteningColumns {
  readonly covariance: readonly Float64Array[]
  /** Product of L⁻¹ and a column of ones. */
  readonly ones: Float64Array
  /** Context of the same fits with the original rows of the user. */
  readonly plain: FitContext
}

/**
 * Creates fits of the same model with the same settings, for other columns of the same names and other starting values.
 * `others` replaces settings.
 */
export type RefitFactory = (
  columns: ReadonlyMap<string, DataColumn>,
  start: FitParameters,
  others?: object,
) => PendingFits

/** Fits that have not finished yet. */
export interface PendingFits {
  calls(): Generator<EngineCall>
  result(): {
    readonly values: Readonly<Record<string, Float64Array>>
    readonly reason: Uint8Array
  }
}

/**
 * Variance of a quantity with the given derivatives with respect to the free parameters, or covariance of two such
 * quantities. A parameter with the derivative 0 contributes nothing, even if the variance of the parameter is unknown.
 * Parameters at a bound count as fixed.
 */
export function getVariance(
  { covariance, atBound }: Pick<SolvedFits, 'covariance' | 'atBound'>,
  fit: number,
  slopes: readonly number[],
  others = slopes,
): number {
  const moves = (slope: number, i: number) => slope !== 0 && !hasBit(atBound, fit, i)
  let sum = 0
  for (const [i, a] of slopes.entries()) {
    for (const [j, b] of others.entries()) {
      if (moves(a, i) && moves(b, j)) sum += a * b * covariance[triangleIndex(i, j)][fit]
    }
  }
  return sum
}

/**
 * Standard error of a quantity with the given derivatives, or NaN if the quantity depends only on parameters at
 * bounds.
 */
export function standardError(
  found: Pick<SolvedFits, 'covariance' | 'atBound'>,
  fit: number,
  slopes: readonly number[],
): number {
  const moving = slopes.flatMap((slope, i) => (slope === 0 ? [] : [i]))
  const isHeld = moving.length > 0 && moving.every((i) => hasBit(found.atBound, fit, i))
  return isHeld ? NaN : Math.sqrt(getVariance(found, fit, slopes))
}

export const hasBit = (words: readonly Uint32Array[], fit: number, i: number) =>
  ((words[i >> 5][fit] >> (i & 31)) & 1) === 1

/** Count of observations of a fit minus count of its free parameters that are not at a bound. */
export function computeDegreesOfFreedom(
  {
    problem,
    observations,
    solved,
  }: Pick<FitContext, 'problem' | 'observations'> & { readonly solved: Pick<SolvedFits, 'atBound'> },
  fit: number,
): number {
  return observations[fit] - problem.free.filter((_, i) => !hasBit(solved.atBound, fit, i)).length
}

export function computeErrorScale(
  context: Pick<FitContext, 'problem' | 'observations' | 'errorScale'> & {
    readonly solved: Pick<SolvedFits, 'cost' | 'atBound'>
  },
  fit: number,
): ErrorScale {
  return (
    context.errorScale ?? {
      observations: context.observations[fit],
      cost: context.solved.cost[fit],
      degreesOfFreedom: computeDegreesOfFreedom(context, fit),
    }
  )
}

/**
 * The parameters of the fits with new starting values, for {@link RefitFactory}.
 *
 * @param startsOf starting value per fit, for a parameter that may be fixed
 */
export function replaceStarts(
  { parameters }: Pick<FitContext, 'parameters'>,
  startsOf: (name: string, isFixed: boolean) => Float64Array | readonly number[],
): FitParameters {
  const own = parameters.filter(({ isDerived }) => !isDerived)
  return Object.fromEntries(
    own.map(({ name, start, min, max, isFixed, isLogarithmic, expr }): [string, FitParameter] => {
      if (expr !== null) return [name, { expr }]
      // A parameter that is a constant of the compiled programs keeps its value.
      const isSame = isFixed && typeof start === 'number'
      const point = isSame ? start : startsOf(name, isFixed)
      return [name, { start: point, min, max, positive: isLogarithmic, fixed: isFixed }]
    }),
  )
}

/** Values of a parameter, one per fit, unless an expression defines the parameter. */
export function parameterColumn({ problem, solved, starts }: FitContext, name: string): Float64Array {
  const at = problem.free.indexOf(name)
  return at < 0 ? (starts.get(name) as Float64Array) : solved.free[at]
}

/** Sets the reason of unfinished fits to 0. */
export function keepFits(context: FitContext, isDone: Uint8Array): FitContext {
  return {
    ...context,
    solved: { ...context.solved, reason: context.solved.reason.map((reason, fit) => reason * isDone[fit]) },
  }
}

/** The columns that describe the solutions. Each solution of a problem has the same count of columns. */
export const solutionColumns = <Column>({
  free,
  covariance,
  errors,
  cost,
  atBound,
  unidentifiable,
  reason,
}: QuantityColumns<Column>): Column[] => [
  ...free,
  ...covariance,
  ...errors,
  cost,
  ...atBound,
  ...unidentifiable,
  reason,
]

interface QuantityColumns<Column> {
  readonly free: Iterable<Column>
  readonly covariance: Iterable<Column>
  readonly errors: Iterable<Column>
  readonly cost: Column
  readonly atBound: readonly Column[]
  readonly unidentifiable: readonly Column[]
  readonly reason: Column
}

/** Copies the results of other fits, except for the counts of evaluations. */
export function replaceFits(to: SolvedFits, fits: Uint32Array, from: SolvedFits, others: Uint32Array): void {
  const all = solutionColumns<NumberArray>(from)
  for (const [k, column] of solutionColumns<NumberArray>(to).entries()) {
    for (let n = 0; n < fits.length; n++) column[fits[n]] = all[k][others[n]]
  }
}
