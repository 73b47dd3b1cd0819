/**
 * Functions that return the true type and length of a typed array, even if a subclass overrides these properties. The
 * getters of the prototype read internal slots, work in all realms and reject proxies.
 */

import type { FloatArray } from './numbers.js'

const prototype = Object.getPrototypeOf(Float32Array.prototype)
/** The prototype's getter, which reads a property of any typed array. */
export const getter = (name: string | symbol) =>
  Object.getOwnPropertyDescriptor(prototype, name)?.get as () => unknown
const getType = getter(Symbol.toStringTag)
const getLength = getter('length')

/** The name of the type, such as 'Float32Array'; undefined if the value is not a typed array. */
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
 * Whether the array's memory was transferred, or has become smaller than the array. (`ArrayBuffer.detached` is missing
 * in Node 20.)
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
