/** Where a typed array lies; apart, so that what only names types does without. */

import { getter } from './typed-arrays.js'

const getBuffer = getter('buffer')
const getByteOffset = getter('byteOffset')

export function readBuffer(array: ArrayBufferView): ArrayBufferLike {
  return getBuffer.call(array) as ArrayBufferLike
}

export function readByteOffset(array: ArrayBufferView): number {
  return getByteOffset.call(array) as number
}
