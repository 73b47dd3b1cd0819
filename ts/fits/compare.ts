/** Whether data want the fuller one of two models. */

import { type Expression, expression } from '../expressions/expression.js'
import { ArgumentError } from '../ground/errors.js'
import { isObject, recordOf } from '../ground/given.js'
import { type Column, numbersOf } from '../many/data.js'
import { flag, type GivenOf } from '../options/kinds.js'
import { readOptions } from '../options/read.js'
import {
  type Comparison,
  checkComparable,
  comparison,
  type Nest,
  pairOf,
  type Side,
  sidesOf,
} from './comparison.js'
import { columnsOfModel } from './curve.js'
import { fitManySync } from './fit-many.js'
import { startingAt } from './found.js'
import { couldBe, type Joint, joints } from './joint.js'
import { type Fit, type FitManyResult, ingredientsOf, isFit, isFitManyResult } from './result.js'
import type { SharedFit } from './shared/result.js'

export type { Comparison }

const table = {
  /** Says that the fuller model has the simpler one in it, which is found out otherwise; false. */
  nested: flag(false),
}

export interface CompareOptions extends GivenOf<typeof table> {}

/** A curve is met where what is left is no more than this part of what its own fit leaves. */
const MET = 1e-6
const UNMET = "has not met the other one's curve"

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
/**
 * Of all groups together: other sharing, or none, which `fitMany` has. The fuller one has the simpler one in it where it
 * has the same models, and shares nothing that the simpler one has several numbers of.
 *
 * @example
 * compare(await fitShared(model, data, { shared: ['top', 'bottom'] }), await fitMany(model, data)) // worth it?
 */
export function compare(a: SharedFit, b: SharedFit | FitManyResult, options?: CompareOptions): Comparison
export function compare(a: FitManyResult, b: SharedFit, options?: CompareOptions): Comparison
export function compare(
  a: Fit | FitManyResult | SharedFit,
  b: Fit | FitManyResult | SharedFit,
  options: CompareOptions = {},
): Comparison | Comparison[] {
  const { nested } = readOptions('options', options, table)
  if (isObject(a) && isFit(a)) {
    if (!isObject(b) || !isFit(b)) throw new ArgumentError('b', 'a result of fit, as a is', b)
    return compareAll([a], [b], nested)[0]
  }
  if (isObject(a) && isFitManyResult(a) && isObject(b) && isFitManyResult(b)) {
    if (b.length !== a.length) throw new ArgumentError('b', `${a.length} fits, as a has`, `${b.length} fits`)
    return compareAll(fitsIn(a), fitsIn(b), nested)
  }
  const [one, other] = [jointOf(a), jointOf(b)]
  if (one === undefined) throw new ArgumentError('a', 'a result of fit, fitMany or fitShared', a)
  const like = joints.has(a) ? 'fitShared or fitMany' : 'fitMany, as a is, or of fitShared'
  if (other === undefined) throw new ArgumentError('b', `a result of ${like}`, b)
  return compareJoint(one, other, nested)
}

const fitsIn = (result: FitManyResult) => Array.from({ length: result.length }, (_, fit) => result.at(fit))

function sideOf(fit: Fit): Side {
  const { rows, freedom, chiSquared, reducedChiSquared, reason, held } = fit
  return { rows, freedom, chiSquared, reducedChiSquared, reason, held, of: [ingredientsOf(fit)] }
}

function compareAll(a: readonly Fit[], b: readonly Fit[], isNested: boolean): Comparison[] {
  const [one, other] = [a.map(sideOf), b.map(sideOf)]
  for (const [k, { of }] of one.entries())
    checkComparable(of[0], other[k].of[0], a.length === 1 ? '' : ` in fit ${k}`)
  const pairs = one.map((side, k) => pairOf(side, other[k]))
  const nests: Nest[] = []
  // Of a call, all fits of one side have one model.
  for (const side of ['a', 'b'] as const) {
    const some = [...pairs.keys()].filter((k) => pairs[k].fuller === side && pairs[k].obstacle === '')
    const fits = some.map((k) => sidesOf({ a: a[k], b: b[k], fuller: side }))
    for (const [i, nest] of meet(fits).entries()) nests[some[i]] = nest
  }
  return pairs.map((pair, k) => comparison(pair, nests[k], isNested))
}

/** All groups of a result; nothing where it is none that has groups. */
function jointOf(given: unknown): Joint | undefined {
  if (!isObject(given)) return
  if (!isFitManyResult(given)) return joints.get(given)?.()
  const fits = fitsIn(given)
  const sum = (of: (fit: Fit) => number) => fits.reduce((all, fit) => all + of(fit), 0)
  const [chiSquared, freedom] = [sum((fit) => fit.chiSquared), sum((fit) => fit.freedom)]
  const groups = fits.map((fit) => ({ values: fit.values, of: [ingredientsOf(fit)] }))
  return {
    ...{ chiSquared, freedom, reducedChiSquared: freedom > 0 ? chiSquared / freedom : NaN },
    rows: sum(({ rows }) => rows),
    reason: fits.find(({ reason }) => reason !== 'converged')?.reason ?? 'converged',
    held: [...new Set(fits.flatMap(({ held }) => held))],
    ...{ groups, of: groups.flatMap(({ of }) => of) },
    own: new Set(given.free),
    shared: new Set(),
  }
}

function compareJoint(a: Joint, b: Joint, isNested: boolean): Comparison {
  const { length } = a.groups
  if (b.groups.length !== length)
    throw new ArgumentError('b', `${length} groups, as a has`, `${b.groups.length} groups`)
  for (const [k, { of }] of a.groups.entries()) {
    const others = b.groups[k].of
    if (others.length !== of.length)
      throw new ArgumentError('b', `${of.length} values of the model, as a has`, `${others.length} values`)
    for (const [i, part] of of.entries()) checkComparable(part, others[i], ` in group ${k}`)
  }
  const pair = pairOf(a, b)
  if (pair.obstacle !== '') return comparison(pair, undefined, isNested)
  const { fuller, simpler } = sidesOf({ a, b, fuller: pair.fuller })
  const unmet = 'has another model, or shares what the other one does not'
  return comparison(pair, { isMet: couldBe(fuller, simpler), unmet, atBound: fuller.held }, isNested)
}

/** Fits the fuller model to the curves of the simpler one: from where it is, and from where they have the same names. */
function meet(pairs: readonly { readonly fuller: Fit; readonly simpler: Fit }[]): Nest[] {
  if (pairs.length === 0) return []
  const { of: given } = ingredientsOf(pairs[0].fuller)
  const of = given.whitened?.plain ?? given
  const { problem, drops, choice } = of
  const { called } = problem
  // Of residuals nobody knows the curve.
  if (called?.kind === 'residuals') return pairs.map(() => ({ isMet: false, unmet: UNMET, atBound: [] }))
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
    return { isMet: left[best] <= MET * simpler.chiSquared, unmet: UNMET, atBound }
  })
}
