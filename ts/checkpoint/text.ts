/** A saved run as a text: JSON, in which arrays, and numbers that JSON does not know, are marked. */

import type { FloatArray } from '../core/numbers.js'
import { isFloatArray } from '../core/typed-arrays.js'

/** Stand for what JSON cannot say. */
const ARRAY_KEY = '#array'
const NUMBER_KEY = '#number'
const NUMBERS = /(NaN|Infinity|-0)$/

/** @param arrays gets them, in the order of the text */
export function toText(saved: unknown, arrays: FloatArray[]): string {
  return JSON.stringify(saved, (_, value) => {
    if (isFloatArray(value)) return { [ARRAY_KEY]: arrays.push(value) - 1 }
    const isPlain = typeof value !== 'number' || (Number.isFinite(value) && !Object.is(value, -0))
    return isPlain ? value : { [NUMBER_KEY]: Object.is(value, -0) ? '-0' : `${value}` }
  })
}

/**
 * What {@link toText} was given, with these arrays; what is in it is checked by who reads it.
 *
 * @param parse with a reviver, as `JSON.parse`
 * @throws SyntaxError if it is no JSON; RangeError if it is nested deeper than the stack
 */
export function fromText(
  text: string,
  arrays: readonly unknown[],
  parse: (text: string, reviver: (key: string, value: unknown) => unknown) => unknown = JSON.parse,
): unknown {
  return parse(text, (_, value) => {
    const { [ARRAY_KEY]: array, [NUMBER_KEY]: number } = Object(value)
    // A tensor may have such a name, with which a text in the structure ends.
    return array >= 0 ? arrays[array] : NUMBERS.test(number) ? Number(number) : value
  })
}
