/** Options of runs, which `race` and `plot` share. */

import { type Command, InvalidArgumentError, Option } from 'commander'
import { toKebabCase } from '../../core/text.js'
import { parseValue } from '../../jobs/values.js'
import { entrantNames, type RaceRunSettings, ruleOptions } from '../race.js'
import { addDescentOptions, describeOption } from './shared.js'

/** Names of the run options that do not belong to a rule. */
export const runOptions = ['dtype', 'tolerance', 'maxIterations'] as const

/** Adds the options that `race` and `plot` share. */
export function addRunOptions(command: Command): void {
  addDescentOptions(command, 50_000).optionsGroup('Options of rules (every chosen rule must have them):')
  for (const [name, rules] of ruleOptions) {
    const isSwitch = [...rules.values()].every(({ accepts }) => accepts(true))
    const option = new Option(
      `--${toKebabCase(name)} ${isSwitch ? '[true|false]' : '<value>'}`,
      describeOption(name, [...rules.keys()]),
    )
    command.addOption(option.argParser(parseValue))
  }
}

type RunSettings = Omit<RaceRunSettings, 'engines' | 'start'>

/** The settings that `race` and `plot` share. */
export function runSettings({ rule, dtype, tolerance, maxIterations, ...others }: Record<string, unknown>) {
  const overrides = Object.fromEntries(Object.entries(others).filter(([name]) => ruleOptions.has(name)))
  return { rules: rule ?? entrantNames, overrides, dtype, tolerance, maxIterations } as RunSettings
}

export function parsePoint(text: string): number[] {
  const point = text.split(',').map(parseValue)
  if (point.length === 2 && point.every(Number.isFinite)) return point as number[]
  throw new InvalidArgumentError('Expected two finite numbers, as in 0.5,-2.')
}
