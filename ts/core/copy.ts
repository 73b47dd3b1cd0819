import { getMessage, MemoryError } from './errors.js'
import type { FloatArray } from './numbers.js'
import { getTypeName } from './typed-arrays.js'

/**
 * Copies an array with a constructor, because a subclass may have replaced `slice`.
 *
 * @throws MemoryError if memory for the copy cannot be allocated
 */
export function copyArray(array: FloatArray): FloatArray {
  try {
    return getTypeName(array) === 'Float32Array' ? new Float32Array(array) : new Float64Array(array)
  } catch (thrown) {
    throw new MemoryError(array.byteLength, getMessage(thrown), 'a copy')
  }
}

/**
 * Runs an allocation of `bytes` bytes in total, and converts a RangeError to a MemoryError.
 *
 * @throws MemoryError if the memory cannot be allocated
 */
export function withMemoryError<T>(bytes: number, make: () => T): T {
  try {
    return make()
  } catch (thrown) {
    // A stack overflow is also a RangeError. (A regular expression cannot be compiled when the stack is full.)
    if (!(thrown instanceof RangeError) || thrown.message.includes('call stack')) throw thrown
    throw new MemoryError(bytes, thrown.message, 'runs')
  }
}
