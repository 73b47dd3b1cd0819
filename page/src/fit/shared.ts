/** One fit of all groups with shared parameters. This module is loaded on demand. */

import {
  type FitOptions,
  fitShared,
  type ProfileEndReason,
  profile,
  profileEndReasons,
  type SharedFit,
  type SharedProfile,
  type SharedProfiles,
} from 'antigrad/fit'
import { type WrappedFit, wrap } from './displayed-fit.js'
import type { FitTask, TaskRows } from './task.js'

/** The group label of each row, the shared parameters, and the index of the selected group. */
export interface SharedGroups {
  readonly labels: readonly string[]
  readonly shared: readonly string[]
  readonly at: number
}

/** How the fits run. */
export interface SharedRun {
  /** Whether intervals are profile-likelihood intervals. */
  readonly hasProfiles: boolean
  readonly signal: AbortSignal
  readonly onProgress: (done: number, total: number) => void
}

/** Maximum number of groups for which all profile intervals are computed. */
const MAX_PROFILED_GROUPS = 100

/** @throws (rejects with) the errors of `fitShared`; the reason of the signal */
export async function fitTogether(
  { model, columns, names }: FitTask,
  { data, sigma, weights }: TaskRows,
  { labels, shared, at }: SharedGroups,
  { weights: byModel, ...options }: FitOptions,
  { hasProfiles, signal, onProgress }: SharedRun,
): Promise<WrappedFit[]> {
  // The column of labels gets a name that no column or parameter has.
  let group = 'group'
  while ([...columns, ...Object.values(names), ...Object.keys(options.start ?? {})].includes(group))
    group += '_'
  const errors = sigma ? { sigma } : { weights: weights ?? byModel }
  const { absoluteSigma, start, y, loss, lossScale, derive } = options
  const all = await fitShared(
    model,
    { ...data, [group]: labels },
    {
      ...Object.fromEntries(
        Object.entries({ absoluteSigma, start, y, loss, lossScale, derive, ...errors }).filter(
          ([, value]) => value !== undefined,
        ),
      ),
      group,
      shared,
      signal,
      onProgress,
    },
  )
  const found = all.groups.map((_, k) => wrap(all.at(k), all))
  if (!hasProfiles) return found
  // If there are too many groups, only the selected group gets profile intervals.
  if (found.length > MAX_PROFILED_GROUPS) {
    found[at] = addProfiles(found[at], await profile(all.at(at), undefined, { signal }))
    return found
  }
  const profiles = await profile(all, undefined, { signal, onProgress })
  return found.map((group, k) => addProfiles(group, selectProfiles(all, profiles, k, group.free)))
}

/** The profiles of the free parameters of one group. */
function selectProfiles(
  all: SharedFit,
  { shared, local }: SharedProfiles,
  k: number,
  free: readonly string[],
): GroupProfiles {
  const reasonOf = (codes: Uint8Array) => profileEndReasons[codes[k]] as ProfileEndReason
  return Object.fromEntries(
    free.map((name) => {
      if (!(name in all.values.local)) return [name, shared[name]]
      const { low, high, lowReason, highReason } = local[name]
      return [
        name,
        { low: low[k], high: high[k], lowReason: reasonOf(lowReason), highReason: reasonOf(highReason) },
      ]
    }),
  )
}

type GroupProfiles = Readonly<Record<string, SharedProfile>>

/** Adds profile intervals of the group's free parameters. All other parameters are refitted along each profile. */
function addProfiles(found: WrappedFit, profiles: GroupProfiles): WrappedFit {
  const ends = new Map<string, readonly [number, number]>()
  const said: string[] = []
  for (const name of found.free) {
    const { low, high, lowReason, highReason } = profiles[name]
    ends.set(name, [low, high])
    for (const [side, reason] of [
      ['lower', lowReason],
      ['upper', highReason],
    ])
      if (reason !== 'found') said.push(`The ${side} endpoint of ${name}: ${reason}.`)
  }
  return {
    ...found,
    ends: said,
    intervals: (level) => ({ ...found.intervals(level), ...Object.fromEntries(ends) }),
  }
}
