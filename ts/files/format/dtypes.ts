/** The dtypes of safetensors files, and the conversion between their bytes and arrays. */

import type { FloatArray } from '../../core/numbers.js'
import { fromBfloat16, fromFloat16, toBfloat16, toFloat16 } from './float16.js'

/** Number of bits per element of each dtype. */
export const BITS: Readonly<Record<string, number>> = {
  F4: 4,
  F6_E2M3: 6,
  F6_E3M2: 6,
  BOOL: 8,
  U8: 8,
  I8: 8,
  F8_E5M2: 8,
  F8_E4M3: 8,
  F8_E8M0: 8,
  F8_E4M3FNUZ: 8,
  F8_E5M2FNUZ: 8,
  I16: 16,
  U16: 16,
  F16: 16,
  BF16: 16,
  I32: 32,
  U32: 32,
  F32: 32,
  F64: 64,
  I64: 64,
  U64: 64,
  C64: 64,
}

/** Reads the values of a tensor: float16 and bfloat16 become float32, and booleans become 0 and 1. */
export type TensorData =
  | Float32Array
  | Float64Array
  | Int8Array
  | Uint8Array
  | Int16Array
  | Uint16Array
  | Int32Array
  | Uint32Array
  | BigInt64Array
  | BigUint64Array

type Reader = (buffer: ArrayBuffer) => TensorData

/**
 * Functions that convert bytes to values, by dtype. Complex dtypes and dtypes below 8 bits can only be read as bytes.
 */
const READERS: Readonly<Record<string, Reader>> = {
  F64: (buffer) => new Float64Array(buffer),
  F32: (buffer) => new Float32Array(buffer),
  F16: (buffer) => fromFloat16(new Uint16Array(buffer)),
  BF16: (buffer) => fromBfloat16(new Uint16Array(buffer)),
  I64: (buffer) => new BigInt64Array(buffer),
  U64: (buffer) => new BigUint64Array(buffer),
  I32: (buffer) => new Int32Array(buffer),
  U32: (buffer) => new Uint32Array(buffer),
  I16: (buffer) => new Int16Array(buffer),
  U16: (buffer) => new Uint16Array(buffer),
  I8: (buffer) => new Int8Array(buffer),
  U8: (buffer) => new Uint8Array(buffer),
  BOOL: (buffer) => new Uint8Array(buffer),
}

export const findReader = (dtype: string): Reader | undefined =>
  Object.hasOwn(READERS, dtype) ? READERS[dtype] : undefined

/** The function that widens pieces of a narrower dtype to float32; undefined if the bytes can be used directly. */
export const findWidener = (dtype: string): typeof fromFloat16 | undefined =>
  dtype === 'F16' ? fromFloat16 : dtype === 'BF16' ? fromBfloat16 : undefined

/** Dtypes that can be written to a file, by their names in the API. */
export const FILE_DTYPES = { float32: 'F32', float64: 'F64', float16: 'F16', bfloat16: 'BF16' } as const

export type FileDtype = keyof typeof FILE_DTYPES

/**
 * Converts numbers to the bytes of a dtype. For a narrower dtype, numbers are rounded to nearest, with ties to even.
 */
export function toBytes(values: FloatArray, dtype: FileDtype): Uint8Array {
  const numbers = convert(values, dtype)
  return new Uint8Array(numbers.buffer, numbers.byteOffset, numbers.byteLength)
}

function convert(values: FloatArray, dtype: FileDtype): ArrayBufferView {
  if (dtype === 'float16') return toFloat16(values)
  if (dtype === 'bfloat16') return toBfloat16(values)
  const isThat = values.BYTES_PER_ELEMENT === (dtype === 'float32' ? 4 : 8)
  if (isThat) return values
  return dtype === 'float32' ? new Float32Array(values) : new Float64Array(values)
}
