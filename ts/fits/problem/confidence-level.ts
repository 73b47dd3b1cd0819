/** The confidence level of intervals. */

import { option } from '../../options/kinds.js'

/** Option kind for a probability strictly between 0 and 1. */
export const probability = option<number, number>('a number between 0 and 1', 0.95, (x) => {
  return typeof x === 'number' && x > 0 && x < 1
})
