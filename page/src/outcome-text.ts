/** Sentences on how racers and races end. */

import { formatCount } from '../../dist/page.js'
import { formatNumber, formatPoint } from './dom.js'
import { readableNames } from './names.js'
import type { Race, Racer } from './race.js'

/** Describes why a racer has stopped. */
export function describeReason(racer: Racer, { state, landscape }: Race): string {
  const { reason, error, iterations, gradientNorm } = racer
  if (reason === null) return iterations === 0 ? 'at the start' : 'running'
  const where =
    landscape.minima.length > 0 ? '' : ` at ${formatPoint(landscape.view, racer.pointAt(iterations))}`
  if (reason === 'converged') return `converged${where}: moved less than ${formatNumber(state.tolerance)}`
  if (reason === 'stalled')
    return `stalled: steps below ${formatNumber(state.tolerance)}, although the gradient is ${formatNumber(gradientNorm, 3)}`
  if (reason === 'max-iterations')
    return `stopped at the limit of ${formatCount(state.maxIterations)} updates`
  if (reason === 'diverged') return 'diverged: values are no longer finite'
  return `failed: ${error}`
}

/** Describes the outcome of a race. */
export function describeOutcome(race: Race): string {
  const { racers, landscape, state } = race
  const [first] = race.ranking()
  const names = readableNames(racers.map(({ name }) => name))
  const nameOf = (racer: Racer) => names[racers.indexOf(racer)]
  const arrived = racers.filter(({ arrivedAt }) => arrivedAt !== null).length
  const failures = racers
    .filter(({ reason }) => reason === 'error')
    .map((racer) => ` ${nameOf(racer)} ${describeReason(racer, race)}.`)
    .join('')
  if (landscape.minima.length === 0) {
    const at = formatPoint(landscape.view, first.pointAt(first.iterations))
    const where = `${nameOf(first)} reached the lowest value, ${formatNumber(first.values[first.iterations], 3)} at ${at}`
    return `The race is over: the minimum is unknown; ${where}.${failures}`
  }
  const said =
    first.arrivedAt === null
      ? `no optimizer came within ${formatNumber(state.distance)} of a minimum`
      : `${arrived} of ${racers.length} optimizers arrived, ${nameOf(first)} first, after ${formatCount(first.arrivedAt)} updates`
  return `The race is over: ${said}.${failures}`
}
