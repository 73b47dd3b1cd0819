/** Conversion of saved runs to JSON text, in which markers replace arrays and non-finite numbers. */

import type { FloatArray } from '../core/numbers.js'
import { isFloatArray } from '../core/typed-arrays.js'

/** Keys of the markers, which stand for values that JSON cannot represent. */
const ARRAY_KEY = '#array'
const NUMBER_KEY = '#number'
const NUMBERS = /(NaN|Infinity|-0)$/

/** @param arrays receives the arrays, in the order of their markers in the text */
export function toText(saved: unknown, arrays: FloatArray[]): string {
  return JSON.stringify(saved, (_, value) => {
    if (isFloatArray(value)) return { [ARRAY_KEY]: arrays.push(value) - 1 }
    const isPlain = typeof value !== 'number' || (Number.isFinite(value) && !Object.is(value, -0))
    return isPlain ? value : { [NUMBER_KEY]: Object.is(value, -0) ? '-0' : `${value}` }
  })
}

/**
 * Restores the argument of {@link toText} from its text and the arrays. The caller must validate the restored value.
 *
 * @param parse a function with a reviver, such as `JSON.parse`
 * @throws SyntaxError if the text is not JSON; RangeError if the nesting exceeds the call stack
 */
export function fromText(
  text: string,
  arrays: readonly unknown[],
  parse: (text: string, reviver: (key: string, value: unknown) => unknown) => unknown = JSON.parse,
): unknown {
  return parse(text, (_, value) => {
    const { [ARRAY_KEY]: array, [NUMBER_KEY]: number } = Object(value)
    // A tensor may have the same name as a marker. The structure then contains a string that ends with the marker,
    // instead of an index.
    return array >= 0 ? arrays[array] : NUMBERS.test(number) ? Number(number) : value
  })
}
