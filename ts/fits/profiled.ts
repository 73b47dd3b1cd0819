/** Profiles as users are given them. */

import { OptionError } from '../ground/errors.js'
import { listOf, recordOf } from '../ground/given.js'
import type { GivenOf } from '../options/kinds.js'
import { type EndReason, endReasons, type Fitted, hasProfile, type Lower, type Profiled } from './profile.js'
import { fitReasons } from './reasons.js'
import { probability } from './refitted.js'

export const profileTable = {
  /** The probability, between 0 and 1; 0.95. */
  level: probability,
}

export interface ProfileOptions extends GivenOf<typeof profileTable> {}

/** Places of names among those that vary; all of them unless some are given, or one. */
export function placesOf(argument: string, given: unknown, free: readonly string[]): number[] {
  if (given === undefined) return free.map((_, i) => i)
  const names = typeof given === 'string' ? [given] : listOf(given, free.length)
  const expected = `names of parameters that vary: ${free.join(', ')}`
  if (names === undefined) throw new OptionError(argument, expected, given)
  return names.map((name) => {
    const at = free.indexOf(name as string)
    if (at < 0) throw new OptionError(argument, expected, name)
    return at
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
  readonly bound: number
  readonly ended: string
  readonly lower: Lower | undefined
}

const words: Readonly<Record<EndReason, (of: Side) => string>> = {
  found: () => '',
  bound: ({ name, side, bound }) =>
    `the ${side} end of ${name} is its bound ${bound}: χ² stays below the limit up to there`,
  endless: ({ name, side }) =>
    `${name} has no ${side} end: χ² stays below the limit however ${side === 'upper' ? 'large' : 'small'} it is`,
  flat: ({ name }) => `the data do not determine ${name}: others make up for it`,
  'lower-minimum': ({ name, side, lower }) =>
    `there is another minimum below that of the fit: on the way to the ${side} end of ${name}, χ² is ${lower?.chiSquared}`,
  failed: ({ name, side }) => `the ${side} end of ${name} has not been found`,
  'no-fit': ({ ended }) => `no profile: ${ended}`,
}

/**
 * One of a fit's profiles.
 *
 * @param k the parameter's place in the columns
 * @param i its place among those that vary
 * @param at the fit's place in the columns
 */
export function profileOf(
  of: Fitted,
  profiled: Profiled,
  k: number,
  i: number,
  at: number,
  fit: number,
): Profile {
  const { free, min, max } = of.problem
  const [low, high] = [profiled.low[k][at], profiled.high[k][at]]
  const [lowReason, highReason] = [profiled.lowReason[k][at], profiled.highReason[k][at]].map(
    (code) => endReasons[code] as EndReason,
  )
  const lower = profiled.lower[at]
  const reason = fitReasons[of.found.reason[fit]]
  const ended =
    hasProfile(of, fit) || reason === 'converged' ? 'no degree of freedom is left' : `the fit is '${reason}'`
  const about = { name: free[i], ended, lower }
  const said = new Set([
    words[lowReason]({ ...about, side: 'lower', bound: min[i] }),
    words[highReason]({ ...about, side: 'upper', bound: max[i] }),
  ])
  return {
    ...{ low, high, lowReason, highReason },
    message: [...said].filter((text) => text !== '').join('; '),
    lower: lower ? { values: recordOf(free, (_, j) => lower.x[j]), chiSquared: lower.chiSquared } : null,
  }
}
