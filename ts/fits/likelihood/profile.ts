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
import { denseAlgebra } from './dense-newton.js'
import { derivedError, derivedPath, replaceableProblem } from './derived-path.js'
import { parameterPath, type Side, searchEndpoint } from './endpoint.js'
import { createEvaluator } from './evaluate.js'
import type { LikelihoodFits, LikelihoodSource } from './source.js'

/** Validated names of free parameters and derived quantities. */
export function readNames(free: readonly string[], names: unknown): readonly string[] {
  if (names === undefined) return free
  const list =
    typeof names === 'string' ? [names] : (toBoundedArray(Array.isArray(names) ? names : {}, 256) ?? [names])
  for (const name of list)
    if (!free.includes(name as string)) throw new OptionError('names', `names among ${free.join(', ')}`, name)
  return list as string[]
}

/** Profiles of parameters and derived quantities of a fit: the interval in which −2 log L rises by at most the χ² quantile. */
export function profileFit(
  source: LikelihoodSource,
  given: unknown,
  options: object,
): Record<string, Profile> {
  const { level } = readOptions('options', options, profileTable)
  const { run, fit } = source
  const { derived } = run.likelihood.problem
  const names = readNames([...run.likelihood.problem.free, ...derived.keys()], given)
  const { likelihood, solutions } = run
  const { free, isLogarithm } = likelihood.inSteps
  const z = norminv((1 + level) / 2)
  const parameters = run.parameters.filter(({ isFixed }) => !isFixed)
  const isUsable = hasUsablePoint(solutions.reason[fit])
  const best = run.internalPoint(fit)
  const { min, max } = likelihood.inSteps
  const evaluate = createEvaluator(likelihood, run.rowsOf(fit), best)
  const problem = { evaluate, algebra: denseAlgebra, min, max }
  return createRecord(names, (name): Profile => {
    if (derived.has(name)) {
      const origin = { best, minimum: solutions.cost[fit], error: derivedError(source, name) }
      const search = (sign: 1 | -1): Side => {
        const path = isUsable ? derivedPath(replaceableProblem(problem), source, name, origin) : null
        return path === null ? { end: NaN, reason: 'unavailable' } : searchEndpoint(path, z * z, sign)
      }
      return toProfile(name, search, (end) => end)
    }
    const i = free.indexOf(name)
    const toExternal = fromInternalInterval(parameters[i])
    const isHeld = hasBit(solutions.atBound, fit, i)
    const search = (sign: 1 | -1): Side => {
      if (!isUsable) return { end: NaN, reason: 'unavailable' }
      const at = sign > 0 ? likelihood.inSteps.max[i] : likelihood.inSteps.min[i]
      if (isHeld && best[i] === at) return { end: at, reason: 'bound' }
      const error = internalError(source, i)
      return searchEndpoint(
        parameterPath(problem, i, { best, minimum: solutions.cost[fit], error }),
        z * z,
        sign,
      )
    }
    return toProfile(name, search, isLogarithm[i] ? toExternal : (end) => end)
  })
}

/** Standard error of a free parameter in internal units. */
function internalError({ run, fit }: LikelihoodSource, i: number): number {
  const { solutions, likelihood } = run
  const error = solutions.errors[i][fit]
  return likelihood.inSteps.isLogarithm[i] ? error / solutions.free[i][fit] : error
}

/** Searches both endpoints of a profile. */
export function toProfile(
  name: string,
  search: (sign: 1 | -1) => Side,
  toExternal: (end: number) => number,
): Profile {
  const [low, high] = [search(-1), search(1)]
  const external = ({ end }: Side) => (Number.isNaN(end) ? end : toExternal(end))
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
  const { problem } = run.likelihood
  const names = readNames([...problem.free, ...problem.derived.keys()], given)
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
