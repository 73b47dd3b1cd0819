/** What is in objects that somebody gave: each thing is read once, and no list is walked to its end in good faith. */

import { isDetached, isFloatArray } from './typed-arrays.js'

export function isObject(value: unknown): value is object {
  return value !== null && typeof value === 'object'
}

/** A record of what each name has. */
export function createRecord<T, Names extends string = string>(
  names: readonly Names[],
  compute: (name: Names, k: number) => T,
): Record<Names, T> {
  return Object.fromEntries(names.map((name, k) => [name, compute(name, k)])) as Record<Names, T>
}

/** A record of the same names. */
export function mapRecord<T, U, Names extends string = string>(
  record: Readonly<Record<Names, T>>,
  to: (value: T, name: Names) => U,
): Record<Names, U> {
  return createRecord(Object.keys(record) as Names[], (name) => to(record[name], name))
}

/** Without what is undefined. */
export function omitUndefined<T>(record: Readonly<Record<string, T | undefined>>): Record<string, T> {
  return Object.fromEntries(
    Object.entries(record).filter((entry): entry is [string, T] => entry[1] !== undefined),
  )
}

/**
 * Own properties, each read once: what somebody has put on every object is none of them. A list, a typed array or a
 * String has the one property 0 here, which no reader knows: it may be billions long.
 */
export function ownProperties(value: object): Record<string, unknown> {
  return { __proto__: null, ...(isArrayLike(value) ? [0] : value) }
}

/** Whether what is in it has numbers for names. */
export function isArrayLike(value: object): boolean {
  return Array.isArray(value) || ArrayBuffer.isView(value) || value instanceof String
}

/** Whether it is an object with names: what has numbers for them may be billions long. */
export function isRecord(value: unknown): value is object {
  return isObject(value) && !isArrayLike(value)
}

/** How long a list may be of which nothing else is known. */
export const MAX_LIST_LENGTH = 1_000_000

/**
 * The elements of a list, each read once; undefined for what is none, or longer than it may be. A list of 2³² − 1 holes
 * takes 600 bytes where it was saved, so its length is asked before anything else.
 */
export function toBoundedArray(value: unknown, longest = MAX_LIST_LENGTH): unknown[] | undefined {
  if (!Array.isArray(value)) return undefined
  const { length } = value
  if (!(length <= longest)) return undefined
  const list: unknown[] = []
  for (let i = 0; i < length; i++) list.push(value[i])
  return list
}

/** Numbers of a list that there is room for before they have been read. */
const MIN_ROOM = 1 << 16

/**
 * A copy of numbers, each read once; undefined for what is no list of them. The first hole ends it, however many there
 * are.
 *
 * @param takesNull whether null is one, which is missing: NaN
 */
export function toFloat64Array(value: unknown, takesNull = false): Float64Array | undefined {
  if (isFloatArray(value)) return isDetached(value) ? undefined : new Float64Array(value)
  if (!Array.isArray(value)) return undefined
  const { length } = value
  // Holes take no memory: there is room for what has been read, and four times as much.
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

/** What an object with behavior has, itself or of its class, and not only as every object has it. */
export function readMember(given: object, name: string): unknown {
  const value = (given as Readonly<Record<string, unknown>>)[name]
  return value === (Object.prototype as unknown as Readonly<Record<string, unknown>>)[name]
    ? undefined
    : value
}
