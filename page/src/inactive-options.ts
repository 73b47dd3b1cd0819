/** Finds options without effect: changes each option and compares the points of some updates. */

import { Minimization } from 'antigrad'
import { getMessage } from '../../dist/page.js'
import { makeRunOptions, type Race } from './race.js'
import { build, fields, getOption, type OptionField, type OptionValue, type RuleEntry } from './rules.js'

/** Number of compared updates. Typical warm-ups and RAdam's rectification end earlier. */
const UPDATES = 60

/** The options without effect in a race, with the reason for each. */
export function withoutEffect(entry: RuleEntry, race: Race): Map<string, string> {
  const usual = computePath(entry, race)
  const found = new Map<string, string>()
  for (const field of fields(entry)) {
    let refusal = ''
    let isTried = false
    const changes = otherValues(field, getOption(entry, field.name)).some((value) => {
      try {
        const path = computePath({ ...entry, options: { ...entry.options, [field.name]: value } }, race)
        isTried = true
        return path.some((x, i) => !Object.is(x, usual[i]))
      } catch (thrown) {
        refusal = getMessage(thrown)
        return false
      }
    })
    if (changes) continue
    const said = isTried ? `other values do not change the first ${UPDATES} updates` : refusal
    if (said !== '') found.set(field.name, said)
  }
  return found
}

/** Other values of an option. Values that the rule refuses are skipped. */
function otherValues({ kind, choices }: OptionField, value: OptionValue): OptionValue[] {
  if (kind === 'flag') return [value !== true]
  if (kind === 'choice') return choices.filter((choice) => choice !== value)
  return typeof value === 'number'
    ? [value / 2, value + 0.1, value + 1, value + 3, 1e-3].filter((x) => x !== value)
    : []
}

function computePath(entry: RuleEntry, { state, landscape }: Race): number[] {
  const { rule } = build(entry)
  const options = makeRunOptions(entry, { ...state, tolerance: 0, maxIterations: UPDATES })
  const run = new Minimization(landscape.objective, [...state.start], rule as never, options)
  const path: number[] = []
  while (run.step()) path.push(...run.params)
  return [...path, ...run.params]
}
