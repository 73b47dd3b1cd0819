/** The results of a fit with shared parameters as tables and as JSON. */

import { plural, toPrintable } from '../../core/text.js'
import { tryLackOfFit } from '../../fits/analysis/lack-of-fit.js'
import type { SharedProfile } from '../../fits/shared-solve/profile.js'
import type { FitOfGroups } from '../../fits/tables/fit-list.js'
import { columns } from '../report.js'
import { describeLackOfFit, short } from './describe.js'
import type { DateUnits } from './input.js'

/**
 * Profiles of shared parameters by name, in the order of the fit's `shared`, and profiles of local parameters per
 * group.
 */
export interface GroupProfileMaps {
  readonly shared: Map<string, SharedProfile>
  readonly local: readonly ReadonlyMap<string, SharedProfile>[]
}

/** The value and the standard error of each shared parameter, by name. */
function collectShared({
  values,
  errors,
  subsetLabels,
  shared,
}: FitOfGroups): Map<string, readonly [number, number]> {
  const all = new Map(
    Object.entries(values.shared).map(([name, x]) => [name, [x, errors.shared[name]] as const]),
  )
  for (const [name, labels] of Object.entries(subsetLabels)) {
    for (const [k, label] of labels.entries())
      all.set(`${name}[${label}]`, [values.sharedBy[name][k], errors.sharedBy[name][k]])
  }
  return new Map(shared.map((name) => [name, all.get(name) as readonly [number, number]]))
}

/** A table of the shared parameters, a table with one line per group, and the statistics of the whole fit. */
export function describeShared(by: string, fit: FitOfGroups, profiles?: GroupProfileMaps): string {
  const { values, errors } = fit
  const held = new Set(fit.atBound)
  const errorOf = (name: string, error: number) => (held.has(name) ? 'at bound' : short(error, 3))
  const shared = [...collectShared(fit)].map(([name, [x, error]]) => {
    const profile = profiles?.shared.get(name)
    const ends = profile ? [short(profile.low), short(profile.high)] : []
    return [toPrintable(name), short(x, 8), errorOf(name, error), ...ends]
  })
  const names = Object.keys(values.local)
  const first = fit.at(0)
  // Parameters defined by expressions, and derived quantities. Fixed parameters are omitted, because the user chose
  // their values.
  const rest = Object.keys(first.values).filter(
    (name) => !first.free.includes(name) && first.errors[name] !== 0,
  )
  const heads = [
    ...names.flatMap((name) => (profiles ? [name, 'from', 'to'] : [name, '±'])),
    ...rest.flatMap((name) => [name, '±']),
  ]
  const lines = fit.groups.map((label, k) => {
    const group = fit.at(k)
    const ends = (name: string) => {
      const profile = profiles?.local[k].get(name)
      return profile ? [short(profile.low), short(profile.high)] : ['', '']
    }
    return [
      ...[toPrintable(`${label}`), `${group.observations}`],
      ...names.flatMap((name) => [
        short(values.local[name][k]),
        ...(profiles ? ends(name) : [errorOf(`${name}[${label}]`, errors.local[name][k])]),
      ]),
      ...rest.flatMap((name) => [short(group.values[name]), short(group.errors[name], 3)]),
      short(group.chiSquared),
    ]
  })
  const cost = 'minus2LogLikelihood' in fit ? '−2 log L' : 'χ²'
  return [
    columns([['shared', 'value', 'error', ...(profiles ? ['95%', ''] : [])], ...shared], [1, 2, 3, 4]),
    '',
    columns(
      [[toPrintable(by), 'rows', ...heads, cost], ...lines],
      [...Array(2 + heads.length).keys()].map((i) => i + 1),
    ),
    '',
    describeQuality(fit),
    ...describeLackOfFit(fit),
    `${plural(fit.observations, 'row')}, ${plural(fit.observations - fit.degreesOfFreedom, 'parameter')} in ${plural(fit.length, 'group')}; ${fit.reason} after ${plural(fit.evaluations, 'evaluation')}`,
    ...(fit.message === '' ? [] : [fit.message]),
  ].join('\n')
}

function describeQuality(fit: FitOfGroups): string {
  const own =
    'minus2LogLikelihood' in fit
      ? ([[`${fit.distribution}: −2 log L`, fit.minus2LogLikelihood]] as const)
      : ([
          ['χ²', fit.chiSquared],
          ['reduced χ²', fit.reducedChiSquared],
        ] as const)
  const criteria = [
    ['AIC', fit.aic],
    ['BIC', fit.bic],
  ] as const
  return [...own, ...criteria].map(([name, x]) => `${name} ${short(x)}`).join(', ')
}

/** The statistics of the whole fit that JSON contains in front of AIC. */
function statisticsOf(fit: FitOfGroups) {
  if ('chiSquared' in fit) return { chiSquared: fit.chiSquared, reducedChiSquared: fit.reducedChiSquared }
  return { distribution: fit.distribution, minus2LogLikelihood: fit.minus2LogLikelihood }
}

/** One line of JSON for the shared results, and one line per group. NaN and infinities become null. */
export function* sharedInJson(
  fit: FitOfGroups,
  profiles?: GroupProfileMaps,
  dates: DateUnits = {},
): Generator<string> {
  const { reason, message, shared, covariance, atBound, unidentifiable } = fit
  const all = [...collectShared(fit)]
  const { aic, bic, observations, degreesOfFreedom, evaluations } = fit
  yield JSON.stringify({
    reason,
    message,
    values: Object.fromEntries(all.map(([name, [x]]) => [name, x])),
    errors: Object.fromEntries(all.map(([name, [, error]]) => [name, error])),
    shared,
    covariance,
    atBound,
    unidentifiable,
    ...statisticsOf(fit),
    aic,
    bic,
    observations,
    degreesOfFreedom,
    evaluations,
    lackOfFit: tryLackOfFit(fit),
    ...(profiles && { profile: Object.fromEntries(profiles.shared) }),
    ...(Object.keys(dates).length > 0 && { dates }),
  })
  for (const [k, group] of fit.groups.entries()) {
    const one = fit.at(k)
    const { values, errors, free, covariance, observations } = one
    const profile = profiles && { profile: Object.fromEntries(profiles.local[k]) }
    yield JSON.stringify({
      group,
      values,
      errors,
      intervals: one.intervals(),
      ...profile,
      free,
      covariance,
      ...('minus2LogLikelihood' in one
        ? { minus2LogLikelihood: one.minus2LogLikelihood, censoredRows: one.censoredRows, reason: one.reason }
        : { chiSquared: one.chiSquared }),
      observations,
    })
  }
}
