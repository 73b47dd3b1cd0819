/**
 * Functions that return the true type and length of typed arrays, even if a subclass overrides them. The getters read
 * the internal slots, work across realms and reject proxies.
 */

import type { FloatArray } from './numbers.js'

const prototype = Object.getPrototypeOf(Float32Array.prototype)
/** The prototype getter that reads a property of any typed array. */
export const getter = (name: string | symbol) =>
  Object.getOwnPropertyDescriptor(prototype, name)?.get as () => unknown
const getType = getter(Symbol.toStringTag)
const getLength = getter('length')

/** The type name, such as 'Float32Array'; undefined if the value is not a typed array. */
export function getTypeName(value: unknown): string | undefined {
  return getType.call(value) as string | undefined
}

export function readLength(array: ArrayBufferView): number {
  return getLength.call(array) as number
}

export function isFloatArray(value: unknown): value is FloatArray {
  const type = getTypeName(value)
  return type === 'Float32Array' || type === 'Float64Array'
}

/**
 * Whether the memory was transferred, or has shrunk below the array. (`ArrayBuffer.detached` is missing in Node 20.)
 */
export function isDetached(array: ArrayBufferView): boolean {
  if (readLength(array)) return false
  try {
    prototype.keys.call(array)
    return false
  } catch {
    return true
  }
}
