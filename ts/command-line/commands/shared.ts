/** Options that commands share, and the parsers of option values. */

import { type Command, InvalidArgumentError, Option } from 'commander'
import { closestMatch } from 'leven'
import { MAX_ITERATIONS } from '../../jobs/limits.js'
import { parseValue } from '../../jobs/values.js'
import { integerBetween, type Option as Kind, nonNegative } from '../../options/kinds.js'
import { documentation } from '../../rules/documentation.js'
import { obstacle } from '../plot/file.js'

/** An option whose values are names from a list. The error message for a misspelled name suggests the closest name. */
export function choice(flags: string, description: string, names: readonly string[]): Option {
  const option = new Option(flags, description).choices(names)
  const { parseArg } = option
  return option.argParser((name, previous) => {
    const closest = names.includes(name) ? undefined : closestMatch(name, names, { maxDistance: 3 })
    if (closest === undefined) return parseArg?.(name, previous)
    throw new InvalidArgumentError(`Did you mean ${closest}? Allowed choices are ${names.join(', ')}.`)
  })
}

/** Values of options that the shell completion suggests, although the option accepts other values. */
const suggestions = new WeakMap<Option, readonly string[]>()

/** Adds suggestions to an option. */
export function suggest(option: Option, values: readonly string[]): Option {
  suggestions.set(option, values)
  return option
}

/** Values of an option that the shell completion suggests. */
export const valuesOf = (option: Option): readonly string[] =>
  suggestions.get(option) ?? option.argChoices ?? []

/** Fails without a required option. (Commander's check would hide the message about a misspelled option.) */
export function checkGiven(command: Command, flags: string, value: unknown): void {
  if (value === undefined) command.error(`error: required option '${flags}' not specified`)
}

/** Describes an option per rule. Rules with the same description are listed together. */
export function describeOption(name: string, rules: readonly string[]): string {
  const byText = new Map<string, string[]>()
  for (const rule of rules) {
    const text = (documentation[rule]?.[name] ?? '').replaceAll('`', '')
    byText.set(text, [...(byText.get(text) ?? []), rule])
  }
  return [...byText].map(([text, same]) => `${same.join(', ')}: ${text}`).join('; ')
}

export function parseFile(text: string): string {
  const problem = obstacle(text)
  if (problem === null) return text
  throw new InvalidArgumentError(problem)
}

/** Makes a parser of a kind of values. The parser's error messages are the library's error messages. */
export function makeParser<T>({ accepts, expected }: Kind<T>): (text: string) => T {
  return (text) => {
    const value = parseValue(text)
    if (accepts(value)) return value as T
    throw new InvalidArgumentError(`Expected ${expected}.`)
  }
}

export const parseTolerance = makeParser(nonNegative())
export const parseMaxIterations = makeParser(integerBetween(0, MAX_ITERATIONS))

/** Adds the options of runs that `race`, `plot` and `sweep` share. */
export const addDescentOptions = (command: Command, maxIterations: number): Command =>
  command
    .addOption(
      new Option('--dtype <dtype>', 'dtype of the parameters')
        .choices(['float64', 'float32'])
        .default('float64'),
    )
    .option(
      '--tolerance <number>',
      'a run stops when every parameter changes by less than this',
      parseTolerance,
      1e-9,
    )
    .option('--max-iterations <number>', 'maximum number of updates', parseMaxIterations, maxIterations)
