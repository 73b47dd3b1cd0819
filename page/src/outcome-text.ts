/** How racers and races end, in words. */

import { formatCount } from '../../dist/core/text.js'
import { formatNumber, formatPoint } from './dom.js'
import type { Race, Racer } from './race.js'

/** Why a racer has stopped, in words. */
export function describeReason(racer: Racer, { state, landscape }: Race): string {
  const { reason, error, iterations, gradientNorm } = racer
  if (reason === null) return iterations === 0 ? 'at the start' : 'on its way'
  const where =
    landscape.minima.length > 0 ? '' : ` at ${formatPoint(landscape.view, racer.pointAt(iterations))}`
  if (reason === 'converged') return `at rest${where}: moved less than ${formatNumber(state.tolerance)}`
  if (reason === 'stalled')
    return `stalled: steps below ${formatNumber(state.tolerance)}, though the slope is ${formatNumber(gradientNorm, 3)}`
  if (reason === 'max-iterations') return `stopped at the limit of ${formatCount(state.maxIterations)}`
  if (reason === 'diverged') return 'diverged: no longer a finite number'
  return `failed: ${error}`
}

/** How a race has ended, in a sentence or a few. */
export function describeOutcome(race: Race): string {
  const { racers, landscape, state } = race
  const [first] = race.ranking()
  const arrived = racers.filter(({ arrivedAt }) => arrivedAt !== null).length
  const failures = racers
    .filter(({ reason }) => reason === 'error')
    .map((racer) => ` ${racer.name} ${describeReason(racer, race)}.`)
    .join('')
  if (landscape.minima.length === 0) {
    const at = formatPoint(landscape.view, first.pointAt(first.iterations))
    const where = `${first.name} came lowest, ${formatNumber(first.values[first.iterations], 3)} at ${at}`
    return `The race is over: no minimum is known here; ${where}.${failures}`
  }
  const said =
    first.arrivedAt === null
      ? `nobody came within ${formatNumber(state.distance)} of a minimum`
      : `${arrived} of ${racers.length} arrived, ${first.name} first, after ${formatCount(first.arrivedAt)} updates`
  return `The race is over: ${said}.${failures}`
}
