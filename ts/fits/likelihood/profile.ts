/** Profile-likelihood intervals of fits by likelihood. */

import { OptionError } from '../../core/errors.js'
import { joinTexts } from '../../core/text.js'
import { createRecord, toBoundedArray } from '../../core/untrusted-input.js'
import { norminv } from '../../functions/erf.js'
import { readOptions } from '../../options/read.js'
import { hasUsablePoint, type ProfileEndReason, profileEndReasons } from '../problem/reasons.js'
import type { Profile, ProfileColumns } from '../profiles/profile-result.js'
import { profileManyTable, profileTable } from '../profiles/profile-result.js'
import { fromInternalInterval } from '../programs/internal-parameters.js'
import { hasBit } from '../solve/fit-context.js'
import { minimizeDense, type NewtonResult } from './dense-newton.js'
import { createEvaluator } from './evaluate.js'
import type { LikelihoodFits, LikelihoodSource } from './source.js'

const MAX_STEPS = 60
/** A point counts as an endpoint if −2 log L differs from the threshold by at most this fraction of the rise. */
const TOLERANCE = 1e-9
/** An interval that is wider than this number of standard errors is unbounded. */
const MAX_WIDTH = 1e6

interface Side {
  readonly end: number
  readonly reason: ProfileEndReason
}

/** Profile of one parameter, in internal units. */
class ParameterProfile {
  readonly #source: LikelihoodSource
  readonly #index: number
  readonly #threshold: number
  readonly #evaluate
  readonly #best: Float64Array
  readonly #minimum: number
  readonly #error: number

  constructor(source: LikelihoodSource, index: number, rise: number, best: Float64Array) {
    const { run, fit } = source
    this.#source = source
    this.#index = index
    this.#threshold = rise
    this.#best = best
    this.#evaluate = createEvaluator(run.likelihood, run.rowsOf(fit))
    this.#minimum = run.solutions.cost[fit]
    const error = run.solutions.errors[index][fit]
    const { isLogarithm } = run.likelihood.inSteps
    const inner = isLogarithm[index] ? error / run.solutions.free[index][fit] : error
    this.#error = inner > 0 && inner < Infinity ? inner : 0.1 * Math.max(Math.abs(best[index]), 1)
  }

  /** Minimizes −2 log L over the other parameters. */
  #at(value: number, from: Float64Array): NewtonResult {
    const { min, max } = this.#source.run.likelihood.inSteps
    const start = from.slice()
    start[this.#index] = value
    return minimizeDense(
      { evaluate: this.#evaluate, min, max, fixed: this.#index, tolerance: 1e-10, maxIterations: 200 },
      start,
    )
  }

  /**
   * Solves D(x) = rise, where D is the profile minus its minimum. The root of D is nearly linear in x, and the gradient
   * at the conditional minimum is the derivative of D, so that Newton steps of √D converge quickly.
   */
  search(sign: 1 | -1): Side {
    const { min, max } = this.#source.run.likelihood.inSteps
    const i = this.#index
    const center = this.#best[i]
    const limit = sign > 0 ? max[i] : min[i]
    const goal = Math.sqrt(this.#threshold)
    let inside = center
    let outside = limit
    let isBracketed = false
    let from = this.#best
    let x = center + sign * goal * this.#error
    for (let step = 0; step < MAX_STEPS; step++) {
      if (sign * (x - limit) >= 0) x = isBracketed ? (inside + outside) / 2 : limit
      const found = this.#at(x, from)
      const isUsable = Number.isFinite(found.value) && ['converged', 'stalled'].includes(found.status)
      if (!isUsable) {
        // The point is beyond the domain, or too far for the conditional fit.
        outside = x
        isBracketed = true
        if (Math.abs(x - inside) <= 1e-9 * this.#error) return { end: NaN, reason: 'failed' }
        x = (x + inside) / 2
        continue
      }
      const rise = found.value - this.#minimum
      if (rise < -1e-6 * Math.max(1, this.#threshold)) return { end: NaN, reason: 'lower-minimum' }
      if (Math.abs(rise - this.#threshold) <= TOLERANCE * this.#threshold) return { end: x, reason: 'found' }
      if (rise < this.#threshold) {
        if (x === limit) return { end: limit, reason: 'bound' }
        inside = x
        from = found.x
      } else {
        outside = x
        isBracketed = true
      }
      if (Math.abs(inside - center) > MAX_WIDTH * this.#error)
        return { end: sign * Infinity, reason: 'unbounded' }
      if (isBracketed && Math.abs(outside - inside) <= 4 * Number.EPSILON * Math.abs(x))
        return { end: x, reason: 'found' }
      const root = Math.sqrt(Math.max(rise, 0))
      const slope = root > 0 ? found.gradient[i] / (2 * root) : 0
      let next =
        slope * sign > 0 ? x + (goal - root) / slope : x + sign * (Math.abs(x - center) || this.#error)
      const reach = Math.max(3 * Math.abs(inside - center), 3 * this.#error)
      if (!isBracketed && sign * (next - inside) > reach) next = inside + sign * reach
      if (isBracketed && !(sign * (next - inside) > 0 && sign * (outside - next) > 0))
        next = (inside + outside) / 2
      x = next
    }
    return { end: NaN, reason: 'failed' }
  }
}

/** Validated names of free parameters. */
function readNames({ run }: LikelihoodSource, names: unknown): readonly string[] {
  const { free } = run.likelihood.problem
  if (names === undefined) return free
  const list =
    typeof names === 'string' ? [names] : (toBoundedArray(Array.isArray(names) ? names : {}, 256) ?? [names])
  for (const name of list)
    if (!free.includes(name as string)) throw new OptionError('names', `names among ${free.join(', ')}`, name)
  return list as string[]
}

/** Profiles of the free parameters of a fit: the interval in which −2 log L rises by at most the χ² quantile. */
export function profileFit(
  source: LikelihoodSource,
  given: unknown,
  options: object,
): Record<string, Profile> {
  const { level } = readOptions('options', options, profileTable)
  const names = readNames(source, given)
  const { run, fit } = source
  const { likelihood, solutions } = run
  const { free, isLogarithm } = likelihood.inSteps
  const z = norminv((1 + level) / 2)
  const parameters = run.parameters.filter(({ isFixed }) => !isFixed)
  const isUsable = hasUsablePoint(solutions.reason[fit])
  const best = run.internalPoint(fit)
  return createRecord(names, (name): Profile => {
    const i = free.indexOf(name)
    const toExternal = fromInternalInterval(parameters[i])
    const isHeld = hasBit(solutions.atBound, fit, i)
    const search = (sign: 1 | -1): Side => {
      if (!isUsable) return { end: NaN, reason: 'unavailable' }
      const at = sign > 0 ? likelihood.inSteps.max[i] : likelihood.inSteps.min[i]
      if (isHeld && best[i] === at) return { end: at, reason: 'bound' }
      return new ParameterProfile(source, i, z * z, best).search(sign)
    }
    const [low, high] = [search(-1), search(1)]
    const external = ({ end }: Side) => (isLogarithm[i] && !Number.isNaN(end) ? toExternal(end) : end)
    const ends = { low: external(low), high: external(high) }
    const said = new Set([
      describe(name, 'lower', low.reason, ends.low),
      describe(name, 'upper', high.reason, ends.high),
    ])
    return {
      ...ends,
      lowReason: low.reason,
      highReason: high.reason,
      message: joinTexts(...said),
      lowerMinimum: null,
    }
  })
}

function describe(name: string, side: string, reason: ProfileEndReason, end: number): string {
  if (reason === 'bound')
    return `the ${side} endpoint of ${name} is ${end}, at a bound: −2 log L stays below the threshold`
  if (reason === 'unbounded') return `${name} has no ${side} endpoint: −2 log L stays below the threshold`
  if (reason === 'lower-minimum')
    return `−2 log L has a lower minimum on the way to the ${side} endpoint of ${name}`
  if (reason === 'unavailable') return 'no profile: the fit has no usable solution'
  return reason === 'found' ? '' : `the ${side} endpoint of ${name} was not found`
}

/** Profiles of all fits of a run, as columns with one number per fit. */
export function profileFits(
  run: LikelihoodFits,
  given: unknown,
  options: object,
): Record<string, ProfileColumns> {
  const { level } = readOptions('options', options, profileManyTable)
  const names = readNames({ run, fit: 0 }, given)
  const all = Array.from({ length: run.count }, (_, fit) => profileFit({ run, fit }, names, { level }))
  return createRecord(names, (name): ProfileColumns => {
    const code = (reason: ProfileEndReason) => profileEndReasons.indexOf(reason)
    return {
      low: Float64Array.from(all, (one) => one[name].low),
      high: Float64Array.from(all, (one) => one[name].high),
      lowReason: Uint8Array.from(all, (one) => code(one[name].lowReason)),
      highReason: Uint8Array.from(all, (one) => code(one[name].highReason)),
    }
  })
}
