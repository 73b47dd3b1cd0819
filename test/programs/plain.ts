/**
 * Converts the plain data of a program in the process that runs the program. The module imports no part of the package
 * and no generators, so that a process starts with the modules of `library.ts`.
 */

import type { Match } from 'antigrad'
import type { Dtype } from '../bits.js'
import type { Picker, Pollution } from './parts.js'

/** Values of gradients that are not tame: non-finite values, and finite values with infinite squares. */
export const wildValues: Readonly<Record<Dtype, readonly number[]>> = {
  float32: [NaN, Infinity, -Infinity, 3e38, 1e-45, 1e-30],
  float64: [NaN, Infinity, -Infinity, 1e200, 5e-324, 1e-200],
}

/** Runs work while Object.prototype has the given property. */
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

/** A new match for each use, so that a modification of one match is not visible in another match. */
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

/** Converts plain data to a rule: lists of values become functions of t. */
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

/** A value of `onWarning` that must not be called. */
export function refuse(warning: string): never {
  throw new Error(warning)
}
