/** Reads the starting points of many runs. */

import { copyArray, withMemoryError } from '../core/copy.js'
import { OptionError } from '../core/errors.js'
import type { FloatArray } from '../core/numbers.js'
import { isFloatArray } from '../core/typed-arrays.js'
import { isObject, ownProperties } from '../core/untrusted-input.js'
import type { Starts } from './batch/data.js'

/** A copy of the user's starts. */
export interface StartValues {
  readonly count: number
  readonly dtype: 'float32' | 'float64'
  /** The positions of each parameter's values in `list`. */
  readonly columns: readonly { readonly list: FloatArray; readonly first: number; readonly stride: number }[]
}

/** @throws OptionError if the starts do not have one number per parameter and run */
export function readStarts(starts: Starts, parameters: readonly string[]): StartValues {
  if (isList(starts)) {
    const flat = isList(starts[0]) ? joinPoints(starts, parameters.length) : (starts as ArrayLike<number>)
    const count = flat.length / parameters.length
    if (!Number.isInteger(count) || count === 0) {
      const expected = `${parameters.length} numbers per run: ${parameters.join(', ')}`
      throw new OptionError('starts', expected, `${flat.length} numbers`)
    }
    const list = copyStarts('starts', flat)
    const columns = parameters.map((_, p) => ({ list, first: p, stride: parameters.length }))
    return { columns, count, dtype: findDtype([flat]) }
  }
  if (!isObject(starts)) {
    throw new OptionError('starts', `an object with the columns ${parameters.join(', ')}`, starts)
  }
  const given = ownProperties(starts) as Readonly<Record<string, ArrayLike<number>>>
  const stranger = Object.keys(given).find((name) => !parameters.includes(name))
  if (stranger !== undefined)
    throw new OptionError('starts', `an object with the columns ${parameters.join(', ')}`, stranger)
  const columns = parameters.map((name) => {
    const column = given[name]
    if (!isList(column)) {
      throw new OptionError(`starts: ${name}`, 'an array, Float32Array or Float64Array of numbers', column)
    }
    return copyStarts(`starts: ${name}`, column)
  })
  const [first] = columns
  for (const [p, column] of columns.entries()) {
    if (column.length !== first.length || column.length === 0) {
      throw new OptionError(
        `starts: ${parameters[p]}`,
        `${Math.max(1, first.length)} numbers`,
        `${column.length}`,
      )
    }
  }
  const all = columns.map((list) => ({ list, first: 0, stride: 1 }))
  return { columns: all, count: first.length, dtype: findDtype(columns) }
}

const isList = (given: unknown): given is ArrayLike<unknown> => isFloatArray(given) || Array.isArray(given)

/** Copies points into one array. */
function joinPoints(points: ArrayLike<unknown>, length: number): FloatArray {
  const copies = Array.from(points, (point, i) => {
    const argument = `starts[${i}]`
    const copy = isList(point) ? copyStarts(argument, point) : []
    if (copy.length !== length) throw new OptionError(argument, `${length} numbers`, point)
    return copy as FloatArray
  })
  const Numbers = findDtype(copies) === 'float32' ? Float32Array : Float64Array
  const joined = new Numbers(copies.length * length)
  for (const [i, copy] of copies.entries()) joined.set(copy, i * length)
  return joined
}

/** Copies an array at once, because the user may change it while the runs continue. */
function copyStarts(argument: string, list: ArrayLike<unknown>): FloatArray {
  if (isFloatArray(list)) return copyArray(list)
  const { length } = list
  const read = (i: number): number => {
    const x = list[i]
    if (typeof x !== 'number') throw new OptionError(`${argument}[${i}]`, 'a number', x)
    return x
  }
  // The first element is read before memory is allocated, because a sparse array can have any length.
  if (length > 0) read(0)
  const copy = withMemoryError(8 * length, () => new Float64Array(length))
  for (let i = 0; i < length; i++) copy[i] = read(i)
  return copy
}

const findDtype = (columns: readonly ArrayLike<number>[]): 'float32' | 'float64' =>
  columns.every((column) => column instanceof Float32Array) ? 'float32' : 'float64'
