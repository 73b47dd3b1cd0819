/** The bootstrap of fits with shared parameters: each replicate resamples all groups and fits all groups together. */

import { OptionError } from '../../core/errors.js'
import type { Slices } from '../../core/slices.js'
import { plural } from '../../core/text.js'
import { type DataColumn, rowOffsets } from '../../many/batch/data.js'
import type { CallProgress, EngineCall } from '../../many/engines/execute.js'
import { WordStream } from '../../random/random.js'
import { CONVERGED } from '../problem/reasons.js'
import { descend, WARM_START } from '../shared-solve/arrowhead-descent.js'
import { NO_FIXED } from '../shared-solve/arrowhead-solver.js'
import type { GroupBatchInput, GroupOutput } from '../shared-solve/group-batch.js'
import type { SharedRun } from '../shared-solve/run.js'
import { computeStatistics, type SharedStatistics } from '../shared-solve/shared-statistics.js'
import {
  type BootstrapManyValues,
  type DrawMethod,
  MAX_REPLICATES,
  resamplers,
} from '../uncertainty/bootstrap.js'
import type { SingleFitContext } from './result-source.js'

/**
 * Replicates of all parameters. `shared` has one column per shared parameter. `local` has one column per batch and
 * local parameter, in which the replicates of a group are adjacent.
 */
export interface SharedReplicates {
  readonly reason: Uint8Array
  readonly shared: readonly Float64Array[]
  readonly local: readonly (readonly Float64Array[])[]
}

/**
 * @throws OptionError if the fit cannot be resampled by the requested method, or if the count of replicates is too
 * large
 */
export function checkRefits(
  { parsed, solver, options }: SharedRun,
  { kind, count }: BootstrapManyValues,
): void {
  if (kind === 'residuals' && options.loss === 'poisson')
    throw new OptionError('kind', "'cases' or 'parametric' for counts", kind)
  const numbers = solver.batches.reduce((sum, { local, groups }) => sum + local * groups.length, solver.size)
  const most = Math.floor(MAX_REPLICATES / numbers)
  const name = `${plural(parsed.labels.length, 'group')} with ${plural(numbers, 'parameter')}`
  if (count > most) throw new OptionError('count', `at most ${most} for ${name}`, count)
}

/** @param alone contexts of the groups as single fits, in the order of labels; empty if no group can be resampled */
export function* runSharedBootstrap(
  run: SharedRun,
  { stop }: SharedStatistics,
  alone: readonly (readonly SingleFitContext[])[],
  options: BootstrapManyValues,
  progress: CallProgress,
): Generator<EngineCall, SharedReplicates> {
  const { count } = options
  progress.total = count
  const { batches, size } = run.solver
  const columns = (length: number, total: number) =>
    Array.from({ length }, () => new Float64Array(total * count).fill(NaN))
  const shared = columns(size, 1)
  const local = batches.map((family) => columns(family.local, family.groups.length))
  const reason = new Uint8Array(count)
  const draw = yield* resampleGroups(run.parsed.batches, alone, options)
  for (let replicate = 0; alone.length > 0 && replicate < count; replicate++) {
    const arrow = run.createSolver(draw(replicate))
    const end = yield* descend(arrow, stop.point, run.maxIterations, NO_FIXED, WARM_START)
    const { reason: why, values } = yield* computeStatistics(arrow, end, run.isAbsolute, run.options.loss)
    arrow.release()
    reason[replicate] = why
    progress.advance(replicate + 1)
    yield
    if (why !== CONVERGED) continue
    for (const [k, x] of values.shared.entries()) shared[k][replicate] = x
    for (const [f, columns] of values.local.entries()) {
      for (const [i, column] of columns.entries()) {
        const to = local[f][i]
        for (let at = 0; at < column.length; at++) to[at * count + replicate] = column[at]
      }
    }
  }
  return { reason, shared, local }
}

/** Returns a function that resamples all batches for a replicate. Each group has its own random stream. */
function* resampleGroups(
  families: readonly GroupBatchInput[],
  alone: readonly (readonly SingleFitContext[])[],
  options: BootstrapManyValues,
): Slices<(replicate: number) => GroupBatchInput[]> {
  const { kind, seed, fitOffset } = options
  const draws: DrawMethod[][] = []
  for (const values of alone) {
    draws.push(values.map((context) => new resamplers[kind](context, 0)))
    yield
  }
  return (replicate) => {
    const streams = alone.map((_, group) => new WordStream().seed(seed, (fitOffset + group) >>> 0, replicate))
    return families.map((family) => {
      const outputs = family.outputs.map((output, k): GroupOutput => {
        const { columns, compiled, rows } = output
        const names = kind === 'cases' ? [...columns.keys()] : [compiled.problem.y]
        const offsets = rowOffsets(rows.length, (group) => rows[group])
        const made = new Map<string, DataColumn>(columns)
        for (const name of names) made.set(name, { numbers: new Float64Array(offsets[rows.length]), offsets })
        const to = names.map((name) => (made.get(name) as DataColumn).numbers)
        for (const group of family.groups)
          draws[group][k].draw(streams[group], { names, to, from: offsets[group], stride: 1 })
        return { ...output, columns: made }
      })
      return { ...family, outputs }
    })
  }
}
