/** Results of `profile`. */

import { OptionError } from '../../core/errors.js'
import { joinTexts } from '../../core/text.js'
import { createRecord, toBoundedArray } from '../../core/untrusted-input.js'
import { differentiate } from '../../expressions/differentiate.js'
import type { EngineCall } from '../../many/engines/execute.js'
import { callOptions } from '../../many/options.js'
import type { GivenOf, ValuesOf } from '../../options/kinds.js'
import { probability } from '../problem/confidence-level.js'
import { checkProfiled, type Problem } from '../problem/problem.js'
import { type ProfileEndReason, profileEndReasons } from '../problem/reasons.js'
import type { FitContext, LowerMinimumColumns, ProfiledEndpoints } from '../solve/fit-context.js'
import { Iterations } from '../solve/iterations.js'
import { emptyProfiles, profileParameters, unavailableBecause } from './profile.js'

export const profileTable = {
  /** Confidence level, between 0 and 1. Default 0.95. */
  level: probability,
}

export const profileManyTable = {
  ...profileTable,
  /** AbortSignal for the call. If the signal aborts, the promise is rejected with the reason of the signal. */
  signal: callOptions.signal,
  /**
   * Progress callback, called with the number of completed fits or parameters and the number of all fits or parameters.
   * For a result of `fitMany` fits count, and for a result of `fitShared` parameters. The callback is called at least
   * four times per second, and at the end.
   */
  onProgress: callOptions.onProgress,
}

/** Options of `profile` for a single fit. */
export interface ProfileOptions extends GivenOf<typeof profileTable> {}
/** Options of `profile` for results of `fitMany` and `fitShared`, and for groups. */
export interface ProfileManyOptions extends GivenOf<typeof profileManyTable> {}
export type ProfileManyValues = ValuesOf<typeof profileManyTable>

/** Profile intervals of one parameter, with one interval per fit. */
export interface ProfileColumns {
  /** Lower endpoints: −∞ if the interval is unbounded, NaN if the endpoint is unknown. */
  readonly low: Float64Array
  /** Upper endpoints: ∞ if the interval is unbounded, NaN if the endpoint is unknown. */
  readonly high: Float64Array
  /** Reasons for the lower endpoints, as indices into `profileEndReasons`. */
  readonly lowReason: Uint8Array
  /** Reasons for the upper endpoints, as indices into `profileEndReasons`. */
  readonly highReason: Uint8Array
}

/**
 * Profiles of one fit, or of all fits. Profiles that were computed with the fits are reused.
 *
 * @param tell receives the count of completed fits
 */
export function* createProfiles(
  context: FitContext,
  fit: number | undefined,
  names: readonly string[],
  level: number,
  tell: (done: number) => void = () => {},
): Generator<EngineCall, ProfiledEndpoints> {
  const known = context.profiled
  const count = context.observations.length
  const [from, to] = fit === undefined ? [0, count] : [fit, fit + 1]
  if (known?.level === level && names.every((name) => known.names.includes(name))) {
    tell(to - from)
    const columns = <T extends Float64Array | Uint8Array>(all: readonly T[]) =>
      names.map((name) => all[known.names.indexOf(name)].slice(from, to) as T)
    return {
      names,
      level,
      low: columns(known.low),
      high: columns(known.high),
      lowReason: columns(known.lowReason),
      highReason: columns(known.highReason),
      lowerMinimum: known.lowerMinimum.slice(from, to),
    }
  }
  const made = emptyProfiles(names, level, to - from)
  const iterations = new Iterations(context.compiled, context.choice.runner.threads)
  const fits = new Uint32Array(to - from).map((_, k) => from + k)
  yield* profileParameters(context, iterations, fits, made, { place: (fit) => fit - from, tell })
  iterations.release()
  return made
}

/** An object with one property per profiled parameter. */
export function toRecord<Name extends string, T>(
  { names }: ProfiledEndpoints,
  create: (k: number) => T,
): Readonly<Record<Name, T>> {
  return createRecord(names as readonly string[] as readonly Name[], (_, k) => create(k))
}

/** Names of the free parameters, and of the derived parameters that depend on free parameters. */
export function varyingNames({ graph, free, derived }: Problem): string[] {
  const varies = (node: number) =>
    differentiate(graph, node, free, () => false).gradient.some((slope) => graph.constantAt(slope) !== 0)
  return [...free, ...[...derived].filter(([, node]) => varies(node)).map(([name]) => name)]
}

/** Validates the names of the parameters to profile: one name, an array of names, or undefined for all parameters. */
export function profileNames(given: unknown, problem: Problem): string[] {
  checkProfiled('names', problem)
  const known = varyingNames(problem)
  if (given === undefined) return known
  const names = typeof given === 'string' ? [given] : toBoundedArray(given, known.length)
  const expected = `free or derived parameters: ${known.join(', ')}`
  if (names === undefined) throw new OptionError('names', expected, given)
  return names.map((name) => {
    if (known.includes(name as string)) return name as string
    throw new OptionError('names', expected, name)
  })
}

/** Profile interval of one parameter, with the reasons for the positions of both endpoints. */
export interface Profile {
  /** Lower endpoint: −∞ if the interval is unbounded, NaN if the endpoint is unknown. */
  readonly low: number
  /** Upper endpoint: ∞ if the interval is unbounded, NaN if the endpoint is unknown. */
  readonly high: number
  /** Reason for the position of the lower endpoint. */
  readonly lowReason: ProfileEndReason
  /** Reason for the position of the upper endpoint. */
  readonly highReason: ProfileEndReason
  /** Warnings about the endpoints, as a string that is empty without warnings. */
  readonly message: string
  /**
   * A point at which χ² is less than at the fit, with the values of all free parameters; null if the profile found no
   * lower minimum.
   */
  readonly lowerMinimum: Readonly<{ values: Readonly<Record<string, number>>; chiSquared: number }> | null
}

/** Name of the parameter, and whether the endpoint is the lower or the upper one, for messages. */
interface ProfileSide {
  readonly name: string
  readonly side: 'lower' | 'upper'
  readonly end: number
  readonly unavailableBecause: string | undefined
  readonly lowerMinimum: LowerMinimumColumns | undefined
}

const reasonTexts: Readonly<Record<ProfileEndReason, (profileSide: ProfileSide) => string>> = {
  found: () => '',
  bound: ({ name, side, end }) =>
    `the ${side} endpoint of ${name} is ${end}, at a bound: χ² stays below the threshold`,
  'domain-limit': ({ name, side, end }) =>
    `the ${side} endpoint of ${name} is ${end}, the limit of the model: χ² stays below the threshold`,
  unbounded: ({ name, side }) =>
    `${name} has no ${side} endpoint: χ² stays below the threshold however ${side === 'upper' ? 'large' : 'small'} it is`,
  flat: ({ name }) => `the data do not determine ${name}: other parameters compensate for it`,
  'ill-conditioned': ({ name }) =>
    `derivatives by ${name} and by other parameters are too similar for a profile; try centered columns`,
  'lower-minimum': ({ name, side, lowerMinimum }) =>
    `there is a lower minimum: on the way to the ${side} endpoint of ${name}, χ² falls to ${lowerMinimum?.chiSquared}`,
  failed: ({ name, side }) => `the ${side} endpoint of ${name} was not found`,
  unavailable: ({ unavailableBecause }) => `no profile: ${unavailableBecause}`,
}

/**
 * The profile of one parameter of a fit.
 *
 * @param k index of the parameter in the columns
 */
export function createProfile(
  context: FitContext,
  { names, ...ends }: ProfiledEndpoints,
  k: number,
  fit: number,
): Profile {
  const name = names[k]
  const [[low], [high], [lower]] = [ends.low[k], ends.high[k], ends.lowerMinimum]
  const [lowReason, highReason] = [ends.lowReason[k], ends.highReason[k]].map(
    ([code]) => profileEndReasons[code] as ProfileEndReason,
  )
  const about = { name, lowerMinimum: lower, unavailableBecause: unavailableBecause(context, fit) }
  const said = new Set([
    reasonTexts[lowReason]({ ...about, side: 'lower', end: low }),
    reasonTexts[highReason]({ ...about, side: 'upper', end: high }),
  ])
  return {
    low,
    high,
    lowReason,
    highReason,
    message: joinTexts(...said),
    lowerMinimum: toLowerMinimum(context.problem, lower),
  }
}

/** A lower minimum with the parameter values by name, or null if the profile found no lower minimum. */
export function toLowerMinimum(
  { free }: Problem,
  lower: LowerMinimumColumns | undefined,
): Profile['lowerMinimum'] {
  return lower ? { values: createRecord(free, (_, i) => lower.x[i]), chiSquared: lower.chiSquared } : null
}
