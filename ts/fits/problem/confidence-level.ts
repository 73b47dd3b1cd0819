/** At which level intervals are. */

import { option } from '../../options/kinds.js'

/** A probability, but not of all or nothing. */
export const probability = option<number, number>('a number between 0 and 1', 0.95, (x) => {
  return typeof x === 'number' && x > 0 && x < 1
})
