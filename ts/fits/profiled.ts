/** Profiles as users are given them. */

import { differentiate } from '../expressions/differentiate.js'
import { OptionError } from '../ground/errors.js'
import { listOf, recordOf } from '../ground/given.js'
import type { Call } from '../many/drive.js'
import { calls } from '../many/options.js'
import type { GivenOf } from '../options/kinds.js'
import type { Ingredients, Lower, Profiled } from './found.js'
import { Iterations } from './iterations.js'
import { probability } from './level.js'
import { checkProfiled, type Problem } from './problem.js'
import { noProfiles, obstacle, profile } from './profile.js'
import { type EndReason, endReasons } from './reasons.js'

export const profileTable = {
  /** The probability, between 0 and 1; 0.95. */
  level: probability,
}

export const profileManyTable = {
  ...profileTable,
  /** Ends the call: the promise is rejected with the signal's reason. */
  signal: calls.signal,
}

export interface ProfileOptions extends GivenOf<typeof profileTable> {}
export interface ProfileManyOptions extends GivenOf<typeof profileManyTable> {}

/** Ends of a parameter's profiles, by fit. */
export interface ProfileColumns {
  /** −∞ or ∞ where there is no end, NaN where none is known. */
  readonly low: Float64Array
  readonly high: Float64Array
  /** Indices into `endReasons`. */
  readonly lowReason: Uint8Array
  readonly highReason: Uint8Array
}

/** Profiles of one fit, or of all; those that have been made already are taken. */
export function* profiled(
  of: Ingredients,
  fit: number | undefined,
  names: readonly string[],
  level: number,
): Generator<Call, Profiled> {
  const known = of.profiled
  const count = of.rows.length
  const [from, to] = fit === undefined ? [0, count] : [fit, fit + 1]
  if (known?.level === level && names.every((name) => known.names.includes(name))) {
    const columns = <T extends Float64Array | Uint8Array>(all: readonly T[]) =>
      names.map((name) => all[known.names.indexOf(name)].slice(from, to) as T)
    return {
      ...{ names, level, low: columns(known.low), high: columns(known.high) },
      ...{ lowReason: columns(known.lowReason), highReason: columns(known.highReason) },
      lower: known.lower.slice(from, to),
    }
  }
  const made = noProfiles(names, level, to - from)
  const iterations = new Iterations(of.compiled, of.choice.runner.threads)
  const fits = new Uint32Array(to - from).map((_, k) => from + k)
  yield* profile(of, iterations, fits, made, (fit) => fit - from)
  iterations.leave()
  return made
}

/** Ends by name. */
export function columnsOf<Name extends string>({ names, low, high, lowReason, highReason }: Profiled) {
  return recordOf(names as Name[], (_, k): ProfileColumns => {
    return { low: low[k], high: high[k], lowReason: lowReason[k], highReason: highReason[k] }
  })
}

/** Names of parameters that vary, and of what follows from them. */
export function namesThatVary({ graph, free, derived }: Problem): string[] {
  const varies = (node: number) =>
    differentiate(graph, node, free, () => false).gradient.some((slope) => graph.constantAt(slope) !== 0)
  return [...free, ...[...derived].filter(([, node]) => varies(node)).map(([name]) => name)]
}

/** Names of what varies; all unless some are given, or one. */
export function profileNames(given: unknown, problem: Problem): string[] {
  checkProfiled('names', problem)
  const known = namesThatVary(problem)
  if (given === undefined) return known
  const names = typeof given === 'string' ? [given] : listOf(given, known.length)
  const expected = `names of what varies: ${known.join(', ')}`
  if (names === undefined) throw new OptionError('names', expected, given)
  return names.map((name) => {
    if (known.includes(name as string)) return name as string
    throw new OptionError('names', expected, name)
  })
}

/** A parameter's profile: an interval, and why it ends where it does. */
export interface Profile {
  /** −∞ or ∞ where there is no end, NaN where none is known. */
  readonly low: number
  readonly high: number
  readonly lowReason: EndReason
  readonly highReason: EndReason
  /** What has to be known of the ends, in words; empty if there is nothing. */
  readonly message: string
  /** A point of another valley, with all parameters that vary, where χ² is less than at the fit; null if none was met. */
  readonly lower: Readonly<{ values: Readonly<Record<string, number>>; chiSquared: number }> | null
}

/** What each end is called, and where it may be. */
interface Side {
  readonly name: string
  readonly side: 'lower' | 'upper'
  readonly end: number
  readonly obstacle: string | undefined
  readonly lower: Lower | undefined
}

const words: Readonly<Record<EndReason, (of: Side) => string>> = {
  found: () => '',
  bound: ({ name, side, end }) =>
    `the ${side} end of ${name} is ${end}, at a bound: χ² stays below the limit up to there`,
  edge: ({ name, side, end }) =>
    `the ${side} end of ${name} is ${end}, where the model ends: χ² stays below the limit up to there`,
  endless: ({ name, side }) =>
    `${name} has no ${side} end: χ² stays below the limit however ${side === 'upper' ? 'large' : 'small'} it is`,
  flat: ({ name }) => `the data do not determine ${name}: others make up for it`,
  'ill-conditioned': ({ name }) =>
    `derivatives by ${name} and by others are too alike for a profile; columns less their mean may help`,
  'lower-minimum': ({ name, side, lower }) =>
    `there is a lower minimum: on the way to the ${side} end of ${name}, χ² falls to ${lower?.chiSquared}`,
  failed: ({ name, side }) => `the ${side} end of ${name} has not been found`,
  'no-fit': ({ obstacle }) => `no profile: ${obstacle}`,
}

/**
 * One of a fit's profiles.
 *
 * @param k its place in the columns
 */
export function profileOf(of: Ingredients, { names, ...ends }: Profiled, k: number, fit: number): Profile {
  const name = names[k]
  const [[low], [high], [lower]] = [ends.low[k], ends.high[k], ends.lower]
  const [lowReason, highReason] = [ends.lowReason[k], ends.highReason[k]].map(
    ([code]) => endReasons[code] as EndReason,
  )
  const about = { name, lower, obstacle: obstacle(of, fit) }
  const said = new Set([
    words[lowReason]({ ...about, side: 'lower', end: low }),
    words[highReason]({ ...about, side: 'upper', end: high }),
  ])
  return {
    ...{ low, high, lowReason, highReason },
    message: [...said].filter((text) => text !== '').join('; '),
    lower: lower
      ? { values: recordOf(of.problem.free, (_, j) => lower.x[j]), chiSquared: lower.chiSquared }
      : null,
  }
}
