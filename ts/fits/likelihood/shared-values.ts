/** Values of the parameters of groups by role: shared by all groups, shared by subsets, or local. */

import { createRecord } from '../../core/untrusted-input.js'
import type { SharedParameterValues } from '../problem/shared-parameters.js'
import type { SharedLikelihoodFits } from './shared-source.js'
import type { EstimateColumns } from './view.js'

/** Collects columns with one number per group. A shared value is read from its first group that takes part. */
export function valuesByRole(
  { places, free, isLocal, layout, isActive, labels }: SharedLikelihoodFits,
  columns: EstimateColumns['values'],
): SharedParameterValues {
  const valueAt = (place: number) => {
    for (const [g, own] of layout.places.entries()) {
      const i = own.indexOf(place)
      if (isActive[g] && i >= 0) return columns[free[i].name][g]
    }
    return NaN
  }
  const { joint, sharedBy } = places
  const whole = [...joint.keys()].filter((k) => joint[k].label === null)
  const local = free.flatMap(({ name }, i) => (isLocal[i] ? [name] : []))
  return {
    shared: Object.fromEntries(whole.map((k) => [joint[k].parameter.name, valueAt(k)])),
    sharedBy: createRecord([...sharedBy.keys()], (name) =>
      Float64Array.from(
        [...joint.keys()].filter((k) => joint[k].parameter.name === name),
        valueAt,
      ),
    ),
    local: createRecord(local, (name) =>
      Float64Array.from(labels, (_, g) => (isActive[g] ? columns[name][g] : NaN)),
    ),
  }
}
