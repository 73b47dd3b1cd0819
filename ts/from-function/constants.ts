/** Constants that a function gets through its third argument. */

import { OptionError } from '../core/errors.js'
import { isRecord, ownProperties, toBoundedArray, toFloat64Array } from '../core/untrusted-input.js'
import type { Algebra } from './algebra.js'
import { Fields, LateNumber, List, type Value, ValueCell } from './values.js'

const MAX_DEPTH = 8
const MAX_LENGTH = 50_000

/** Values of the constants by name. Each property is read once. */
export function readConstants(algebra: Algebra, given: unknown): ReadonlyMap<string, Value> {
  if (given === undefined) return new Map()
  if (!isRecord(given)) throw new OptionError('constants', 'an object', given)
  return new Map(
    Object.entries(ownProperties(given)).map(([name, value]) => [
      name,
      toValue(algebra, value, `constants: ${name}`, 0),
    ]),
  )
}

function toValue(algebra: Algebra, given: unknown, argument: string, depth: number): Value {
  if (typeof given === 'number') return new LateNumber(() => algebra.constant(given))
  if (typeof given === 'boolean' || typeof given === 'string') return given
  const expected = 'a number, a list of numbers or an object of numbers'
  if (depth === MAX_DEPTH) throw new OptionError(argument, `at most ${MAX_DEPTH} nested levels`, given)
  const cell = (value: unknown, name: string | number) =>
    new ValueCell(toValue(algebra, value, `${argument}.${name}`, depth + 1), undefined, true)
  if (Array.isArray(given) || ArrayBuffer.isView(given)) {
    const values = Array.isArray(given) ? toBoundedArray(given, MAX_LENGTH) : toFloat64Array(given)
    if (values === undefined) throw new OptionError(argument, `at most ${MAX_LENGTH} numbers`, given)
    return new List(Array.from<unknown>(values).map(cell))
  }
  if (!isRecord(given)) throw new OptionError(argument, expected, given)
  const cells = Object.entries(ownProperties(given)).map(
    ([name, value]) => [name, cell(value, name)] as const,
  )
  return new Fields(new Map(cells))
}
