/** The bootstrap of a fit with shared parameters. */

import { CallProgress, type EngineCall } from '../../many/engines/execute.js'
import { checkRefits, runSharedBootstrap, type SharedReplicates } from '../shared/bootstrap.js'
import type { SharedFit } from '../shared/result.js'
import {
  type GroupSource,
  groupSources,
  type SharedSource,
  type SingleFitContext,
} from '../shared/result-source.js'
import { RowContributions } from '../shared/row-contributions.js'
import { getIndex } from '../shared-solve/group-batch.js'
import { type BootstrapManyValues, unavailableBecause } from '../uncertainty/bootstrap.js'
import { Bootstrap } from '../uncertainty/bootstrap-result.js'
import { derivedPrograms } from '../uncertainty/estimates.js'
import { SharedBootstrap } from '../uncertainty/shared-bootstrap-result.js'
import type { Computation } from './computation.js'

export function prepareSharedBootstrap(
  found: SharedFit,
  source: SharedSource,
  options: BootstrapManyValues,
): Computation<SharedBootstrap> {
  const { run, statistics } = source
  checkRefits(run, options)
  const getContexts = (group: number) => (groupSources.get(found.at(group)) as GroupSource).contexts()
  const progress = new CallProgress(options.onProgress)
  function* calls(): Generator<EngineCall, SharedBootstrap> {
    const isPossible = unavailableBecause(getContexts(0)[0], 0, options) === ''
    const alone: SingleFitContext[][] = []
    for (let group = 0; isPossible && group < found.length; group++) {
      alone.push(getContexts(group))
      yield
    }
    const replicates = yield* runSharedBootstrap(run, statistics, alone, options, progress)
    return createResult({ found, source, options, alone, getContexts }, replicates)
  }
  return { choice: run.choice, calls: calls(), progress }
}

interface ResampledFit {
  readonly found: SharedFit
  readonly source: SharedSource
  readonly options: BootstrapManyValues
  /** Contexts of the groups as independent fits. The array of contexts is empty if no group can be resampled. */
  readonly alone: readonly (readonly SingleFitContext[])[]
  getContexts(group: number): SingleFitContext[]
}

function createResult(resampled: ResampledFit, replicates: SharedReplicates): SharedBootstrap {
  const { found, source, options, alone } = resampled
  const { run, statistics, locate } = source
  const memory: { contributions?: RowContributions } = {}
  const at = (group: number) => {
    const [context] = alone[group] ?? resampled.getContexts(group)
    const contributions = (slopes: readonly number[]) => {
      memory.contributions ??= new RowContributions(run, statistics, alone, locate)
      return memory.contributions.contributionsOf(group, locate(group), slopes)
    }
    const values = collectValues(source, replicates, group, context)
    const original = { context, fit: 0, values: found.at(group).values, contributions }
    return new Bootstrap(original, { values, reason: replicates.reason }, options)
  }
  const { length } = found
  return new SharedBootstrap(replicates.reason, length, at, (read) => gatherGroups(source, length, read))
}

/** Columns of the parameters and derived quantities of one group, with one value per replicate. */
function collectValues(
  { run, locate }: SharedSource,
  { reason, shared, local }: SharedReplicates,
  group: number,
  context: SingleFitContext,
): Readonly<Record<string, Float64Array>> {
  const { batch: f, index: at } = locate(group)
  const batch = run.solver.batches[f]
  const { length: count } = reason
  const free = batch.free.map(({ name }, i): readonly [string, Float64Array] => {
    if (i >= batch.local) return [name, shared[getIndex(batch.sharedPlaces[i - batch.local], at)]]
    return [name, local[f][i].subarray(at * count, (at + 1) * count)]
  })
  const fixed = context.problem.fixed.map((name) => context.starts.get(name)?.[0] as number)
  const derived = Object.entries(derivedPrograms(context.problem)).map(([name, compute]) => {
    const value = (_: number, r: number) => compute([...free.map(([, column]) => column[r]), ...fixed])[0]
    return [name, new Float64Array(count).map(value)] as const
  })
  return Object.fromEntries([...free, ...derived])
}

/** Values of the parameters in all groups, collected by parameter name. */
function gatherGroups(
  { run, locate, toValues }: SharedSource,
  length: number,
  compute: (group: number) => Readonly<Record<string, number>>,
) {
  const { batches, size } = run.solver
  const shared = new Float64Array(size)
  const local = batches.map(({ local, groups }) =>
    Array.from({ length: local }, () => new Float64Array(groups.length)),
  )
  for (let group = 0; group < length; group++) {
    const { batch: f, index: at } = locate(group)
    const numbers = compute(group)
    for (const [i, { name }] of batches[f].free.entries()) {
      if (i < batches[f].local) local[f][i][at] = numbers[name]
      else shared[getIndex(batches[f].sharedPlaces[i - batches[f].local], at)] = numbers[name]
    }
  }
  return toValues(shared, local)
}
