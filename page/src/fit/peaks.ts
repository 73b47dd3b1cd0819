/** Chooses the number of peaks by BIC. This module is loaded on demand. */

import type { FitManyOptions, FitManyResult } from 'antigrad/fit'
import { formatNumber, h } from '../dom.js'
import type { CountedPeaks, FitInput } from './fit-input.js'
import type { FitTask } from './task.js'

/** Maximum number of peaks that are tried. */
const MAX_PEAKS = 30
/** Number of consecutive counts without an improvement after which the search ends. */
const MAX_FAILURES = 2

/**
 * Fits one peak, two peaks and so on, and chooses the number with the smallest BIC. The search ends after two numbers
 * without an improvement, or if the data have too few points for more peaks.
 *
 * @throws (rejects with) the errors of the library; the reason of the signal
 */
export async function countPeaks(
  { taskWith, groups, progress, signal }: FitInput,
  fitWith: (task: FitTask, more?: Partial<FitManyOptions>) => Promise<FitManyResult>,
): Promise<{ task: FitTask; counts: CountedPeaks[] }> {
  const rows = Math.min(...groups.map(({ rows }) => rows.x.length))
  const found: { count: number; bic: number }[] = []
  let best = 0
  for (let count = 1; count <= MAX_PEAKS && count - best <= MAX_FAILURES; count++) {
    const task = taskWith(count)
    if (count > 1 && task.parameters.length >= rows) break
    progress.begin(`Fitting ${count} ${count === 1 ? 'peak' : 'peaks'}…`)
    const result = await fitWith(task)
    signal.throwIfAborted()
    const bic = result.bic.reduce((sum, one) => sum + (Number.isNaN(one) ? Infinity : one), 0)
    const before = found[best - 1]?.bic ?? Infinity
    found.push({ count, bic })
    if (bic < before || best === 0) best = count
  }
  const counts = found.map(({ count, bic }) => ({ count, bic, isChosen: count === best }))
  return { task: taskWith(best), counts }
}

/** A table of the numbers of peaks and their BIC. */
export function tableOfCounts(counts: readonly CountedPeaks[]): HTMLElement {
  const least = Math.min(...counts.map(({ bic }) => bic))
  return h(
    'table',
    {},
    h('caption', {}, 'Number of peaks: the page chooses the number with the smallest BIC'),
    h(
      'thead',
      {},
      h('tr', {}, ...['Peaks', 'BIC', 'Difference'].map((text) => h('th', { scope: 'col' }, text))),
    ),
    h(
      'tbody',
      {},
      ...counts.map(({ count, bic, isChosen }) =>
        h(
          'tr',
          {},
          h('th', { scope: 'row' }, isChosen ? `${count} (chosen)` : `${count}`),
          ...[bic, bic - least].map((number) => h('td', {}, formatNumber(number, 5))),
        ),
      ),
    ),
  )
}
