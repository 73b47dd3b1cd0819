/** Reads options, and validates the options against a table. */

import { hintFor } from '#hints'
import { OptionError } from '../core/errors.js'
import { isArrayLike, isObject, mapRecord } from '../core/untrusted-input.js'
import { customOption, type Option, type OptionTable, type ValuesOf } from './kinds.js'

type OptionValues = Record<string, unknown>

/**
 * Reads an options object and adds the defaults of omitted options. Only own properties count. Each property is read
 * once. Names that are not in the table cause errors.
 *
 * @param what the name of the argument, for messages; if the name ends in `options`, messages about an option omit this
 * word
 * @param expected the expected value in words; by default an object with the names in the table
 * @param context further arguments for the `read` functions of the options
 * @throws OptionError if the value is not an object, or an option is unknown or invalid
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

/** The default of each option, computed once per table. */
export function makeDefaults(table: OptionTable): Readonly<OptionValues> {
  const known = defaults.get(table) ?? mapRecord(table, (option) => option.default)
  defaults.set(table, known)
  return known
}

/** Reads the options that are set, and replaces the defaults. */
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
  // Arrays are excluded, because an array may have billions of elements.
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

/** Validates one value, and returns the value or a converted copy. @throws OptionError if the value is invalid */
export function readOption<T>(what: string, option: Option<T>, given: unknown, ...context: unknown[]): T {
  if (option.accepts(given)) return given as T
  const copy = option.read?.(what, given, ...(context as never[]))
  if (copy !== undefined) return copy
  throw new OptionError(what, option.expected, given)
}

/**
 * An option whose value is itself an object of options.
 *
 * @param short the nested option that is set if the value is a plain number
 * @param unless the default, written as a user would write the option
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
