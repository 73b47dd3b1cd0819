/** Parses the values of an option on the command line, given as values and ranges separated by commas. */

import { OptionError } from '../core/errors.js'
import { exp, log } from '../functions/index.js'

const EXPECTED_VALUES = 'values such as 0.1,0.2, 0..1:lin:11 or 1e-4..1:log:100'

/** The maximum number of values of one option. */
const MAX_VALUES = 10_000

/** Converts a string to a number, a boolean or null if possible. The rule validates the result. */
export function parseValue(text: string): unknown {
  if (text === 'true' || text === 'false') return text === 'true'
  if (text === 'null') return null
  return text.trim() === '' || Number.isNaN(Number(text)) ? text : Number(text)
}

/**
 * Expands a string such as `1e-4..1:log:100` or `0.9,0.99` into distinct values, in order.
 *
 * @param option the name of the option, for messages
 * @throws OptionError if the string is not a list of values and ranges
 */
export function parseValues(option: string, text: string): unknown[] {
  const values = new Set(
    text.split(',').flatMap((item) => {
      if (item.trim() === '') throw new OptionError(option, EXPECTED_VALUES, text)
      return item.includes('..') ? range(option, item) : [parseValue(item)]
    }),
  )
  if (values.size > MAX_VALUES) throw new OptionError(option, `at most ${MAX_VALUES} values`, values.size)
  return [...values]
}

function range(option: string, item: string): number[] {
  const parts = /^(.+?)\.\.([^:]+):(lin|log):([^:]+)$/.exec(item)
  if (parts === null) throw new OptionError(option, EXPECTED_VALUES, item)
  const [low, high, count] = [parts[1], parts[2], parts[4]].map(parseValue)
  if (!(isNumber(low) && isNumber(high))) throw new OptionError(option, EXPECTED_VALUES, item)
  const isLog = parts[3] === 'log'
  if (isLog && !(low > 0 && high > 0)) {
    throw new OptionError(option, 'a logarithmic range between numbers > 0', item)
  }
  if (!(Number.isInteger(count) && (count as number) >= 2 && (count as number) <= MAX_VALUES)) {
    throw new OptionError(option, `a range of 2 to ${MAX_VALUES} values`, item)
  }
  const last = (count as number) - 1
  // Values are rounded to few digits, so that a user can retype the values.
  const digits = isLog && Math.abs(log(high) - log(low)) / last > 1e-3 ? 6 : 12
  return Array.from({ length: last + 1 }, (_, i) => {
    if (i === 0 || i === last) return i === 0 ? low : high
    const share = i / last
    const between = isLog ? exp(log(low) + (log(high) - log(low)) * share) : low * (1 - share) + high * share
    return Number(between.toPrecision(digits))
  })
}

const isNumber = (x: unknown): x is number => Number.isFinite(x)
