/** Parameters and derived quantities of a fit with shared parameters, as subjects of profiles. */

import { varyingNames } from '../profiles/profile-result.js'
import { fromInternalInterval } from '../programs/internal-parameters.js'
import type { ArrowheadPoint } from '../shared-solve/arrowhead-solver.js'
import { getIndex } from '../shared-solve/group-batch.js'
import type { ProfiledParameter, ProfiledQuantity } from '../shared-solve/profile.js'
import type { SharedRun } from '../shared-solve/run.js'
import type { SharedStatistics } from '../shared-solve/shared-statistics.js'
import { derivedPrograms } from '../uncertainty/estimates.js'
import type { SharedGroup } from './group.js'
import { type GroupLocation, type GroupSource, groupSources } from './result-source.js'

/** The local parameters of a group. */
export function localParameters({ run, statistics, batch, index }: GroupLocation): ProfiledParameter[] {
  const { free, local } = run.solver.batches[batch]
  return free.slice(0, local).map((parameter, i) => {
    const slope = parameter.isLogarithmic ? statistics.values.local[batch][i][index] : 1
    return {
      fixed: { shared: null, local: { batch, parameter: i, index } },
      parameter,
      error: statistics.localErrors[batch][i][index] / slope,
      state: statistics.localStates[batch][i][index],
    }
  })
}

/** The shared parameter with the given index among the shared parameters. */
export function toProfiled(
  { parsed }: SharedRun,
  { covariance, step, sharedStates }: SharedStatistics,
  at: number,
): ProfiledParameter {
  const error = Math.sqrt(covariance[at * step.dense.size + at])
  return {
    fixed: { shared: at, local: null },
    parameter: parsed.shared[at].parameter,
    error,
    state: sharedStates[at],
  }
}

/** Names of the derived quantities of a group that depend on free parameters. */
export function quantityNames({ run, batch }: GroupLocation): string[] {
  const { problem } = run.solver.batches[batch].outputs[0].compiled
  return varyingNames(problem).slice(problem.free.length)
}

/** The derived quantities of a group that depend on free parameters. */
export function groupQuantities(location: GroupLocation, getGroup: () => SharedGroup): ProfiledQuantity[] {
  const names = quantityNames(location)
  if (names.length === 0) return []
  const { run, batch, index } = location
  const { free, local, sharedPlaces } = run.solver.batches[batch]
  const group = getGroup()
  const [{ problem, starts }] = (groupSources.get(group) as GroupSource).contexts()
  const fixed = problem.fixed.map((name) => starts.get(name)?.[0] ?? NaN)
  const toExternal = free.map((parameter) => fromInternalInterval(parameter))
  const toValues = (point: ArrowheadPoint) =>
    free.map((_, i) => {
      if (i < local) return toExternal[i](point.local[batch][i][index])
      return toExternal[i](point.shared[getIndex(sharedPlaces[i - local], index)])
    })
  return names.map((name) => ({
    name,
    batch,
    index,
    value: group.values[name],
    error: group.errors[name],
    compute: (point) => derivedPrograms(problem)[name]([...toValues(point), ...fixed])[0],
  }))
}
