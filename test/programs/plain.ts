/**
 * Turns the plain data of a program into arguments. This module does not import the package, so that a process starts
 * with the part of the package that `library.ts` imports. It does not import fast-check either.
 */

import type { Match } from 'antigrad'
import type { Dtype } from '../bits.js'
import type { Picker, Pollution } from './parts.js'

/** Extreme gradient values: non-finite values, and finite values whose squares overflow or underflow. */
export const wildValues: Readonly<Record<Dtype, readonly number[]>> = {
  float32: [NaN, Infinity, -Infinity, 3e38, 1e-45, 1e-30],
  float64: [NaN, Infinity, -Infinity, 1e200, 5e-324, 1e-200],
}

/** Runs a callback while every object inherits the property. */
export async function whilePolluted<T>(given: Pollution | null, work: () => Promise<T>): Promise<T> {
  if (given === null) return work()
  const { key, value } = given
  Object.defineProperty(Object.prototype, key, {
    value,
    enumerable: true,
    writable: true,
    configurable: true,
  })
  try {
    return await work()
  } finally {
    delete (Object.prototype as Record<string, unknown>)[key]
  }
}

/** A new matcher per use, so that changes to one matcher cannot affect another. */
export function matchOf({ kind, tensor }: Picker, names: readonly string[], onCall = () => {}): Match {
  const name = names[tensor % names.length]
  if (kind === 'name') return name
  if (kind === 'all') return '**'
  if (kind === 'top') return '*'
  if (kind === 'bias') return '**.bias'
  if (kind === 'rank') return { maxRank: 1 }
  if (kind === 'list') return [name, ['**.scale', '*.1']]
  return ({ name }) => {
    onCall()
    return name.length % 2 === 1
  }
}

/** A rule in the form that the library accepts: arrays of values become functions of t. */
export function revive(rule: unknown, onCall: () => void): unknown {
  if (typeof rule !== 'object' || rule === null) return rule
  if (Array.isArray(rule)) return rule.map((one) => revive(one, onCall))
  const entries = Object.entries(rule)
  if (entries.length === 1 && entries[0][0] === 'values') {
    const values = entries[0][1] as readonly number[]
    return (t: number) => {
      onCall()
      return values[t % values.length]
    }
  }
  return Object.fromEntries(entries.map(([key, value]) => [key, revive(value, onCall)]))
}

/** Callback for `onWarning` that fails, because no warning is expected. */
export function refuse(warning: string): never {
  throw new Error(warning)
}
