import type { FloatArray } from '../core/numbers.js'
import type { RuleInUse } from '../rules/active-rule.js'
import type { CounterFields } from '../rules/define.js'
import type { UpdateCounter } from './cohorts.js'
import type { Assignment } from './groups.js'
import type { AccumulatedRows, AverageProgress } from './partition.js'

/** A validated tensor of a saved run. */
export interface RestoredTensor extends Assignment {
  readonly shape: readonly number[] | undefined
  readonly length: number
  /** The rule and its options, as one object for each distinct rule. The clocks of this object are unused. */
  readonly use: RuleInUse
  readonly clock: UpdateCounter | null
  readonly shared: CounterFields
  readonly params: FloatArray
  readonly state: Readonly<Record<string, FloatArray>>
  readonly byTensor: Readonly<Record<string, number>>
  /** Initial contents of the arrays of elements; the first array holds the parameters. */
  readonly planes: readonly (readonly [array: number, values: FloatArray])[]
  readonly averaged: AverageProgress | null
  /** All arrays of the tensor, with the lengths at the time of reading. */
  readonly arrays: readonly (readonly [array: FloatArray, length: number])[]
  readonly gathered: AccumulatedRows
}
