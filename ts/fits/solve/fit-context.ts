/** What has been found of fits, from which results are made. */

import type { EngineChoice } from '../../engines/select-engine.js'
import type { DataColumn } from '../../many/batch/data.js'
import type { BatchRunner } from '../../many/engines/engines.js'
import type { EngineCall } from '../../many/engines/execute.js'
import type { BoundRemark } from '../models/model.js'
import type { FitMinimum } from '../problem/multi-start.js'
import type { FitParameter, FitParameters, Parameter } from '../problem/parameters.js'
import type { Problem } from '../problem/problem.js'
import { triangleIndex } from '../programs/ldlt.js'
import type { ModelPrograms } from '../programs/program-cache.js'
import type { NonFinite } from './message.js'

/** What fits come to, a column each, by fit; parameters that vary in the problem's order. */
export interface SolvedFits {
  readonly free: readonly Float64Array[]
  /** The lower triangle. */
  readonly covariance: readonly Float64Array[]
  /** The roots of its diagonal, also where their squares are too small or too large for a number. */
  readonly errors: readonly Float64Array[]
  readonly cost: Float64Array
  /** Which parameters a bound holds, and of which the data say nothing: bits, in the same order, in words of 32. */
  readonly atBound: readonly Uint32Array[]
  readonly unidentifiable: readonly Uint32Array[]
  readonly evaluations: Uint32Array
  readonly reason: Uint8Array
  /** Of fits with several starts. */
  readonly minima: (readonly FitMinimum[] | undefined)[]
}

/** A point of another valley that is lower than the fit's. */
export interface LowerMinimumColumns {
  /** Parameters that vary, in the problem's order. */
  readonly x: readonly number[]
  readonly chiSquared: number
}

/** Ends of profiles of fits, a column each, by name. */
export interface ProfiledEndpoints {
  readonly names: readonly string[]
  readonly level: number
  readonly low: readonly Float64Array[]
  readonly high: readonly Float64Array[]
  readonly lowReason: readonly Uint8Array[]
  readonly highReason: readonly Uint8Array[]
  /** By fit: the lowest one that was met, if any. */
  readonly lowerMinimum: (LowerMinimumColumns | undefined)[]
}

/** What a result is made of. */
export interface FitContext {
  readonly compiled: ModelPrograms
  readonly problem: Problem
  readonly parameters: readonly Parameter[]
  /** What fixed parameters are, by fit. */
  readonly starts: ReadonlyMap<string, Float64Array>
  readonly observations: Uint32Array
  readonly droppedRows: Uint32Array
  /** Of the rows that count, and of all that were given. */
  readonly columns: ReadonlyMap<string, DataColumn>
  readonly data: ReadonlyMap<string, DataColumn>
  /** Whether rows that miss something are left out. */
  readonly dropsInvalid: boolean
  /** Whether a first-order rule has made the steps. */
  readonly isByRule: boolean
  readonly solved: SolvedFits
  readonly choice: EngineChoice<BatchRunner>
  readonly isAbsolute: boolean
  /** What the option `intervals` computes; without it intervals are value ± t·error. */
  readonly computeIntervals: ComputeIntervals | undefined
  /** Endpoints of profiles that were computed with the fits. */
  readonly profiled: ProfiledEndpoints | undefined
  readonly refit: RefitFactory
  /** The same near where these have ended, of which no more is said than that. */
  readonly warmStart: RefitFactory
  /** Where a weight by the model is not finite and above 0, by fit. */
  readonly invalidWeights: ReadonlyMap<number, NonFinite>
  /** Where y has a covariance, all else is of L⁻¹·y. */
  readonly whitened: WhiteningColumns | null
  /** Of weights by the model, that of a row which none has been given, by the model's value there. */
  readonly weightAt: ((f: number, row: ArrayLike<number>) => number) | null
  /** Of a group that shares parameters with others, what says how large errors are: all of them together. */
  readonly errorScale?: ErrorScale
  /** What the model says of values. */
  readonly remark: BoundRemark | null
}

/** Intervals of one fit, by the names of what varies. */
export type ComputeIntervals = (
  context: FitContext,
  fit: number,
  level: number,
) => Readonly<Record<string, readonly [low: number, high: number]>>

/** What profiles are computed from. */
export type ProfileContext = Pick<
  FitContext,
  'compiled' | 'problem' | 'columns' | 'starts' | 'observations' | 'solved' | 'isAbsolute'
>

/** What says how large errors are. */
export interface ErrorScale {
  readonly observations: number
  readonly cost: number
  readonly degreesOfFreedom: number
}

/** What a covariance of y has made others. */
export interface WhiteningColumns {
  readonly covariance: readonly Float64Array[]
  /** L⁻¹ times 1 in each row. */
  readonly ones: Float64Array
  /** The same fits as rows were given. */
  readonly plain: FitContext
}

/** Makes fits of the same model, in the same way, of other columns of the same names, from other starts. */
export type RefitFactory = (columns: ReadonlyMap<string, DataColumn>, start: FitParameters) => PendingFits

/** Fits that are under way. */
export interface PendingFits {
  calls(): Generator<EngineCall>
  result(): {
    readonly values: Readonly<Record<string, Float64Array>>
    readonly reason: Uint8Array
  }
}

/**
 * The variance of what has some slopes by the parameters that vary, or its covariance with another. What has no slope has
 * no part, even where its variance is not known, and neither has what a bound holds: it counts as fixed.
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

/** The standard error of what has some slopes; NaN where bounds hold all that it depends on. */
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

/** How many more rows a fit has than parameters that vary and no bound holds. */
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
 * The parameters of these fits with other starts, for {@link RefitFactory}.
 *
 * @param startsOf of a parameter where each fit starts, of those that are fixed too
 */
export function replaceStarts(
  { parameters }: FitContext,
  startsOf: (name: string, isFixed: boolean) => Float64Array | readonly number[],
): FitParameters {
  const own = parameters.filter(({ isDerived }) => !isDerived)
  return Object.fromEntries(
    own.map(({ name, start, min, max, isFixed, isLogarithmic, expr }): [string, FitParameter] => {
      if (expr !== null) return [name, { expr }]
      // What is a number in programs stays one.
      const isSame = isFixed && typeof start === 'number'
      const point = isSame ? start : startsOf(name, isFixed)
      return [name, { start: point, min, max, positive: isLogarithmic, fixed: isFixed }]
    }),
  )
}

/** By fit, where a parameter is that follows from no others. */
export function parameterColumn({ problem, solved, starts }: FitContext, name: string): Float64Array {
  const at = problem.free.indexOf(name)
  return at < 0 ? (starts.get(name) as Float64Array) : solved.free[at]
}

/** Those that are not done have no reason. */
export function keepFits(context: FitContext, isDone: Uint8Array): FitContext {
  return {
    ...context,
    solved: { ...context.solved, reason: context.solved.reason.map((reason, fit) => reason * isDone[fit]) },
  }
}

/** Has fits end as others have, one for each; evaluations stay as they are. */
export function replaceFits(to: SolvedFits, fits: Uint32Array, from: SolvedFits, others: Uint32Array): void {
  const columns = ({ free, covariance, errors, cost, atBound, unidentifiable, reason }: SolvedFits) => [
    ...[...free, ...covariance, ...errors, cost],
    ...[...atBound, ...unidentifiable, reason],
  ]
  const all = columns(from)
  for (const [k, column] of columns(to).entries()) {
    for (let n = 0; n < fits.length; n++) column[fits[n]] = all[k][others[n]]
  }
}
