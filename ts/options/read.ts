/** The reader of options. */

import { hintFor } from '#hints'
import { OptionError } from '../core/errors.js'
import { isArrayLike, isObject, mapRecord } from '../core/untrusted-input.js'
import { customOption, type Option, type OptionTable, type ValuesOf } from './kinds.js'

type OptionValues = Record<string, unknown>

/**
 * Options as a user gives them, with what stands where nothing was given: own properties, each read once, and none
 * but those of the table.
 *
 * @param what the argument, for messages; where it ends in `options`, these are named without that word
 * @param expected what it has to be, unless an object with these
 * @param context what else their kinds want to know
 * @throws OptionError where it is no object, has another name, or an option is not what it has to be
 */
export function readOptions<O extends OptionTable>(
  what: string,
  given: unknown,
  table: O,
  expected?: string,
  context?: readonly unknown[],
): ValuesOf<O> {
  const values = { ...makeDefaults(table) }
  overlay(values, what, given, table, expected, context)
  for (const name of Object.keys(values)) {
    if (values[name] === undefined) values[name] = read(what, name, table[name], undefined, context)
  }
  return values as ValuesOf<O>
}

const defaults = new WeakMap<OptionTable, Readonly<OptionValues>>()

/** What is unless something is given, for each name. */
export function makeDefaults(table: OptionTable): Readonly<OptionValues> {
  const known = defaults.get(table) ?? mapRecord(table, (option) => option.default)
  defaults.set(table, known)
  return known
}

/** Writes the options that are given over others. */
export function overlay(
  values: OptionValues,
  what: string,
  given: unknown,
  table: OptionTable,
  expected?: string,
  context?: readonly unknown[],
): void {
  if (!isObject(given)) {
    throw new OptionError(what, expected ?? `{ ${Object.keys(table).join(', ')} }`, given)
  }
  // A list may be billions long.
  for (const name of isArrayLike(given) ? ['0'] : Object.keys(given)) {
    if (!Object.hasOwn(table, name)) {
      const names = Object.keys(table)
      throw new OptionError(
        what,
        `one of ${names.join(', ')}`,
        name,
        hintFor(name, () => names),
      )
    }
    const value = (given as Readonly<OptionValues>)[name]
    if (value !== undefined) values[name] = read(what, name, table[name], value, context)
  }
}

function read(
  what: string,
  name: string,
  option: Option,
  given: unknown,
  context: readonly unknown[] = [],
): unknown {
  if (option.accepts(given)) return given
  const [, place = `${what}: `] = /^(|.*: )options$/s.exec(what) ?? []
  return readOption(place + name, option, given, ...context)
}

/** One value, as it is kept. @throws OptionError where it is not what it has to be */
export function readOption<T>(what: string, option: Option<T>, given: unknown, ...context: unknown[]): T {
  if (option.accepts(given)) return given as T
  const copy = option.read?.(what, given, ...(context as never[]))
  if (copy !== undefined) return copy
  throw new OptionError(what, option.expected, given)
}

/**
 * An object with options of its own.
 *
 * @param short the option that a number stands for
 * @param unless what it is unless given, as a user would give it
 */
export function nestedOptions<O extends OptionTable, D extends number | object | undefined = undefined>(
  table: O,
  short?: keyof O & string,
  unless?: D,
): Option<ValuesOf<O>, D extends undefined ? undefined : ValuesOf<O>> {
  const names = `{ ${Object.keys(table).join(', ')} }`
  const expected = short === undefined ? names : `${table[short].expected} or ${names}`
  const read = (what: string, given: unknown) => {
    const whole = short !== undefined && typeof given === 'number' ? { [short]: given } : given
    return Object.freeze(readOptions(what, whole, table, expected))
  }
  return customOption(read, (unless === undefined ? undefined : read('', unless)) as never)
}
