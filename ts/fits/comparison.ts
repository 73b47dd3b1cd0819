/** What is said of two models by what their fits to the same data leave. */

import { elementary } from '../functions/index.js'
import { ArgumentError } from '../ground/errors.js'
import { numbersOf } from '../many/data.js'
import { outside } from './f-distribution.js'
import type { Ingredients } from './found.js'
import type { FitReason } from './reasons.js'
import { isMet, squaresOf } from './statistics.js'

const { exp, log } = elementary('float64')

/** Two fits of the same data, a and b, beside each other. */
export interface Comparison {
  /** Which of both has more parameters that vary and no bound holds; null where they have equally many. */
  readonly fuller: 'a' | 'b' | null
  /** 'F' where σ is estimated, 'likelihood-ratio' where it is known or rows are counts; null where there is none. */
  readonly test: 'F' | 'likelihood-ratio' | null
  /** F; or by how much the fuller model lowers χ². NaN without a test, as all of it. */
  readonly statistic: number
  /** How many parameters the fuller model has more; and degrees of freedom that it leaves, or ∞ where σ is known. */
  readonly freedom: readonly [above: number, below: number]
  /** The probability of such a statistic, or a larger one, where the simpler model is true. */
  readonly p: number
  /**
   * Of a and b: n·log(χ²/n) + 2·k + 2·k·(k + 1)/(n − k − 1), where k counts parameters and σ; χ² + 2·k without σ where
   * that is known, or rows are counts. The lower one is to be preferred. What a bound holds is not counted.
   */
  readonly aicc: readonly [a: number, b: number]
  /** Akaike's weights: how likely each of both is the better one; their sum is 1. */
  readonly weights: readonly [a: number, b: number]
  /** Why there is no test, and what has to be known of these numbers; empty if there is nothing. */
  readonly message: string
}

/** What of a fit is compared. */
export interface Side {
  readonly rows: number
  readonly freedom: number
  readonly chiSquared: number
  readonly reducedChiSquared: number
  readonly reason: FitReason
  readonly held: readonly string[]
  /** What it is of: one fit, or many as one. */
  readonly of: readonly Part[]
}

/** A fit's ingredients, and which of the fits there it is. */
export interface Part {
  readonly of: Pick<Ingredients, 'problem' | 'columns' | 'isAbsolute'>
  readonly at: number
}

/** Two fits of the same data. */
export interface Pair {
  readonly a: Side
  readonly b: Side
  readonly fuller: Comparison['fuller']
  /** Why there is no test, as far as fits by themselves tell; else empty. */
  readonly obstacle: string
}

/** Whether the fuller model has the simpler one in it. */
export interface Nest {
  readonly isMet: boolean
  /** What is said where it is not known. */
  readonly unmet: string
  /** Parameters that are at a bound there. */
  readonly atBound: readonly string[]
}

/** @throws ArgumentError where two fits are not of the same rows, or do not measure alike how well they are met */
export function checkComparable(a: Part, b: Part, where: string): void {
  const [one, other] = [dataOf(a), dataOf(b)]
  for (const [name, { loss }] of [['a', one] as const, ['b', other] as const]) {
    if (loss === 'squared' || loss === 'poisson') continue
    throw new ArgumentError(
      name,
      "a fit with the loss 'squared' or 'poisson': no other is a likelihood",
      loss,
    )
  }
  const expected = (what: string, by: unknown) => new ArgumentError('b', `${what}, as a has`, by)
  if (other.loss !== one.loss) throw expected(`the loss '${one.loss}'`, other.loss)
  if (other.isAbsolute !== one.isAbsolute) {
    throw expected(
      one.isAbsolute ? 'known σ' : 'σ that are estimated',
      other.isAbsolute ? 'known' : 'estimated',
    )
  }
  const { length: rows } = one.y
  if (other.y.length !== rows) throw expected(`${rows} rows that count${where}`, `${other.y.length} rows`)
  const shared = [...one.columns.keys()].filter((name) => other.columns.has(name))
  const columns = [
    ['y', one.y, other.y],
    ['weights', one.weights, other.weights],
    ...shared.map((name) => [name, one.columns.get(name), other.columns.get(name)] as const),
  ] as const
  for (const [name, numbers, others] of columns) {
    for (let row = 0; row < rows; row++) {
      const [x, also] = [numbers?.[row] ?? 1, others?.[row] ?? 1]
      if (x !== also) throw expected(`${x} as ${name} in row ${row} of those that count${where}`, also)
    }
  }
}

/** What a fit is of: rows that count. */
function dataOf({ of, at }: Part) {
  const { y, weight, loss } = of.problem
  const columns = new Map([...of.columns].map(([name, column]) => [name, numbersOf(column, at)]))
  const measured = columns.get(y) as Float64Array
  const weights = weight === null ? undefined : columns.get(weight)
  columns.delete(y)
  columns.delete(weight ?? y)
  return { loss, isAbsolute: of.isAbsolute, y: measured, weights, columns }
}

export function sidesOf<T>({
  a,
  b,
  fuller,
}: {
  readonly a: T
  readonly b: T
  readonly fuller: Pair['fuller']
}) {
  return fuller === 'a' ? { fuller: a, simpler: b } : { fuller: b, simpler: a }
}

const countOf = ({ rows, freedom }: Side) => rows - freedom

const isAbsolute = ({ of }: Side) => of[0].of.isAbsolute

export function pairOf(a: Side, b: Side): Pair {
  const fuller = countOf(a) === countOf(b) ? null : countOf(a) > countOf(b) ? 'a' : 'b'
  return { a, b, fuller, obstacle: obstacleOf({ a, b, fuller, obstacle: '' }) }
}

function obstacleOf(pair: Pair): string {
  const { a, b } = pair
  const [name, fit] = a.reason === 'converged' ? ['b', b] : ['a', a]
  if (fit.reason !== 'converged') return `${name} has not converged, but is '${fit.reason}'`
  if (pair.fuller === null) {
    const held = [...a.held, ...b.held]
    const but = held.length === 0 ? '' : `, as ${held.join(', ')} held at a bound`
    return `a and b have equally many parameters that vary${but}: neither has the other in it`
  }
  const { fuller, simpler } = sidesOf(pair)
  if (isAbsolute(fuller)) return ''
  if (fuller.freedom <= 0) return `${pair.fuller} leaves no degree of freedom`
  const squares = fuller.of.reduce((sum, { of, at }) => sum + squaresOf(of, at), 0)
  if (isMet(simpler.chiSquared, squares)) {
    return 'the simpler model meets the data exactly: what is left is rounding'
  }
  return ''
}

/** The part of χ² that the limit of a fit may leave. */
const SLACK = 1e-8

export function comparison(pair: Pair, nest: Nest | undefined, isSaid: boolean): Comparison {
  const { a, b, fuller } = pair
  const both = [a, b] as const
  const aicc = both.map(criterion) as [number, number]
  const [first, second] = [1 / (1 + exp((aicc[0] - aicc[1]) / 2)), 1 / (1 + exp((aicc[1] - aicc[0]) / 2))]
  const few = both.filter((fit, k) => fit.reason === 'converged' && Number.isNaN(aicc[k])).length
  const remark = few > 0 ? 'too few rows for AICc' : ''
  const none = { test: null, statistic: NaN, freedom: [NaN, NaN], p: NaN } as const
  const rest = { fuller, aicc, weights: [first, second] } as const
  const withMessage = (...said: readonly string[]) => said.filter((text) => text !== '').join('; ')
  if (nest === undefined) return { ...rest, ...none, message: withMessage(pair.obstacle, remark) }

  const { fuller: more, simpler: less } = sidesOf(pair)
  const gain = less.chiSquared - more.chiSquared
  if (gain < -SLACK * less.chiSquared) {
    const why = nest.isMet
      ? 'has not found its least χ²: other starts may help'
      : 'is not nested, or not at its least χ²'
    return {
      ...rest,
      ...none,
      message: withMessage(`${fuller} has more parameters and a larger χ²: it ${why}`, remark),
    }
  }
  if (!nest.isMet && !isSaid) {
    const why = `${fuller} ${nest.unmet}: it is not known to be nested; { nested: true } says so`
    return { ...rest, ...none, message: withMessage(why, remark) }
  }
  const isKnown = isAbsolute(more)
  const above = less.freedom - more.freedom
  const below = isKnown ? Infinity : more.freedom
  const lowered = Math.max(gain, 0)
  const f = lowered / above / (isKnown ? 1 : more.reducedChiSquared)
  const bounds = nest.atBound.length > 0 ? `${nest.atBound.join(', ')} at a bound, where p is too large` : ''
  return {
    ...rest,
    test: isKnown ? 'likelihood-ratio' : 'F',
    statistic: isKnown ? lowered : f,
    freedom: [above, below],
    p: outside(f, above, below),
    message: withMessage(bounds, remark),
  }
}

/** AICc: see {@link Comparison}. */
function criterion(fit: Side): number {
  const { rows, chiSquared, reason } = fit
  if (reason !== 'converged' && reason !== 'singular') return NaN
  const count = countOf(fit)
  if (isAbsolute(fit)) return chiSquared + 2 * count
  const [k, left] = [count + 1, rows - count - 2]
  return left > 0 ? rows * log(chiSquared / rows) + 2 * k + (2 * k * (k + 1)) / left : NaN
}
