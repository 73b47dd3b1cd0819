/** Whether data want the fuller one of two models. */

import { type Expression, expression } from '../expressions/expression.js'
import { elementary } from '../functions/index.js'
import { ArgumentError } from '../ground/errors.js'
import { isObject, recordOf } from '../ground/given.js'
import { type Column, numbersOf } from '../many/data.js'
import { flag, type GivenOf } from '../options/kinds.js'
import { readOptions } from '../options/read.js'
import { columnsOfModel } from './curve.js'
import { outside } from './f-distribution.js'
import { fitManySync } from './fit-many.js'
import { startingAt } from './found.js'
import { type Fit, type FitManyResult, ingredientsOf, isFit, isFitManyResult } from './result.js'
import { isMet, squaresOf } from './statistics.js'

const { exp, log } = elementary('float64')

const table = {
  /** Says that the fuller model has the simpler one in it, which is found out otherwise; false. */
  nested: flag(false),
}

export interface CompareOptions extends GivenOf<typeof table> {}

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

/** A curve is met where what is left is no more than this part of what its own fit leaves. */
const MET = 1e-6

/**
 * Compares two models by fits of the same data: by the F test, or where σ is known by the likelihood ratio, if one of
 * them is nested in the other; and by AICc in any case. That it is nested is known where the fuller model meets
 * the curve of the simpler one, to which it is fitted; or where you say so.
 *
 * @param b a fit of the same numbers y with the same weights and loss, which is not robust; of `fitMany` as many
 * @throws ArgumentError where fits cannot be compared
 * @example
 * const { p, aicc, message } = compare(fit(models.fourPL(), data), fit(models.fivePL(), data))
 */
export function compare(a: Fit, b: Fit, options?: CompareOptions): Comparison
/** Of each fit of a result with the one in the same place of the other. */
export function compare(a: FitManyResult, b: FitManyResult, options?: CompareOptions): Comparison[]
export function compare(
  a: Fit | FitManyResult,
  b: Fit | FitManyResult,
  options: CompareOptions = {},
): Comparison | Comparison[] {
  const { nested } = readOptions('options', options, table)
  if (isObject(a) && isFit(a)) {
    if (!isObject(b) || !isFit(b)) throw new ArgumentError('b', 'a result of fit, as a is', b)
    return compareAll([a], [b], nested)[0]
  }
  if (!isObject(a) || !isFitManyResult(a)) throw new ArgumentError('a', 'a result of fit or fitMany', a)
  if (!isObject(b) || !isFitManyResult(b)) throw new ArgumentError('b', 'a result of fitMany, as a is', b)
  if (b.length !== a.length) throw new ArgumentError('b', `${a.length} fits, as a has`, `${b.length} fits`)
  const all = (result: FitManyResult) => Array.from({ length: result.length }, (_, fit) => result.at(fit))
  return compareAll(all(a), all(b), nested)
}

/** Two fits of the same data. */
interface Pair {
  readonly a: Fit
  readonly b: Fit
  readonly fuller: Comparison['fuller']
  /** Why there is no test, as far as fits by themselves tell; else empty. */
  readonly obstacle: string
}

/** How the fuller model meets the simpler one's curve. */
interface Nest {
  readonly isMet: boolean
  /** Parameters that are at a bound there. */
  readonly atBound: readonly string[]
}

function compareAll(a: readonly Fit[], b: readonly Fit[], isNested: boolean): Comparison[] {
  for (const [k, fit] of a.entries()) checkComparable(fit, b[k], a.length === 1 ? '' : ` in fit ${k}`)
  const pairs = a.map((fit, k) => pairOf(fit, b[k]))
  const nests: Nest[] = []
  // Of a call, all fits of one side have one model.
  for (const side of ['a', 'b'] as const) {
    const some = [...pairs.keys()].filter((k) => pairs[k].fuller === side && pairs[k].obstacle === '')
    for (const [i, nest] of meet(some.map((k) => sidesOf(pairs[k]))).entries()) nests[some[i]] = nest
  }
  return pairs.map((pair, k) => comparison(pair, nests[k], isNested))
}

/** @throws ArgumentError where two fits are not of the same rows, or do not measure alike how well they are met */
function checkComparable(a: Fit, b: Fit, where: string): void {
  const [one, other] = [sideOf(a), sideOf(b)]
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
  if (b.rows !== a.rows) throw expected(`${a.rows} rows that count${where}`, `${b.rows} rows`)
  const shared = [...one.columns.keys()].filter((name) => other.columns.has(name))
  const columns = [
    ['y', one.y, other.y],
    ['weights', one.weights, other.weights],
    ...shared.map((name) => [name, one.columns.get(name), other.columns.get(name)] as const),
  ] as const
  for (const [name, numbers, others] of columns) {
    for (let row = 0; row < a.rows; row++) {
      const [x, also] = [numbers?.[row] ?? 1, others?.[row] ?? 1]
      if (x !== also) throw expected(`${x} as ${name} in row ${row} of those that count${where}`, also)
    }
  }
}

/** What a fit is of: rows that count. */
function sideOf(fit: Fit) {
  const { of, at } = ingredientsOf(fit)
  const { y, weight, loss } = of.problem
  const columns = new Map([...of.columns].map(([name, column]) => [name, numbersOf(column, at)]))
  const [measured, weights] = [
    columns.get(y) as Float64Array,
    weight === null ? undefined : columns.get(weight),
  ]
  columns.delete(y)
  columns.delete(weight ?? y)
  return { loss, isAbsolute: of.isAbsolute, y: measured, weights, columns }
}

function sidesOf({ a, b, fuller }: Pair) {
  return fuller === 'a' ? { fuller: a, simpler: b } : { fuller: b, simpler: a }
}

const countOf = ({ rows, freedom }: Fit) => rows - freedom

function pairOf(a: Fit, b: Fit): Pair {
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
  const { of, at } = ingredientsOf(fuller)
  if (fuller.freedom <= 0 && !of.isAbsolute) return `${pair.fuller} leaves no degree of freedom`
  if (!of.isAbsolute && isMet(simpler.chiSquared, squaresOf(of, at))) {
    return 'the simpler model meets the data exactly: what is left is rounding'
  }
  return ''
}

/** The part of χ² that the limit of a fit may leave. */
const SLACK = 1e-8

function comparison(pair: Pair, nest: Nest | undefined, isSaid: boolean): Comparison {
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
    const why = `${fuller} has not met the other one's curve: it is not known to be nested; { nested: true } says so`
    return { ...rest, ...none, message: withMessage(why, remark) }
  }
  const { isAbsolute } = sideOf(more)
  const above = less.freedom - more.freedom
  const below = isAbsolute ? Infinity : more.freedom
  const lowered = Math.max(gain, 0)
  const f = lowered / above / (isAbsolute ? 1 : more.reducedChiSquared)
  const bounds = nest.atBound.length > 0 ? `${nest.atBound.join(', ')} at a bound, where p is too large` : ''
  return {
    ...rest,
    test: isAbsolute ? 'likelihood-ratio' : 'F',
    statistic: isAbsolute ? lowered : f,
    freedom: [above, below],
    p: outside(f, above, below),
    message: withMessage(bounds, remark),
  }
}

/** AICc: see {@link Comparison}. */
function criterion(fit: Fit): number {
  const { rows, chiSquared, reason } = fit
  if (reason !== 'converged' && reason !== 'singular') return NaN
  const count = countOf(fit)
  if (sideOf(fit).isAbsolute) return chiSquared + 2 * count
  const [k, left] = [count + 1, rows - count - 2]
  return left > 0 ? rows * log(chiSquared / rows) + 2 * k + (2 * k * (k + 1)) / left : NaN
}

/** Fits the fuller model to the curves of the simpler one: from where it is, and from where they have the same names. */
function meet(pairs: readonly { readonly fuller: Fit; readonly simpler: Fit }[]): Nest[] {
  if (pairs.length === 0) return []
  const { of: given } = ingredientsOf(pairs[0].fuller)
  const of = given.whitened?.plain ?? given
  const { problem, drops, choice } = of
  const { called } = problem
  // Of residuals nobody knows the curve.
  if (called?.kind === 'residuals') return pairs.map(() => ({ isMet: false, atBound: [] }))
  const twice = <T>(make: (pair: (typeof pairs)[number], isOther: boolean) => T) =>
    pairs.flatMap((pair) => [make(pair, false), make(pair, true)])
  const column = (name: string) =>
    twice(({ fuller }) => numbersOf(of.given.get(name) as Column, ingredientsOf(fuller).at))
  const named = columnsOfModel(problem).filter((name) => !name.startsWith('@'))
  const curves = twice(({ simpler }) => simpler.predict())
  const start = startingAt(of, (name, isFixed) =>
    twice(({ fuller, simpler }, isOther) => {
      const values: Readonly<Record<string, number>> = simpler.values
      return isOther && !isFixed && Object.hasOwn(values, name) ? values[name] : fuller.values[name]
    }),
  )
  const met = fitManySync(
    // Any model: its names are not known here.
    (called?.given ?? expression(problem.text)) as Expression,
    { ...recordOf(named, column), [problem.y]: curves },
    {
      ...{ start, y: problem.y, loss: problem.loss, engine: choice.engine },
      ...(given.whitened && { covariance: given.whitened.covariance }),
      ...(called && { differences: called.differences }),
      ...(drops && { missing: 'drop' }),
      ...(problem.weight !== null && { weights: column(problem.weight) }),
    },
  )
  return pairs.map(({ simpler }, k) => {
    const left = met.chiSquared
    const best = left[2 * k + 1] < left[2 * k] || Number.isNaN(left[2 * k]) ? 2 * k + 1 : 2 * k
    const atBound = problem.free.filter((name, i) => {
      const x = met.values[name][best]
      return x <= problem.min[i] || x >= problem.max[i]
    })
    return { isMet: left[best] <= MET * simpler.chiSquared, atBound }
  })
}
