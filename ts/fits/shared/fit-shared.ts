import { execute, executeSync } from '../../many/engines/execute.js'
import type { FitData } from '../problem/options.js'
import type { SharedOptions } from '../shared-solve/options.js'
import type { SharedModel } from '../shared-solve/read.js'
import { SharedRun } from '../shared-solve/run.js'
import { SharedFit } from './result.js'

/** Data of groups: columns of numbers and columns of labels, or an array of rows. Unused columns are ignored. */
export type SharedData = FitData

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
): Promise<SharedFit> {
  const run = new SharedRun(model, data, options)
  const { choice, options: read, progress } = run
  const ended = await execute(choice, run.calls(), read.signal, () => run.release(), progress.repeat)
  run.release()
  return new SharedFit(run, ended)
}

/** Synchronous version of {@link fitShared}. */
export function fitSharedSync(model: SharedModel, data: SharedData, options: SharedOptions): SharedFit {
  const run = new SharedRun(model, data, options)
  const ended = executeSync(run.choice, run.calls())
  run.release()
  return new SharedFit(run, ended)
}
