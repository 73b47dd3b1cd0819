/** Groups whose local parameters may have missed the lowest minimum. */

import { median } from '../uncertainty/statistics.js'
import type { ArrowheadSolver } from './arrowhead-solver.js'
import { type GroupBatch, getIndex } from './group-batch.js'
import { selectGroupRows } from './group-columns.js'
import type { ParsedBatch } from './read.js'
import { type SharedStatistics, UNIDENTIFIABLE } from './shared-statistics.js'

/** A group is doubtful if its cost per row exceeds the median of all groups by more than this factor. */
const MAX_COST_RATIO = 4
/** Maximum number of groups from which the median is computed. */
const MAX_SAMPLES = 2048

/** Indices of the doubtful groups of each batch. */
export function findDoubtful(
  { batches }: ArrowheadSolver,
  parsed: readonly ParsedBatch[],
  ended: SharedStatistics,
): Uint32Array[] {
  const perRow = batches.map(({ rows }, f) => ended.costs[f].map((cost, at) => cost / rows[at]))
  const samples = perRow.flatMap((column, f) => {
    const step = Math.ceil(batches[f].active / MAX_SAMPLES)
    return Array.from({ length: Math.ceil(batches[f].active / step) }, (_, k) => column[k * step])
  })
  const most = MAX_COST_RATIO * (samples.length > 0 ? median(samples) : Infinity)
  return batches.map((batch, f) => {
    if (batch.local === 0 || parsed[f].guess === undefined) return new Uint32Array(0)
    const isImplausible = plausibility(batch, parsed[f], ended, f)
    const isOpen = ended.localStates[f]
    return Uint32Array.from({ length: batch.active }, (_, at) => at).filter(
      (at) =>
        !(perRow[f][at] <= most) ||
        isOpen.some((states) => states[at] === UNIDENTIFIABLE) ||
        isImplausible(at),
    )
  })
}

/** Whether the curve of a group is implausible, by the check of the model. */
function plausibility(
  batch: GroupBatch,
  { search, x }: ParsedBatch,
  { values }: SharedStatistics,
  f: number,
): (at: number) => boolean {
  const { free, local, sharedPlaces, groups, outputs } = batch
  if (search?.isImplausible === undefined) return () => false
  const joint = sharedPlaces.map((place) =>
    Float64Array.from(groups, (_, at) => values.shared[getIndex(place, at)]),
  )
  const columns = [...values.local[f].slice(0, local), ...joint]
  const check = search.isImplausible({
    free,
    solved: { free: columns },
    starts: new Map(),
  })
  return (at) => check(at, selectGroupRows(outputs[0], x, groups[at]))
}
