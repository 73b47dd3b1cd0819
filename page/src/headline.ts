/** Sentences of the first screen: the headline, and the progress of each optimizer. */

import { formatCount } from '../../dist/page.js'
import type { Racer } from './race.js'
import type { RaceState } from './state.js'

const numerals = [
  ...['No way', 'One way', 'Two ways', 'Three ways', 'Four ways', 'Five ways', 'Six ways'],
  ...['Seven ways', 'Eight ways', 'Nine ways', 'Ten ways', 'Eleven ways', 'Twelve ways'],
]

/** The shapes of functions in words. Functions that are not listed are called a landscape. */
const places: Readonly<Partial<Record<RaceState['objective'], string>>> = {
  rosenbrock: 'valley',
  bowl: 'bowl',
  saddle: 'saddle',
}

/** The headline of a race, such as “Three ways down the same valley. Drag the ring.” */
export function headline({ entries, objective }: RaceState): string {
  const place = `${entries.length > 1 ? 'the same' : 'a'} ${places[objective] ?? 'landscape'}`
  return `${numerals[entries.length]} down ${place}. Drag the ring.`
}

/** Whether and when a racer has arrived. */
export function describeProgress(racer: Racer, isKnown: boolean): string {
  const { arrivedAt, reason, iterations } = racer
  if (arrivedAt !== null) return `arrived after ${formatCount(arrivedAt)}`
  if (reason === null) return `${formatCount(iterations)} ${iterations === 1 ? 'update' : 'updates'}`
  if (reason === 'diverged') return 'diverged'
  if (!isKnown) return `stopped after ${formatCount(iterations)}`
  return `did not arrive in ${formatCount(iterations)}`
}

/** The end of a sentence about a racer that has stopped. */
export function describeEnd({ arrivedAt, iterations }: Racer): string {
  const stopped = `stopped after ${formatCount(iterations)} updates.`
  return arrivedAt === null || arrivedAt === iterations
    ? `has ${stopped}`
    : `arrived after ${formatCount(arrivedAt)} updates and ${stopped}`
}
