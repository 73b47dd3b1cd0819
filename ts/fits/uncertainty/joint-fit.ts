/** Fits of many groups as one joint fit, for model comparison. */

import type { ComparedFit, ComparedPart } from './comparison.js'

export interface JointFit extends ComparedFit {
  readonly groups: readonly JointGroup[]
  /** Names of the local parameters, with one value per group, and of the shared parameters. */
  readonly local: ReadonlySet<string>
  readonly shared: ReadonlySet<string>
}

interface JointGroup {
  readonly values: Readonly<Record<string, number>>
  /** One part per group and output of the model. */
  readonly parts: readonly ComparedPart[]
}

/**
 * Joint fits of `fitShared` results. The map `jointFits` keeps the code of shared fits out of comparisons of other
 * fits.
 */
export const jointFits = new WeakMap<object, () => JointFit>()

/**
 * Whether the full model can reproduce any parameter values of the reduced model. The full model and the reduced model
 * must consist of the same model functions. Groups that share a parameter value in the full model must also share the
 * parameter value in the reduced model. Local parameters of the full model can have any value.
 */
export function isNestedIn(fullModel: JointFit, reducedModel: JointFit): boolean {
  /** Value of a parameter in the reduced model, by the name and value of a shared parameter of the full model. */
  const numbers = new Map<string, number>()
  return fullModel.groups.every(({ values, parts }, k) => {
    const other = reducedModel.groups[k]
    if (parts.some((part, i) => !haveSameModel(part, other.parts[i]))) return false
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

function haveSameModel(
  { context: { problem: a } }: ComparedPart,
  { context: { problem: b } }: ComparedPart,
): boolean {
  return a.text === b.text && a.functionModel?.model === b.functionModel?.model
}
