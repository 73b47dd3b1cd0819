import { execute, executeSync } from '../../many/engines/execute.js'
import { readOptions } from '../../options/read.js'
import type { WithDistribution } from '../fit/options.js'
import type { SharedLikelihoodFit } from '../likelihood/shared-result.js'
import type { FitData } from '../problem/options.js'
import type { GroupLabel } from '../problem/shared-parameters.js'
import { createSharedFits } from '../shared-solve/distribution.js'
import { type SharedOptions, sharedOptionTable } from '../shared-solve/options.js'
import type { SharedModel, SingleModel } from '../shared-solve/read.js'
import { SharedRun } from '../shared-solve/run.js'
import { Distribution, type SharedDistributionFits } from '../solve/distribution.js'
import { SharedFit } from './result.js'

/** Data of groups: columns of numbers and columns of labels, or an array of rows. Unused columns are ignored. */
export type SharedData = FitData

/** With a distribution, the fit maximizes the likelihood of all groups. */
export async function fitShared(
  model: SingleModel,
  data: SharedData,
  options: WithDistribution<SharedOptions>,
): Promise<SharedLikelihoodFit>
/**
 * Fits groups of rows that share parameters, as one least-squares problem. A parameter is shared by all groups, shared
 * by the groups of one label, or local to each group. The Levenberg-Marquardt algorithm eliminates the local parameters
 * group by group, so that time and memory grow linearly with the number of groups. The results are bit-identical on
 * every engine and with any number of threads. The native engine does not block the event loop.
 *
 * @param model an `expression` or one of `models`. For several outputs, pass an object of models by response column.
 * For an array of models, the data column `modelColumn` contains the index of each group's model.
 * @param data columns by name. The column that the option `group` names labels the group of each row. Without `group`,
 * each column contains one array per group, or is one array of numbers for all groups.
 * @throws (rejects with) OptionError before the first iteration if an argument is invalid; the reason of the
 * AbortSignal if the call is aborted
 * @example
 * const { values, errors } = await fitShared(models.fourPL(), { x, y, curve }, { group: 'curve', shared: ['top', 'bottom'] })
 */
export async function fitShared(
  model: SharedModel,
  data: SharedData,
  options: SharedOptions,
): Promise<SharedFit>
export async function fitShared(
  model: SharedModel,
  data: SharedData,
  options: object,
): Promise<SharedFit | SharedLikelihoodFit> {
  const byLikelihood = createByLikelihood(model, data, options)
  if (byLikelihood) {
    const { choice, options: read, progress } = byLikelihood
    await execute(choice, byLikelihood.calls(), read.signal, () => {}, progress.repeat)
    return byLikelihood.result() as SharedLikelihoodFit
  }
  const run = new SharedRun(model, data, options as SharedOptions)
  const { choice, options: read, progress } = run
  const ended = await execute(choice, run.calls(), read.signal, () => run.release(), progress.repeat)
  run.release()
  return new SharedFit(run, ended)
}

/** With a distribution, the fit maximizes the likelihood of all groups. */
export function fitSharedSync(
  model: SingleModel,
  data: SharedData,
  options: WithDistribution<SharedOptions>,
): SharedLikelihoodFit
/** Synchronous version of {@link fitShared}. */
export function fitSharedSync(model: SharedModel, data: SharedData, options: SharedOptions): SharedFit
export function fitSharedSync(
  model: SharedModel,
  data: SharedData,
  options: object,
): SharedFit | SharedLikelihoodFit {
  const byLikelihood = createByLikelihood(model, data, options)
  if (byLikelihood) {
    executeSync(byLikelihood.choice, byLikelihood.calls())
    return byLikelihood.result() as SharedLikelihoodFit
  }
  const run = new SharedRun(model, data, options as SharedOptions)
  const ended = executeSync(run.choice, run.calls())
  run.release()
  return new SharedFit(run, ended)
}

/**
 * The fit by likelihood if the options have a distribution.
 *
 * @param labels labels of the groups to use if the data have no labels
 */
export function createByLikelihood(
  model: SharedModel,
  data: SharedData,
  options: { readonly distribution?: unknown },
  labels?: readonly GroupLabel[],
): SharedDistributionFits | undefined {
  const distribution = options?.distribution
  if (!Distribution.has(distribution)) return undefined
  const read = readOptions('options', { ...options, distribution }, sharedOptionTable)
  return createSharedFits(distribution, model, data, read, labels)
}
