/** The results of a sweep as a table. */

import type { SetResult } from '../../jobs/sweep.js'
import { columns } from '../report.js'

/** The reasons why runs end, in the order of the columns. */
const ENDINGS = ['converged', 'stalled', 'max-iterations', 'diverged'] as const

/**
 * A table with one line per set, followed by the best set.
 *
 * @param swept names of the options with more than one value
 */
export function describeSweep(results: readonly SetResult[], swept: readonly string[]): string {
  const hasTarget = results.some(({ reached }) => reached !== null)
  const head = [
    ...swept,
    ...['runs', ...ENDINGS, ...(hasTarget ? ['reached'] : [])],
    ...['best F', 'median F', 'median updates'],
  ]
  const rows = results.map(({ options, runs, endings, reached, best, medianValue, medianIterations }) => [
    ...swept.map((name) => `${options[name]}`),
    `${runs}`,
    ...percentages(ENDINGS.map((ending) => endings[ending])),
    ...(hasTarget ? [formatPercentage(reached ?? 0, runs)] : []),
    best === null ? '–' : short(best.value),
    short(medianValue),
    medianIterations === null ? '–' : `${medianIterations}`,
  ])
  const winner = describeBest(results)
  const all = head.map((_, i) => i)
  return `${columns([head, ...rows], all)}${winner === null ? '' : `\n\n${describeWinner(winner, swept)}`}`
}

/** The fraction of successful runs of a set: runs that reached the target, or that converged if there is no target. */
export function formatShare({ runs, reached, endings }: SetResult): number {
  return (reached ?? endings.converged) / runs
}

/** The best set: largest fraction of successful runs, then fewest median updates, then lowest median of F. */
function describeBest(results: readonly SetResult[]): SetResult | null {
  const updates = ({ medianIterations }: SetResult) => medianIterations ?? Infinity
  const isBetter = (a: SetResult, b: SetResult) => {
    if (formatShare(a) !== formatShare(b)) return formatShare(a) > formatShare(b)
    if (updates(a) !== updates(b)) return updates(a) < updates(b)
    return a.medianValue < b.medianValue
  }
  return results.reduce<SetResult | null>(
    (best, result) => (best === null || isBetter(result, best) ? result : best),
    null,
  )
}

function describeWinner(winner: SetResult, swept: readonly string[]): string {
  const { rule, options, runs, endings, reached, medianIterations, best } = winner
  const told = swept.length === 0 ? [rule] : swept.map((name) => `${name} ${options[name]}`)
  const share =
    reached === null
      ? `${percentages(ENDINGS.map((ending) => endings[ending]))[0]} converged`
      : `${formatPercentage(reached, runs)} reached the target`
  const updates =
    medianIterations === null ? [] : [`${medianIterations} updates (median of the converged runs)`]
  const at = Object.entries(best?.x ?? {}).map(([name, x]) => `${name} = ${Number(x.toPrecision(6))}`)
  const lowest = best === null ? [] : [`F = ${short(best.value)} at ${at.join(', ')}`]
  return `Best: ${told.join(', ')}: ${[share, ...updates, ...lowest].join('; ')}`
}

/**
 * Percentages of counts, rounded to a tenth by the largest-remainder method. The percentages add up to 100. Every
 * positive count has at least 0.1%.
 */
export function percentages(counts: readonly number[]): string[] {
  const total = counts.reduce((sum, count) => sum + count, 0)
  const exact = counts.map((count) => (1000 * count) / total)
  const tenths = exact.map((x) => (x > 0 ? Math.max(1, Math.floor(x)) : 0))
  const excess = (k: number) => tenths[k] - exact[k]
  let rest = 1000 - tenths.reduce((sum, count) => sum + count, 0)
  for (; rest > 0; rest--) tenths[largest(tenths, (k) => -excess(k))]++
  for (; rest < 0; rest++) tenths[largest(tenths, (k) => (tenths[k] > 1 ? excess(k) : -Infinity))]--
  return tenths.map((count) => `${count / 10}%`)
}

const formatPercentage = (count: number, total: number) => percentages([count, total - count])[0]

/** The index with the largest computed value; the first such index if several are equal. */
function largest(list: readonly number[], compute: (k: number) => number): number {
  return list.reduce((best, _, k) => (compute(k) > compute(best) ? k : best), 0)
}

function short(x: number): string {
  return Number.isFinite(x) ? `${Number(x.toPrecision(3))}` : x > 0 ? '∞' : '−∞'
}
