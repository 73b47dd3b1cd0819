/** What several test files share; runs in browsers too. */

import type { SimpleRule } from 'antigrad'
import { cases } from './cases.js'

export const dtypes = ['float32', 'float64'] as const
export type Dtype = (typeof dtypes)[number]
export type FloatArray = Float32Array | Float64Array

/** Numbers in [0, 1), the same in each run (mulberry32). */
export function random(seed: number): () => number {
  let a = seed
  return () => {
    a = (a + 0x6d2b79f5) | 0
    let x = Math.imul(a ^ (a >>> 15), a | 1)
    x ^= x + Math.imul(x ^ (x >>> 7), x | 61)
    return ((x ^ (x >>> 14)) >>> 0) / 2 ** 32
  }
}

export const engineNames = ['native', 'wasm', 'typescript'] as const

export const arrayOf = { float32: Float32Array, float64: Float64Array }
export const roundOf = { float32: Math.fround, float64: (x: number) => x }
/** Half a unit in the last place of 1. */
export const epsilonOf = { float32: 2 ** -24, float64: 2 ** -53 }

/** `length` numbers in (−scale, scale). */
export function noise(seed: number, length: number, dtype: Dtype, scale = 1): FloatArray {
  const next = random(seed)
  return new arrayOf[dtype](length).map(() => scale * (2 * next() - 1))
}

/** The bits of numbers as text, which tells −0 from 0. */
export function bits(numbers: FloatArray): string {
  return Buffer.from(numbers.buffer, numbers.byteOffset, numbers.byteLength).toString('hex')
}

/** Anything with tensors in it, as text that shows each bit of them. */
export function inBits(value: unknown): string {
  return JSON.stringify(value, (_, inner) => {
    if (ArrayBuffer.isView(inner)) return bits(inner as FloatArray)
    return typeof inner === 'number' || typeof inner === 'function' ? String(inner) : inner
  })
}

/** All that a call can change in an optimizer. */
export function snapshot(optimizer: {
  updates: number
  rule: unknown
  params: unknown
  grads: unknown
  state: unknown
}): string {
  const { updates, rule, params, grads, state } = optimizer
  return inBits({ updates, rule, params, grads, state })
}

/** The same without `grads`, which `step(gradients)` leaves as an engine likes. */
export function outcome(optimizer: { updates: number; rule: unknown; params: unknown; state: unknown }) {
  const { updates, rule, params, state } = optimizer
  return inBits({ updates, rule, params, state })
}

/** The cases that are a rule of numbers alone: not delayed, scheduled, clipped or zeroing. */
export const rules = cases.flatMap(({ name, rule, options }): [name: string, rule: SimpleRule][] => {
  const values = [...Object.values(options), ...Object.values(rule)]
  const isPlain = values.every((value) => typeof value !== 'object' && typeof value !== 'function')
  return isPlain && options.zeroGrads === undefined ? [[name, rule as SimpleRule]] : []
})
