/**
 * Reads the buffer and offset of typed arrays. This code is a separate file, so that bundles that only read type names
 * omit the code.
 */

import { getter } from './typed-arrays.js'

const getBuffer = getter('buffer')
const getByteOffset = getter('byteOffset')

export function readBuffer(array: ArrayBufferView): ArrayBufferLike {
  return getBuffer.call(array) as ArrayBufferLike
}

export function readByteOffset(array: ArrayBufferView): number {
  return getByteOffset.call(array) as number
}
