import { getMessage, MemoryError } from './errors.js'
import type { FloatArray } from './numbers.js'
import { getTypeName } from './typed-arrays.js'

/**
 * Not by `slice`, which a subclass may have replaced.
 *
 * @throws MemoryError where there is none for it
 */
export function copyArray(array: FloatArray): FloatArray {
  try {
    return getTypeName(array) === 'Float32Array' ? new Float32Array(array) : new Float64Array(array)
  } catch (thrown) {
    throw new MemoryError(array.byteLength, getMessage(thrown), 'a copy')
  }
}

/**
 * What `make` allocates, of so many bytes in all.
 *
 * @throws MemoryError where there is none for it
 */
export function withMemoryError<T>(bytes: number, make: () => T): T {
  try {
    return make()
  } catch (thrown) {
    // The stack's end is a RangeError, too.
    // (No regular expression: at the stack's end it cannot be compiled.)
    if (!(thrown instanceof RangeError) || thrown.message.includes('call stack')) throw thrown
    throw new MemoryError(bytes, thrown.message, 'runs')
  }
}
