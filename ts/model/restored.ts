import type { FloatArray } from '../ground/numbers.js'
import type { Fields } from '../rules/define.js'
import type { RuleInUse } from '../rules/in-use.js'
import type { Clock } from './cohorts.js'
import type { Assignment } from './groups.js'
import type { Averaged, Gathered } from './part.js'

/** A tensor of a saved run, checked. */
export interface RestoredTensor extends Assignment {
  readonly shape: readonly number[] | undefined
  readonly length: number
  /** The same for all of the same rule and options; its clocks show nothing. */
  readonly use: RuleInUse
  readonly clock: Clock | null
  readonly shared: Fields
  readonly params: FloatArray
  readonly state: Readonly<Record<string, FloatArray>>
  readonly byTensor: Readonly<Record<string, number>>
  /** What it has instead of zeros in arrays of elements: the parameters first. */
  readonly planes: readonly (readonly [array: number, values: FloatArray])[]
  readonly averaged: Averaged | null
  /** All of its arrays, as long as they were when they were read. */
  readonly arrays: readonly (readonly [array: FloatArray, length: number])[]
  readonly gathered: Gathered
}
