import type { FloatArray } from '../ground/numbers.js'
import type { Fields } from '../rules/define.js'
import type { Clock } from './cohorts.js'
import type { Assignment } from './groups.js'
import type { Averaged } from './part.js'

/** A tensor of a saved run, checked. */
export interface RestoredTensor extends Assignment {
  readonly shape: readonly number[] | undefined
  readonly length: number
  readonly clock: Clock | null
  readonly shared: Fields
  readonly params: FloatArray
  readonly state: Readonly<Record<string, FloatArray>>
  readonly byTensor: Readonly<Record<string, number>>
  readonly average: FloatArray | null
  readonly averaged: Averaged | null
  readonly slow: FloatArray | null
  readonly accumulated: FloatArray | null
  /** All of its arrays, as long as they were when they were read. */
  readonly arrays: readonly (readonly [array: FloatArray, length: number])[]
  readonly isGathered: boolean
}
