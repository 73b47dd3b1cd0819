/** Conversion of float16 and bfloat16 numbers, which are stored as 16-bit words. */

import type { FloatArray } from '../../core/numbers.js'

const float = new Float32Array(1)
const word = new Uint32Array(float.buffer)

/**
 * The bits of a number as float32, rounded to odd: the number is truncated toward 0, and the last bit is set if the
 * truncation is inexact. Rounding to nearest twice would be wrong, because a number slightly above a midpoint would
 * first be rounded to the midpoint.
 */
function toBits(x: number): number {
  float[0] = x
  const isInexact = !Number.isNaN(x) && float[0] !== x
  if (!isInexact) return word[0]
  if (Math.abs(float[0]) > Math.abs(x)) word[0]--
  return word[0] | 1
}

/** The upper bits of a word, rounded to nearest, ties to even. */
const roundBits = (bits: number, shift: number): number =>
  (bits + (1 << (shift - 1)) - 1 + ((bits >>> shift) & 1)) >>> shift

export function toBfloat16(values: FloatArray): Uint16Array {
  const words = new Uint16Array(values.length)
  for (let i = 0; i < words.length; i++) {
    const bits = toBits(values[i])
    words[i] = (bits & 0x7fff_ffff) > 0x7f80_0000 ? (bits >>> 16) | 0x40 : roundBits(bits, 16)
  }
  return words
}

export function toFloat16(values: FloatArray): Uint16Array {
  const words = new Uint16Array(values.length)
  for (let i = 0; i < words.length; i++) {
    const bits = toBits(values[i])
    words[i] = ((bits >>> 16) & 0x8000) | decodeFloat16(bits & 0x7fff_ffff)
  }
  return words
}

/** Converts a float16 number, given by its bits without the sign bit. */
function decodeFloat16(bits: number): number {
  if (bits > 0x7f80_0000) return 0x7e00
  // Numbers from 65520 on round to ∞.
  if (bits >= 0x477f_f000) return 0x7c00
  if (bits >= 0x3880_0000) return roundBits(bits - 0x3800_0000, 13)
  // Subnormal values are multiples of 2⁻²⁴.
  const exponent = bits >>> 23
  return exponent < 102 ? 0 : roundBits((bits & 0x7f_ffff) | 0x80_0000, 126 - exponent)
}

export function fromBfloat16(words: Uint16Array, into = new Float32Array(words.length)): Float32Array {
  const bits = new Uint32Array(into.buffer, into.byteOffset, words.length)
  for (let i = 0; i < words.length; i++) bits[i] = words[i] << 16
  return into
}

/**
 * Table of all float16 values, indexed by their bits. A lookup in the table takes a third of the time of the
 * conversion.
 */
let table: Float32Array | undefined

export function fromFloat16(words: Uint16Array, into = new Float32Array(words.length)): Float32Array {
  table ??= Float32Array.from({ length: 1 << 16 }, (_, word) => readFloat16(word))
  for (let i = 0; i < words.length; i++) into[i] = table[words[i]]
  return into
}

function readFloat16(word: number): number {
  const [exponent, fraction] = [(word >>> 10) & 31, word & 1023]
  const size =
    exponent === 31
      ? fraction === 0
        ? Infinity
        : NaN
      : exponent === 0
        ? fraction / 16_777_216
        : ((1024 + fraction) * (1 << exponent)) / 33_554_432
  return word >>> 15 === 1 ? -size : size
}
