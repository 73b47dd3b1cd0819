/** A saved run as a text: JSON, in which arrays, and numbers that JSON does not know, are marked. */

import { parseJson } from '../ground/json.js'
import type { FloatArray } from '../ground/numbers.js'
import { isFloatArray } from '../ground/typed-arrays.js'

/** Stand for what JSON cannot say. */
const ARRAY = '#array'
const NUMBER = '#number'
const NUMBERS = /(NaN|Infinity|-0)$/

/** More than parameters, or schedules in one another, are nested: 100 each. */
const NESTING = { deepest: 1000 }

/** @param arrays gets them, in the order of the text */
export function textOf(saved: unknown, arrays: FloatArray[]): string {
  return JSON.stringify(saved, (_, value) => {
    if (isFloatArray(value)) return { [ARRAY]: arrays.push(value) - 1 }
    const isPlain = typeof value !== 'number' || (Number.isFinite(value) && !Object.is(value, -0))
    return isPlain ? value : { [NUMBER]: Object.is(value, -0) ? '-0' : `${value}` }
  })
}

/**
 * What {@link textOf} was given, with these arrays; what is in it is checked by who reads it.
 *
 * @throws SyntaxError if it is no JSON, or nested deeper than any run
 */
export function runIn(text: string, arrays: readonly unknown[]): unknown {
  return parseJson(text, NESTING, (_, value) => {
    const { [ARRAY]: array, [NUMBER]: number } = Object(value)
    // A tensor may have such a name, with which a text in the structure ends.
    return array >= 0 ? arrays[array] : NUMBERS.test(number) ? Number(number) : value
  })
}
