/** Runs the fits of a task: each group separately, or all groups with shared parameters. */

import { type Fit, type FitManyOptions, type FitManyResult, type FitOptions, fitMany } from 'antigrad/fit'
import type { ShownFit } from './displayed-fit.js'
import type { CountedPeaks, FitInput, FitOutcome } from './fit-input.js'
import type { FitPageState } from './state.js'
import {
  columnsByName,
  errorColumns,
  type FitTask,
  fitOptions,
  sharedParameters,
  type TaskRows,
  testsOutliers,
} from './task.js'

/** @throws (rejects with) the errors of the library; the reason of the signal */
export async function runFits(input: FitInput): Promise<FitOutcome> {
  const { state, rows, groups, at, labels, signal, progress } = input
  if (groups.every(({ rows }) => rows.x.length === 0))
    throw new Error('No row has numbers in all used columns.')
  const begin = performance.now()
  progress.begin('Fitting…')
  const onProgress = (done: number, total: number) => progress.advance(done, total)
  let { task } = input
  let counts: readonly CountedPeaks[] = []
  const errors = errorColumns(groups)
  const separately = async (which: FitTask, more: Partial<FitManyOptions> = {}) =>
    fitMany(
      which.model,
      columnsByName(groups, ({ data }) => rename(data, input.task, which)),
      { ...fitOptions(which, state, errors), signal, ...more },
    )
  if (state.model === 'peaks' && state.count === 0) {
    const { countPeaks } = await import('./peaks.js')
    ;({ task, counts } = await countPeaks(input, separately))
  }
  const options = fitOptions(task, state, errors)
  const shared = labels === null || state.distribution !== '' ? [] : sharedParameters(task, state)
  let fits: readonly ShownFit[]
  let many: FitManyResult | null = null
  let start: FitOptions['start']
  if (state.distribution !== '') {
    const { fitWithDistribution } = await import('./distributions.js')
    const columns = columnsByName(groups, ({ data }) => rename(data, input.task, task))
    const more = { signal, onProgress, progress, hasProfiles: state.profile }
    ;({ fits, start } = await fitWithDistribution({ task, state, columns, options }, more))
  } else if (labels !== null && shared.length > 0) {
    const { fitTogether } = await import('./shared.js')
    const run = { hasProfiles: state.profile, signal, onProgress }
    fits = await fitTogether(task, rows, { labels, shared, at }, options, run)
  } else {
    const outliers = await outlierMethod(state)
    many = await separately(task, { onProgress, ...outliers })
    const found: Fit[] = groups.map((_, k) => (many as FitManyResult).at(k))
    fits = found
    if (state.profile) {
      progress.begin('Computing profile intervals…')
      fits = await (await import('./profiles.js')).addProfiles(many, found, { signal, onProgress })
    }
  }
  const milliseconds = performance.now() - begin
  return { task, fits, many, ...(start && { start }), milliseconds, options, shared, counts }
}

/** Tasks with different numbers of peaks may name their columns differently. */
function rename(
  data: TaskRows['data'],
  { names: before }: FitTask,
  { names: now }: FitTask,
): TaskRows['data'] {
  const newName = (name: string) => (name === before.x ? now.x : name === before.y ? now.y : name)
  return Object.fromEntries(Object.entries(data).map(([name, numbers]) => [newName(name), numbers]))
}

async function outlierMethod(state: FitPageState): Promise<Partial<FitManyOptions>> {
  if (!testsOutliers(state)) return {}
  const { rout } = await import('./outliers.js')
  return { outliers: rout({ refit: state.outliers === 'drop' }) }
}
