/** Fits of many groups as one, to be compared as one. */

import type { Part, Side } from './comparison.js'

export interface Joint extends Side {
  readonly groups: readonly Group[]
  /** Parameters that each group has for itself, and those that several groups have one number of. */
  readonly own: ReadonlySet<string>
  readonly shared: ReadonlySet<string>
}

interface Group {
  readonly values: Readonly<Record<string, number>>
  /** By value of its model. */
  readonly of: readonly Part[]
}

/** Of results of `fitShared`; nobody who compares no such fits has to have their code. */
export const joints = new WeakMap<object, () => Joint>()

/**
 * Whether one could have all numbers of the other: it has the same models, and where several of its groups have one number
 * of a parameter they have one there too. A group's own number can be any.
 */
export function couldBe(fuller: Joint, simpler: Joint): boolean {
  /** By parameter and its number here, the number there. */
  const numbers = new Map<string, number>()
  return fuller.groups.every(({ values, of }, k) => {
    const other = simpler.groups[k]
    if (of.some(({ of }, i) => of.problem.text !== other.of[i].of.problem.text)) return false
    return Object.entries(values).every(([name, x]) => {
      if (fuller.own.has(name)) return true
      const there = other.values[name]
      if (!fuller.shared.has(name)) return there === x || !of[0].of.problem.fixed.includes(name)
      const key = `${x} ${name}`
      if (!numbers.has(key)) numbers.set(key, there)
      return numbers.get(key) === there
    })
  })
}
