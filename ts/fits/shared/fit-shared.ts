import { execute, executeSync } from '../../many/engines/execute.js'
import type { FitData } from '../problem/options.js'
import type { GroupLabel } from '../shared-solve/groups.js'
import type { SharedOptions } from '../shared-solve/options.js'
import type { SharedModel } from '../shared-solve/read.js'
import { SharedRun } from '../shared-solve/run.js'
import { SharedFit } from './result.js'

/** Columns of numbers, and of labels. */
export type SharedData = Readonly<Record<string, FitData[string] | readonly GroupLabel[]>>

/**
 * Fits groups of rows that share parameters, as one least-squares problem: some parameters have one value for all groups,
 * or for all of a subset, and others each group has for itself. The Levenberg-Marquardt method takes own parameters out of
 * the equations group by group, so that time and memory grow with the number of groups and no faster. The same bits on
 * every engine and number of threads; the event loop stays free where the native engine runs.
 *
 * @param model an `expression` or one of `models`; a record of such by the columns that they are to meet, for a model with
 * several values; or a list of models, of which the data's column `modelColumn` says by its index which one a group has
 * @param data columns, with one that says to which group a row belongs, as the option `group` names it; or without it a
 * list for each group, or numbers for all
 * @throws (rejects with) OptionError before the first iteration; the signal's reason
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

/** `fitShared` without a promise. */
export function fitSharedSync(model: SharedModel, data: SharedData, options: SharedOptions): SharedFit {
  const run = new SharedRun(model, data, options)
  const ended = executeSync(run.choice, run.calls())
  run.release()
  return new SharedFit(run, ended)
}
