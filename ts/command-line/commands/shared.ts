/** What commands have in common: options, what is read of them, what is said. */

import { type Command, InvalidArgumentError, Option } from 'commander'
import { closestMatch } from 'leven'
import { MAX_ITERATIONS } from '../../jobs/limits.js'
import { parseValue } from '../../jobs/values.js'
import { integerBetween, type Option as Kind, nonNegative } from '../../options/kinds.js'
import { documentation } from '../../rules/documentation.js'
import { obstacle } from '../plot/file.js'

/** Exit statuses: engines disagree; the command line is invalid, or what it asks for cannot be done. */
export const DISAGREEMENT = 1
export const MISUSE = 2
/** As shells have it: 128 and the number of SIGINT. */
export const STOPPED = 130

/** Texts of strangers do not steer a terminal; lines and tabs are ours. */
const steered = /[^\P{Cc}\n\t]/gu

export const say = (line: string) => process.stderr.write(`antigrad: ${line.replace(steered, '�')}\n`)

/** An option that is one of some names, or several; where a name is misspelled, the closest one is named. */
export function choice(flags: string, description: string, names: readonly string[]): Option {
  const option = new Option(flags, description).choices(names)
  const { parseArg } = option
  return option.argParser((name, previous) => {
    const closest = names.includes(name) ? undefined : closestMatch(name, names, { maxDistance: 3 })
    if (closest === undefined) return parseArg?.(name, previous)
    throw new InvalidArgumentError(`Did you mean ${closest}? Allowed choices are ${names.join(', ')}.`)
  })
}

/** Refuses a call without an option. (Commander would before it names one that is misspelled.) */
export function checkGiven(command: Command, flags: string, value: unknown): void {
  if (value === undefined) command.error(`error: required option '${flags}' not specified`)
}

/** What the option is in each rule; those in which it is the same are named together. */
export function describeOption(name: string, rules: readonly string[]): string {
  const byText = new Map<string, string[]>()
  for (const rule of rules) {
    const text = (documentation[rule]?.[name] ?? '').replaceAll('`', '')
    byText.set(text, [...(byText.get(text) ?? []), rule])
  }
  return [...byText].map(([text, same]) => `${same.join(', ')}: ${text}`).join('; ')
}

export function showProgress(what: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${what}`)
}

/** Says how far something is, but not all the time. */
export function reporter<Given extends unknown[]>(
  describe: (seconds: number, ...given: Given) => string,
): (...given: Given) => void {
  const began = performance.now()
  let said = Number.NEGATIVE_INFINITY
  return (...given) => {
    const now = performance.now()
    if (now - said < 100) return
    said = now
    showProgress(describe((now - began) / 1000, ...given))
  }
}

/** Waits until it is written, so that what nobody reads does not pile up; false where it cannot be. */
export function print(text: string | Uint8Array): Promise<boolean> {
  const shown = process.stdout.isTTY ? Buffer.from(text).toString().replace(steered, '�') : text
  return new Promise((resolve) => {
    process.stdout.write(shown, (error) => resolve(!error))
  })
}

export function parseFile(text: string): string {
  const problem = obstacle(text)
  if (problem === null) return text
  throw new InvalidArgumentError(problem)
}

/** A parser of a kind of values, which refuses others in the words that the library has for it. */
export function makeParser<T>({ accepts, expected }: Kind<T>): (text: string) => T {
  return (text) => {
    const value = parseValue(text)
    if (accepts(value)) return value as T
    throw new InvalidArgumentError(`Expected ${expected}.`)
  }
}

export const parseTolerance = makeParser(nonNegative())
export const parseMaxIterations = makeParser(integerBetween(0, MAX_ITERATIONS))
