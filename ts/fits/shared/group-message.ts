/** The part of a shared fit's message that names the groups without a result. */

import { plural, toPrintable } from '../../core/text.js'
import { SINGULAR, TOO_FEW_POINTS } from '../problem/reasons.js'
import { groupReason, UNIDENTIFIABLE } from '../shared-solve/shared-statistics.js'
import type { GroupLocation } from './result-source.js'

/** Maximum number of groups that a message names. */
const MAX_NAMED = 5

/**
 * Names the groups whose local parameters the data do not determine, with the limit of the curve of each group. The
 * text is empty if all groups are identifiable.
 *
 * @param values values of the parameters of a group
 */
export function describeGroups(
  labels: readonly unknown[],
  locate: (group: number) => GroupLocation,
  values: (group: number) => Readonly<Record<string, number>>,
): string {
  const open = [...labels.keys()].filter((group) => {
    const { run, statistics, batch, index } = locate(group)
    const reason = groupReason(run.solver.batches[batch], batch, index, statistics)
    return reason === SINGULAR || reason === TOO_FEW_POINTS
  })
  if (open.length === 0) return ''
  const names = open.slice(0, MAX_NAMED).map((group) => {
    const why = describeGroup(locate(group), () => values(group))
    return `${toPrintable(`${labels[group]}`)}${why === '' ? '' : ` (${why})`}`
  })
  const rest = open.length > MAX_NAMED ? ` and ${open.length - MAX_NAMED} more` : ''
  const count = `${labels.length - open.length} of ${plural(labels.length, 'group')}`
  const verb = labels.length === 1 ? 'is' : 'are'
  return `${count} ${verb} identifiable; not identifiable: ${names.join(', ')}${rest}`
}

/** The limit of a group's curve, the parameters that the data do not determine, or the count of rows. */
function describeGroup(
  { run, statistics, batch, index }: GroupLocation,
  values: () => Readonly<Record<string, number>>,
): string {
  const { free, local, groups, active, rows, outputs } = run.solver.batches[batch]
  if (index >= active) {
    const few = `${plural(rows[index], 'row')} for ${plural(local, 'local parameter')}`
    return rows[index] === 0 ? 'no data' : few
  }
  const { descriptions } = run.parsed.batches[batch]
  const limit = descriptions
    .map((describe, k) => describe?.(values, outputs[k].columns, groups[index]))
    .find((text) => text)
  if (limit) return limit
  const states = statistics.localStates[batch]
  return free
    .slice(0, local)
    .filter((_, i) => states[i][index] === UNIDENTIFIABLE)
    .map(({ name }) => toPrintable(name))
    .join(', ')
}
