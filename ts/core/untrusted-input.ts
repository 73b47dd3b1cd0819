/** Safe reading of objects from the user: each property is read once, and array lengths are limited. */

import { isDetached, isFloatArray } from './typed-arrays.js'

export function isObject(value: unknown): value is object {
  return value !== null && typeof value === 'object'
}

/** Builds an object that has a computed value for each name. */
export function createRecord<T, Names extends string = string>(
  names: readonly Names[],
  compute: (name: Names, k: number) => T,
): Record<Names, T> {
  return Object.fromEntries(names.map((name, k) => [name, compute(name, k)])) as Record<Names, T>
}

/** Builds an object with the same names, but with converted values. */
export function mapRecord<T, U, Names extends string = string>(
  record: Readonly<Record<Names, T>>,
  to: (value: T, name: Names) => U,
): Record<Names, U> {
  return createRecord(Object.keys(record) as Names[], (name) => to(record[name], name))
}

/** Returns the object without its undefined properties. */
export function omitUndefined<T>(record: Readonly<Record<string, T | undefined>>): Record<string, T> {
  return Object.fromEntries(
    Object.entries(record).filter((entry): entry is [string, T] => entry[1] !== undefined),
  )
}

/**
 * Returns the own properties of an object, each read once; properties of Object.prototype are not included. Arrays,
 * typed arrays and `String` objects may have billions of elements. The result for an indexed object has only a property
 * `0`, which no reader accepts.
 */
export function ownProperties(value: object): Record<string, unknown> {
  return { __proto__: null, ...(isArrayLike(value) ? [0] : value) }
}

/** Whether the object has indexed elements. */
export function isArrayLike(value: object): boolean {
  return Array.isArray(value) || ArrayBuffer.isView(value) || value instanceof String
}

/** Whether the value is an object with named properties and without indexed elements. */
export function isRecord(value: unknown): value is object {
  return isObject(value) && !isArrayLike(value)
}

/** The default for the maximum length of an array. */
export const MAX_LIST_LENGTH = 1_000_000

/**
 * The elements of an array, each read once; undefined if the value is not an array or is too long. An array of 2³² − 1
 * holes serializes to only 600 bytes, so the length is checked first.
 */
export function toBoundedArray(value: unknown, longest = MAX_LIST_LENGTH): unknown[] | undefined {
  if (!Array.isArray(value)) return undefined
  const { length } = value
  if (!(length <= longest)) return undefined
  const list: unknown[] = []
  for (let i = 0; i < length; i++) list.push(value[i])
  return list
}

/** The initial capacity for the numbers of an array, before any number has been read. */
const MIN_ROOM = 1 << 16

/**
 * Copies an array of numbers and reads each element once. The result is undefined if the value is not an array of
 * numbers. Reading ends at the first hole, so long sparse arrays take no time.
 *
 * @param takesNull whether null is accepted as a missing value and stored as NaN
 */
export function toFloat64Array(value: unknown, takesNull = false): Float64Array | undefined {
  if (isFloatArray(value)) return isDetached(value) ? undefined : new Float64Array(value)
  if (!Array.isArray(value)) return undefined
  const { length } = value
  // Holes take no memory, so a sparse array may claim any length. The capacity grows fourfold as numbers are read.
  let numbers = new Float64Array(Math.min(length, MIN_ROOM))
  for (let i = 0; i < length; i++) {
    const x: unknown = value[i]
    if (typeof x !== 'number' && !(x === null && takesNull)) return undefined
    if (i === numbers.length) {
      const more = new Float64Array(Math.min(length, 4 * i))
      more.set(numbers)
      numbers = more
    }
    numbers[i] = x === null ? NaN : x
  }
  return numbers
}

/** Reads a property of an object or its class; undefined if only Object.prototype has the property. */
export function readMember(given: object, name: string): unknown {
  const value = (given as Readonly<Record<string, unknown>>)[name]
  return value === (Object.prototype as unknown as Readonly<Record<string, unknown>>)[name]
    ? undefined
    : value
}
