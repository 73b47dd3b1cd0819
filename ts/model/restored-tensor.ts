import type { FloatArray } from '../core/numbers.js'
import type { RuleInUse } from '../rules/active-rule.js'
import type { CounterFields } from '../rules/define.js'
import type { UpdateCounter } from './cohorts.js'
import type { Assignment } from './groups.js'
import type { AccumulatedRows, AverageProgress } from './partition.js'

/** A tensor of a saved run, checked. */
export interface RestoredTensor extends Assignment {
  readonly shape: readonly number[] | undefined
  readonly length: number
  /** The same for all of the same rule and options; its clocks show nothing. */
  readonly use: RuleInUse
  readonly clock: UpdateCounter | null
  readonly shared: CounterFields
  readonly params: FloatArray
  readonly state: Readonly<Record<string, FloatArray>>
  readonly byTensor: Readonly<Record<string, number>>
  /** What it has instead of zeros in arrays of elements: the parameters first. */
  readonly planes: readonly (readonly [array: number, values: FloatArray])[]
  readonly averaged: AverageProgress | null
  /** All of its arrays, as long as they were when they were read. */
  readonly arrays: readonly (readonly [array: FloatArray, length: number])[]
  readonly gathered: AccumulatedRows
}
