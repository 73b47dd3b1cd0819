/**
 * What a typed array is, whatever a subclass says that it is: these getters read what the runtime
 * itself goes by, of any realm, and find nothing in a proxy.
 */

import type { FloatArray } from './numbers.js'

const prototype = Object.getPrototypeOf(Float32Array.prototype)
/** What reads a property of any typed array. */
export const getter = (name: string | symbol) =>
  Object.getOwnPropertyDescriptor(prototype, name)?.get as () => unknown
const getType = getter(Symbol.toStringTag)
const getLength = getter('length')

/** 'Float32Array' and so on; undefined for what is no typed array. */
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
 * Whether the memory was transferred away or has shrunk below the array. (`ArrayBuffer.detached` is
 * missing in Node 20.)
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
