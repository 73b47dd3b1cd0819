/** Calls of functions with arrays: validation of the arrays, and results that overlap arguments. */

import { readBuffer, readByteOffset } from '../core/buffers.js'
import { copyArray } from '../core/copy.js'
import { ArgumentError, getMessage, MemoryError } from '../core/errors.js'
import type { Dtype, FloatArray } from '../core/numbers.js'
import { getTypeName, isDetached, isFloatArray, readLength } from '../core/typed-arrays.js'
import { type ArrayFunction, getRunner } from './engines.js'

/** The implementations of a function. A function that is always computed in float64 has only one implementation. */
type Implementation = (dtype: Dtype) => ArrayFunction['compute']

/**
 * Applies a function to arrays, or to arrays and numbers.
 *
 * @param names names of the arguments, for messages
 * @param given numbers or arrays, at least one of them an array
 * @param out the array for the values; a new array if undefined
 * @throws ArgumentError if an argument is neither a number nor an array, or if arrays differ in dtype or length
 * @throws MemoryError if the result cannot be allocated
 */
export function applyToArrays(
  operation: ArrayFunction['operation'],
  implementation: Implementation,
  names: readonly string[],
  given: readonly unknown[],
  out: unknown,
): FloatArray {
  let first: FloatArray | undefined
  for (const [k, value] of given.entries()) {
    if (typeof value === 'number') continue
    const array = checkArray(names[k], value, first, true)
    first ??= array
  }
  if (first === undefined) throw new ArgumentError('out', 'an array only if an argument is an array', out)
  const dtype = getTypeName(first) === 'Float32Array' ? 'float32' : 'float64'
  const to = out === undefined ? allocate(dtype, readLength(first)) : checkArray('out', out, first)
  const operands = given.map((value) => {
    if (typeof value === 'number') return dtype === 'float32' ? Math.fround(value) : value
    return overlaps(value as FloatArray, to) ? copyArray(value as FloatArray) : (value as FloatArray)
  })
  getRunner(readLength(to)).apply({ operation, compute: implementation(dtype) }, to, operands)
  return to
}

/**
 * Validates an array.
 *
 * @param like an array whose dtype and length the value must have
 * @throws ArgumentError if the value is not an array, is detached, or differs in dtype or length
 */
export function checkArray(
  name: string,
  value: unknown,
  like?: FloatArray,
  isNumberAllowed = false,
): FloatArray {
  const isArray = isFloatArray(value)
  const [comma, or] = isNumberAllowed ? ['a number, ', 'a number or '] : ['', '']
  const expected =
    like === undefined
      ? `${comma}a Float32Array or a Float64Array`
      : `${or}a ${getTypeName(like)} of length ${readLength(like)}`
  if (isArray && isDetached(value)) throw new ArgumentError(name, expected, 'a detached one')
  if (
    !isArray ||
    (like !== undefined &&
      (getTypeName(value) !== getTypeName(like) || readLength(value) !== readLength(like)))
  ) {
    throw new ArgumentError(name, expected, value)
  }
  return value
}

function allocate(dtype: Dtype, length: number): FloatArray {
  const Plain = dtype === 'float32' ? Float32Array : Float64Array
  try {
    return new Plain(length)
  } catch (thrown) {
    throw new MemoryError(length * Plain.BYTES_PER_ELEMENT, getMessage(thrown), 'the values')
  }
}

/** Whether two arrays of the same dtype and length overlap without being at the same place. */
function overlaps(array: FloatArray, to: FloatArray): boolean {
  if (array === to || readBuffer(array) !== readBuffer(to)) return false
  const distance = Math.abs(readByteOffset(array) - readByteOffset(to))
  const bytes = getTypeName(array) === 'Float32Array' ? 4 : 8
  return distance > 0 && distance < bytes * readLength(array)
}
