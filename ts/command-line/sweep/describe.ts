/** A sweep's results as a table. */

import type { SetResult } from '../../work/sweep.js'
import { columns } from '../report.js'

/**
 * A line a set, and which one did best.
 *
 * @param swept names of options of which there is more than one value
 */
export function describeSweep(results: readonly SetResult[], swept: readonly string[]): string {
  const hasTarget = results.some(({ reached }) => reached !== null)
  const head = [
    ...swept,
    ...['runs', 'converged', 'stalled', 'diverged', ...(hasTarget ? ['reached'] : [])],
    ...['best F', 'median F', 'median updates'],
  ]
  const rows = results.map(({ options, runs, endings, reached, best, medianValue, medianIterations }) => [
    ...swept.map((name) => `${options[name]}`),
    `${runs}`,
    percent(endings.converged / runs),
    percent(endings.stalled / runs),
    percent(endings.diverged / runs),
    ...(hasTarget ? [percent((reached ?? 0) / runs)] : []),
    best === null ? '–' : short(best.value),
    short(medianValue),
    medianIterations === null ? '–' : `${medianIterations}`,
  ])
  const winner = bestOf(results)
  const all = head.map((_, i) => i)
  return `${columns([head, ...rows], all)}${winner === null ? '' : `\n\n${describeWinner(winner, swept)}`}`
}

/** The share of a set's runs that did what was wanted: reached the target, or else converged. */
export function shareOf({ runs, reached, endings }: SetResult): number {
  return (reached ?? endings.converged) / runs
}

/** Of the sets with the largest share the one with the fewest updates, then with the lowest median of F. */
function bestOf(results: readonly SetResult[]): SetResult | null {
  const updates = ({ medianIterations }: SetResult) => medianIterations ?? Infinity
  const isBetter = (a: SetResult, b: SetResult) => {
    if (shareOf(a) !== shareOf(b)) return shareOf(a) > shareOf(b)
    if (updates(a) !== updates(b)) return updates(a) < updates(b)
    return a.medianValue < b.medianValue
  }
  return results.reduce<SetResult | null>(
    (best, result) => (best === null || isBetter(result, best) ? result : best),
    null,
  )
}

function describeWinner(winner: SetResult, swept: readonly string[]): string {
  const { rule, options, reached, medianIterations, best } = winner
  const told = swept.length === 0 ? [rule] : swept.map((name) => `${name} ${options[name]}`)
  const share = `${percent(shareOf(winner))} ${reached === null ? 'converged' : 'reached the target'}`
  const updates =
    medianIterations === null ? [] : [`${medianIterations} updates (median of those that converged)`]
  const at = Object.entries(best?.x ?? {}).map(([name, x]) => `${name} = ${Number(x.toPrecision(6))}`)
  const lowest = best === null ? [] : [`F = ${short(best.value)} at ${at.join(', ')}`]
  return `Best: ${told.join(', ')}: ${[share, ...updates, ...lowest].join('; ')}`
}

function percent(share: number): string {
  // Not all is not 100 %, and not none is not 0.
  const tenths = share > 0 && share < 1 ? Math.min(999, Math.max(1, Math.round(share * 1000))) : share * 1000
  return `${tenths / 10} %`
}

function short(x: number): string {
  return Number.isFinite(x) ? `${Number(x.toPrecision(3))}` : x > 0 ? '∞' : '−∞'
}
