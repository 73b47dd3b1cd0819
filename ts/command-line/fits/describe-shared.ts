/** What is said of a fit with shared parameters: tables, and JSON. */

import type { SharedProfile } from '../../fits/shared/profile.js'
import type { SharedFit } from '../../fits/shared/result.js'
import { plural, printable } from '../../ground/text.js'
import { columns } from '../report.js'
import { short } from './describe.js'

/** By name of what is shared, in the order of a fit's `shared`; by group those of its own parameters. */
export interface SharedProfiles {
  readonly shared: Map<string, SharedProfile>
  readonly own: readonly ReadonlyMap<string, SharedProfile>[]
}

/** What is shared, by name: its value and its error. */
function sharedOf({ values, errors, subsets, shared }: SharedFit): Map<string, readonly [number, number]> {
  const all = new Map(
    Object.entries(values.shared).map(([name, x]) => [name, [x, errors.shared[name]] as const]),
  )
  for (const [name, labels] of Object.entries(subsets)) {
    for (const [k, label] of labels.entries())
      all.set(`${name}[${label}]`, [values.subsets[name][k], errors.subsets[name][k]])
  }
  return new Map(shared.map((name) => [name, all.get(name) as readonly [number, number]]))
}

/** Shared parameters, then a line for each group, and what holds of all. */
export function describeShared(by: string, fit: SharedFit, profiles?: SharedProfiles): string {
  const { values, errors } = fit
  const held = new Set(fit.held)
  const errorOf = (name: string, error: number) => (held.has(name) ? 'at bound' : short(error, 3))
  const shared = [...sharedOf(fit)].map(([name, [x, error]]) => {
    const profile = profiles?.shared.get(name)
    const ends = profile ? [short(profile.low), short(profile.high)] : []
    return [printable(name), short(x, 8), errorOf(name, error), ...ends]
  })
  const names = Object.keys(values.own)
  const first = fit.at(0)
  // What follows from others; what is fixed is said by those who have fixed it.
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
      const profile = profiles?.own[k].get(name)
      return profile ? [short(profile.low), short(profile.high)] : ['', '']
    }
    return [
      ...[printable(`${label}`), `${group.rows}`],
      ...names.flatMap((name) => [
        short(values.own[name][k]),
        ...(profiles ? ends(name) : [errorOf(`${name}[${label}]`, errors.own[name][k])]),
      ]),
      ...rest.flatMap((name) => [short(group.values[name]), short(group.errors[name], 3)]),
      short(group.chiSquared),
    ]
  })
  const quality = [
    ['χ²', fit.chiSquared],
    ['reduced χ²', fit.reducedChiSquared],
    ['AIC', fit.aic],
    ['BIC', fit.bic],
  ] as const
  return [
    columns([['shared', 'value', 'error', ...(profiles ? ['95 %', ''] : [])], ...shared], [1, 2, 3, 4]),
    '',
    columns(
      [[printable(by), 'rows', ...heads, 'χ²'], ...lines],
      [...Array(2 + heads.length).keys()].map((i) => i + 1),
    ),
    '',
    quality.map(([name, x]) => `${name} ${short(x)}`).join(', '),
    `${plural(fit.rows, 'row')}, ${plural(fit.rows - fit.freedom, 'parameter')} in ${plural(fit.length, 'group')}; ${fit.reason} after ${plural(fit.evaluations, 'evaluation')}`,
    ...(fit.message === '' ? [] : [fit.message]),
  ].join('\n')
}

/** A line of what all share, and one for each group; what is no number is null. */
export function* sharedInJson(fit: SharedFit, profiles?: SharedProfiles): Generator<string> {
  const { reason, message, shared, covariance, held, undetermined } = fit
  const all = [...sharedOf(fit)]
  const { chiSquared, reducedChiSquared, aic, bic, rows, freedom, evaluations } = fit
  yield JSON.stringify({
    ...{
      reason,
      message,
      values: Object.fromEntries(all.map(([name, [x]]) => [name, x])),
      errors: Object.fromEntries(all.map(([name, [, error]]) => [name, error])),
      shared,
      covariance,
      held,
      undetermined,
    },
    ...{ chiSquared, reducedChiSquared, aic, bic, rows, freedom, evaluations },
    ...(profiles && { profile: Object.fromEntries(profiles.shared) }),
  })
  for (const [k, group] of fit.groups.entries()) {
    const of = fit.at(k)
    const { values, errors, free, covariance, chiSquared, rows } = of
    const profile = profiles && { profile: Object.fromEntries(profiles.own[k]) }
    yield JSON.stringify({
      ...{ group, values, errors, intervals: of.intervals(), ...profile, free, covariance, chiSquared, rows },
    })
  }
}
