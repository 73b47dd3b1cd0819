/** Profile intervals of all parameters of a fit with shared parameters. */

import { createRecord } from '../../core/untrusted-input.js'
import { profileEndReasons } from '../problem/reasons.js'
import type { ProfileColumns } from '../profiles/profile-result.js'
import type { SharedProfile } from '../shared-solve/profile.js'
import { quantityNames } from './profiled-parameters.js'
import type { SharedSource } from './result-source.js'

type ProfilesByName = Readonly<Record<string, ProfileColumns>>

/** Profile intervals of all parameters, structured like `values` of the result. */
export interface SharedProfiles {
  /** One interval per parameter that all groups share. */
  readonly shared: Readonly<Record<string, SharedProfile>>
  /** One interval per label for each parameter that the groups of a label share, in the order of `subsetLabels`. */
  readonly sharedBy: ProfilesByName
  /**
   * One interval per group for each local parameter, in the order of `groups`. The endpoints are NaN and their reasons
   * 'unavailable' if the model of a group lacks the parameter.
   */
  readonly local: ProfilesByName
  /** One interval per group for each derived quantity, in the order of `groups`. */
  readonly derived: ProfilesByName
}

const UNKNOWN: SharedProfile = {
  low: NaN,
  high: NaN,
  lowReason: 'unavailable',
  highReason: 'unavailable',
}

function toColumns(profiles: readonly SharedProfile[]): ProfileColumns {
  return {
    low: Float64Array.from(profiles, ({ low }) => low),
    high: Float64Array.from(profiles, ({ high }) => high),
    lowReason: Uint8Array.from(profiles, ({ lowReason }) => profileEndReasons.indexOf(lowReason)),
    highReason: Uint8Array.from(profiles, ({ highReason }) => profileEndReasons.indexOf(highReason)),
  }
}

/** @param profiles profiles of the shared parameters, and then of the local and derived parameters group by group */
export function toSharedProfiles(
  { run, locate }: SharedSource,
  profiles: readonly SharedProfile[],
): SharedProfiles {
  const { parsed, solver } = run
  const { shared, labels, sharedBy } = parsed
  const joint = shared.flatMap(({ parameter, label }, k) =>
    label === null ? [[parameter.name, k] as const] : [],
  )
  const byName = labels.map(() => new Map<string, SharedProfile>())
  let next = shared.length
  for (const [group, own] of byName.entries()) {
    const location = locate(group)
    const { free, local } = solver.batches[location.batch]
    for (const { name } of free.slice(0, local)) own.set(name, profiles[next++])
    for (const name of quantityNames(location)) own.set(name, profiles[next++])
  }
  const toColumnsByName = (names: readonly string[]) =>
    createRecord(names, (name) => toColumns(byName.map((own) => own.get(name) ?? UNKNOWN)))
  const derived = new Set(
    byName.flatMap((own) => [...own.keys()]).filter((name) => !parsed.local.includes(name)),
  )
  return {
    shared: Object.fromEntries(joint.map(([name, k]) => [name, profiles[k]])),
    sharedBy: createRecord([...sharedBy.keys()], (name) =>
      toColumns(profiles.filter((_, k) => shared[k]?.label !== null && shared[k]?.parameter.name === name)),
    ),
    local: toColumnsByName(parsed.local),
    derived: toColumnsByName([...derived]),
  }
}
