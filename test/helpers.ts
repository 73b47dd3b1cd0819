/** What several test files share; runs in browsers too. */

import type { BuiltInRule } from 'antigrad'
import type { FloatArray } from './bits.js'
import { cases } from './cases.js'

export * from './bits.js'

export const engineNames = ['native', 'wasm', 'typescript'] as const

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

/** A function of plain arguments that computes once what it is asked again: what all engines are compared with. */
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
export const rules = cases.flatMap(({ name, rule, options }): [name: string, rule: BuiltInRule][] => {
  const values = [...Object.values(options), ...Object.values(rule)]
  const isPlain = values.every((value) => typeof value !== 'object' && typeof value !== 'function')
  return isPlain && options.zeroGrads === undefined ? [[name, rule as BuiltInRule]] : []
})
