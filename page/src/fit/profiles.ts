/** Profile-likelihood intervals of separate fits. This module is loaded on demand. */

import {
  type Fit,
  type FitManyResult,
  type ProfileColumns,
  type ProfileEndReason,
  profile,
  profileEndReasons,
} from 'antigrad/fit'
import { type WrappedFit, wrap } from './displayed-fit.js'

/**
 * The fits with profile intervals instead of t intervals.
 *
 * @throws (rejects with) the reason of the signal
 */
export async function addProfiles(
  result: FitManyResult,
  fits: readonly Fit[],
  options: { readonly signal: AbortSignal; readonly onProgress: (done: number, total: number) => void },
): Promise<WrappedFit[]> {
  const profiles = await profile(result, undefined, options)
  return fits.map((fit, k) => withProfiles(fit, profiles, k))
}

export function withProfiles(
  fit: Fit | WrappedFit,
  profiles: Readonly<Record<string, ProfileColumns>>,
  k: number,
): WrappedFit {
  const said: string[] = []
  const ends = Object.entries(profiles).map(([name, { low, high, lowReason, highReason }]) => {
    for (const [side, codes] of [
      ['lower', lowReason],
      ['upper', highReason],
    ] as const) {
      const reason = profileEndReasons[codes[k]] as ProfileEndReason
      if (reason !== 'found') said.push(`The ${side} endpoint of ${name}: ${reason}.`)
    }
    return [name, [low[k], high[k]]] as const
  })
  const changes: Pick<WrappedFit, 'intervals' | 'ends'> = {
    intervals: (level) => ({ ...fit.intervals(level), ...Object.fromEntries(ends) }),
    ends: said,
  }
  return 'all' in fit ? { ...fit, ...changes } : wrap(fit, fit, changes)
}
