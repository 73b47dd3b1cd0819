/** The problems of test/data/bounded.json. */

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { home } from './children.js'

/** A problem of the collections by Moré, Garbow and Hillstrom, Hock and Schittkowski, and CUTEst, in a box. */
export interface BoundedProblem {
  readonly name: string
  readonly expression: string
  readonly data: Readonly<Record<string, readonly number[]>> | null
  readonly start: readonly number[]
  readonly lower: readonly (number | null)[] | null
  readonly upper: readonly (number | null)[] | null
  /** The best minimum known; its point if there is only one. */
  readonly f: number
  readonly x: readonly number[] | null
  /** −1 for a variable at its lower bound, 1 at its upper bound, otherwise 0. */
  readonly active: readonly number[]
  /** Whether the point is hardly determined. */
  readonly flat: boolean
  /** Other minima. */
  readonly others: readonly number[]
}

export const problems = JSON.parse(
  readFileSync(join(home, 'test/data/bounded.json'), 'utf8'),
) as BoundedProblem[]
