/** Fits of many groups as one, to be compared as one. */

import type { ComparedFit, ComparedPart } from './comparison.js'

export interface JointFit extends ComparedFit {
  readonly groups: readonly JointGroup[]
  /** Parameters that each group has for itself, and those that several groups have one number of. */
  readonly local: ReadonlySet<string>
  readonly shared: ReadonlySet<string>
}

interface JointGroup {
  readonly values: Readonly<Record<string, number>>
  /** By value of its model. */
  readonly parts: readonly ComparedPart[]
}

/** Of results of `fitShared`; nobody who compares no such fits has to have their code. */
export const jointFits = new WeakMap<object, () => JointFit>()

/**
 * Whether one could have all numbers of the other: it has the same models, and where several of its groups have one number
 * of a parameter they have one there too. A group's own number can be any.
 */
export function isNestedIn(fullModel: JointFit, reducedModel: JointFit): boolean {
  /** By parameter and its number here, the number there. */
  const numbers = new Map<string, number>()
  return fullModel.groups.every(({ values, parts }, k) => {
    const other = reducedModel.groups[k]
    if (parts.some(({ context }, i) => context.problem.text !== other.parts[i].context.problem.text))
      return false
    return Object.entries(values).every(([name, x]) => {
      if (fullModel.local.has(name)) return true
      const there = other.values[name]
      if (!fullModel.shared.has(name)) return there === x || !parts[0].context.problem.fixed.includes(name)
      const key = `${x} ${name}`
      if (!numbers.has(key)) numbers.set(key, there)
      return numbers.get(key) === there
    })
  })
}
