/** All groups as one fit, in which they share parameters; loaded where somebody wants it. */

import { type FitOptions, fitShared, profile, type SharedFit } from 'antigrad/fit'
import type { GroupFit } from './displayed-fit.js'
import type { FitTask, TaskRows } from './task.js'

/** Which groups there are, by row, and which of them is looked at. */
export interface SharedGroups {
  readonly labels: readonly string[]
  readonly shared: readonly string[]
  readonly at: number
}

/** So many groups have their intervals by profile. */
const MAX_PROFILED_GROUPS = 100

/** @throws (rejects with) what fitShared throws; the signal's reason */
export async function fitTogether(
  { model, columns, names }: FitTask,
  { data, sigma, weights }: TaskRows,
  { labels, shared, at }: SharedGroups,
  { intervals, weights: byModel, ...options }: FitOptions,
  signal: AbortSignal,
): Promise<GroupFit[]> {
  // Whatever the table calls it: a name that nothing else has.
  let group = 'group'
  while ([...columns, ...Object.values(names), ...Object.keys(options.start ?? {})].includes(group))
    group += '_'
  const errors = sigma ? { sigma } : { weights: weights ?? byModel }
  const { absoluteSigma, start, y, loss, derive } = options
  const all = await fitShared(
    model,
    { ...data, [group]: labels },
    {
      ...Object.fromEntries(
        Object.entries({ absoluteSigma, start, y, loss, derive, ...errors }).filter(
          ([, value]) => value !== undefined,
        ),
      ),
      group,
      shared,
      signal,
    },
  )
  const found = all.groups.map((_, k) => selectGroup(all, k))
  if (intervals === undefined) return found
  // Of many groups, those of the one that is looked at.
  const some = found.length <= MAX_PROFILED_GROUPS ? found.keys() : [at]
  for (const k of some) found[k] = await addProfiles(all, k, found[k], signal)
  return found
}

function selectGroup(all: SharedFit, k: number): GroupFit {
  const group = all.at(k)
  const { values, errors, free, atBound, unidentifiable, covariance, correlation } = group
  const { chiSquared, observations, residuals, reason } = group
  return {
    all,
    values,
    errors,
    free,
    atBound,
    unidentifiable,
    covariance,
    correlation,
    chiSquared,
    observations,
    residuals,
    reason,
    intervals: (level) => group.intervals(level),
    predict: (at) => group.predict(at),
    band: (at, options) => group.band(at, options),
    ends: [],
  }
}

/** With intervals by profile of what varies in a group, while all others follow. */
async function addProfiles(
  all: SharedFit,
  k: number,
  found: GroupFit,
  signal: AbortSignal,
): Promise<GroupFit> {
  const group = all.at(k)
  const ends = new Map<string, readonly [number, number]>()
  const said: string[] = []
  for (const name of found.free) {
    const { low, high, lowReason, highReason } = await profile(group, name, { signal })
    ends.set(name, [low, high])
    for (const [side, reason] of [
      ['lower', lowReason],
      ['upper', highReason],
    ])
      if (reason !== 'found') said.push(`The ${side} end of ${name}: ${reason}.`)
  }
  return {
    ...found,
    ends: said,
    intervals: (level) => ({ ...found.intervals(level), ...Object.fromEntries(ends) }),
  }
}
