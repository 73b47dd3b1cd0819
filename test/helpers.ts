/** Helpers of several test files. The module also runs in browsers. */

import type { BuiltInRule } from 'antigrad'
import type { FloatArray } from './bits.js'
import { cases } from './cases.js'

export * from './bits.js'

export const engineNames = ['native', 'wasm', 'typescript'] as const

/** The bits of numbers as a string, which distinguishes −0 from 0. */
export function bits(numbers: FloatArray): string {
  return Buffer.from(numbers.buffer, numbers.byteOffset, numbers.byteLength).toString('hex')
}

/** Any value with tensors as a string that shows each bit. */
export function inBits(value: unknown): string {
  return JSON.stringify(value, (_, inner) => {
    if (ArrayBuffer.isView(inner)) return bits(inner as FloatArray)
    return typeof inner === 'number' || typeof inner === 'function' ? String(inner) : inner
  })
}

/** Memoizes a function of plain arguments, for reference results that are compared with all engines. */
export function remembered<Given extends readonly unknown[], Found>(
  compute: (...given: Given) => Found,
): (...given: Given) => Found {
  const found = new Map<string, Found>()
  return (...given) => {
    const key = JSON.stringify(given)
    if (!found.has(key)) found.set(key, compute(...given))
    return found.get(key) as Found
  }
}

/** Everything in an optimizer that a call can change. */
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

/** The contents of an optimizer without `grads`, because `step(gradients)` leaves the values of `grads` unspecified. */
export function outcome(optimizer: { updates: number; rule: unknown; params: unknown; state: unknown }) {
  const { updates, rule, params, state } = optimizer
  return inBits({ updates, rule, params, state })
}

/** Cases of rules with numeric options only: no delay, schedule, clip or zeroGrads. */
export const rules = cases.flatMap(({ name, rule, options }): [name: string, rule: BuiltInRule][] => {
  const values = [...Object.values(options), ...Object.values(rule)]
  const isPlain = values.every((value) => typeof value !== 'object' && typeof value !== 'function')
  return isPlain && options.zeroGrads === undefined ? [[name, rule as BuiltInRule]] : []
})
