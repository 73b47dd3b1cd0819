/** A rule that groups of tensors use, with the values of the options at the current update. */

import type { Kernel } from '../arena/kernel.js'
import { PIPELINE_DECAY, PIPELINE_L2, PIPELINE_LIMIT, PIPELINE_SCALE, POINT } from '../arena/manifest.js'
import { type Dtype, type Matrix, smallestNormal } from '../core/numbers.js'
import { createRecord, isObject } from '../core/untrusted-input.js'
import type { TensorLimits } from '../gradients/clip.js'
import { type CounterFields, type Definition, lineStateNames, stateNames } from './define.js'
import { addDelay, isMatrix, type ResolvedRule } from './resolve.js'
import type { AnyRule } from './rule.js'
import { makeRuleSchedule, type RuleNumbers, type RuleSchedule } from './values.js'

/** Counter for the numbers of rules and functions. */
let count = 0

export class RuleInUse {
  /** Identifying number, different for each object of this class. */
  readonly number = count++
  declare readonly definition: Definition
  /**
   * Copy of the definition's function. The copies give the JavaScript engine objects of one shape, because definitions
   * differ in shape.
   */
  declare readonly advance: Definition['advance']
  declare readonly corrections: Definition['corrections']
  declare readonly delay: number
  declare readonly isDelayed: boolean
  declare readonly groupOptions: readonly string[] | null
  declare readonly lrScale: number
  declare readonly clip: TensorLimits | null
  /** The kernels of a step, in the order in which they run. */
  declare readonly stages: readonly Kernel[]
  /** Positions of the first stage's coefficients in a row of coefficients. */
  declare readonly positions: Kernel['row']
  declare readonly point: Kernel | undefined
  /** Kernel numbers by stage; a stage without a kernel is a hole in the array. */
  declare readonly kernels: number[]
  /** Segment flags that are set at every update. */
  declare readonly flags: number
  declare readonly state: readonly string[]
  /** Names of the state arrays that store values per row and per column. */
  declare readonly lines: readonly string[]
  /**
   * Names of the values that are stored per tensor. A stage may use only the first names in this list and in the list
   * `state`.
   */
  declare readonly byTensor: readonly string[]
  /** The options, including schedules. The method `set` replaces the object of options. */
  rule!: AnyRule
  numbers!: RuleNumbers
  /** The counter fields that all tensors of the rule share; undefined while the fields have their initial values. */
  shared: CounterFields
  /** The update t at which the schedules were last evaluated; −1 before the first evaluation. */
  evaluated = -1
  /** Version number, incremented whenever the values of the options change. */
  version = 0
  #resolved: ResolvedRule
  #value: unknown
  #schedule!: RuleSchedule | null
  #isConstant = false

  constructor(resolved: ResolvedRule) {
    const { rule, definition } = resolved
    this.#resolved = resolved
    Object.assign(this, resolved)
    this.advance = definition.advance
    this.corrections = definition.corrections
    this.shared = definition.shared
    this.stages = definition.stages(rule as never)
    this.positions = this.stages[0].row
    this.point = definition.point(rule as never)
    this.kernels = this.stages.map(({ number }) => number)
    if (this.point) this.kernels[POINT] = this.point.number
    this.flags = definition.flags(rule as never)
    this.state = stateNames(definition, rule as never)
    this.lines = lineStateNames(this.stages)
    this.byTensor = [...new Set(this.stages.flatMap(({ tensor }) => tensor))]
    // The array is a copy, because `numbers` identifies the sums over all tensors, and groups with different clips use
    // the same rule.
    this.change(rule, { ...rule })
  }

  /** The frozen rule that users receive. */
  get value(): unknown {
    this.#value ??= addDelay(this)
    return this.#value
  }

  get resolved(): ResolvedRule {
    if (this.#resolved.rule !== this.rule) this.#resolved = { ...this.#resolved, rule: this.rule }
    return this.#resolved
  }

  change(rule: AnyRule, numbers = rule): void {
    this.rule = rule
    this.#value = undefined
    this.#schedule = makeRuleSchedule(this.definition, rule)
    this.#isConstant = this.#schedule === null
    this.evaluated = -1
    if (this.#isConstant) this.numbers = numbers as unknown as RuleNumbers
    this.version++
  }

  /** Whether existing state stays valid if the options change to the given options. */
  keepsState(rule: AnyRule): boolean {
    const { definition, rule: before } = this
    const stages = definition.stages(rule as never)
    const starts = definition.starts(rule as never)
    const earlier = definition.starts(before as never)
    return (
      stages.length === this.stages.length &&
      stages.every((kernel, k) => kernel === this.stages[k]) &&
      definition.point(rule as never) === this.point &&
      definition.flags(rule as never) === this.flags &&
      definition.fixed.every((name) => makeKey(rule[name]) === makeKey(before[name])) &&
      this.state.every((name) => Object.is(starts[name], earlier[name]))
    )
  }

  /** Rows and columns of each matrix in a tensor, and the number of matrices; null if the tensor is not a matrix. */
  matrixOf(shape: readonly number[] | undefined, length: number): Matrix | null {
    if (!isMatrix(shape)) return null
    const [rows, columns] = this.definition.matrix(shape)
    return [rows, columns, length === 0 ? 0 : length / (rows * columns)]
  }

  /** Length of a state array for a tensor of the given shape. */
  lengthOf(name: string, shape: readonly number[] | undefined, length: number): number {
    const line = this.lines.indexOf(name)
    if (line < 0) return length
    const matrix = this.matrixOf(shape, length)
    return matrix === null ? 0 : matrix[line] * matrix[2]
  }

  /** Whether a schedule may still change, which requires a call of `evaluate`. */
  get isScheduled(): boolean {
    return !this.#isConstant
  }

  /** Whether no schedule is a user function. */
  get isPlain(): boolean {
    return this.#schedule?.isPlain ?? true
  }

  /**
   * Evaluates the schedules at update t, counted from 0. User functions may run during the evaluation, and may throw
   * exceptions.
   */
  evaluate(t: number): void {
    const schedule = this.#schedule
    if (schedule === null) return
    this.numbers = schedule.at(t)
    this.evaluated = t
    this.#isConstant = t >= schedule.constantFrom
    this.version++
  }

  /** Adopts the shared counter fields of a tensor that joins this rule, unless the rule already has shared values. */
  adopt(clock: CounterFields): void {
    if (this.definition.estimateShared && makeKey(this.shared) === makeKey(this.definition.shared))
      this.share(clock)
  }

  /** Copies the shared counter fields from a tensor's counter. */
  share(clock: CounterFields): void {
    this.shared = createRecord(Object.keys(this.shared), (name) => clock[name])
  }

  /** Whether subnormal numbers in the state may be flushed to 0. */
  flushes(dtype: Dtype): boolean {
    return this.definition.flushes(this.numbers as never, smallestNormal[dtype])
  }

  /** Writes the coefficients that do not depend on the counter to a row; `scale` is the factor of the gradients. */
  write(row: Float64Array, scale: number, limit: number, dtype: Dtype): void {
    const { definition, numbers } = this
    row[PIPELINE_SCALE] = (numbers as { maximize?: unknown }).maximize === true ? -scale : scale
    row[PIPELINE_LIMIT] = limit
    row[PIPELINE_L2] = definition.l2(numbers as never)
    row[PIPELINE_DECAY] = definition.decay(numbers as never)
    definition.coefficients(numbers as never, row, this.positions, dtype)
  }
}

/** Cache of the keys of objects and functions. */
const keys = new WeakMap<object, string>()

/**
 * A key that is equal for equal values. Schedules are compared by content, functions are compared by identity, and 0
 * differs from −0.
 */
function makeKey(value: unknown): string {
  if (Object(value) !== value)
    return typeof value === 'string' ? JSON.stringify(value) : Object.is(value, -0) ? '-0' : `${value}`
  const key =
    keys.get(value as object) ??
    (isObject(value)
      ? `{${Object.keys(value).map((name) => `${name}:${makeKey((value as AnyRule)[name])}`)}}`
      : `f${count++}`)
  keys.set(value as object, key)
  return key
}

/** Rules in use by key. */
export type Uses = Map<string, RuleInUse>

/** Finds the rule in use that equals `resolved`, or registers `resolved` as a new one. */
export function findOrAddRule(resolved: ResolvedRule, uses: Uses, fresh?: RuleInUse): RuleInUse {
  const { rule, clip, delay, isDelayed, groupOptions, lrScale } = resolved
  const key = `${makeKey(rule)}${makeKey(clip)}${delay} ${isDelayed} ${groupOptions} ${lrScale}`
  const use = uses.get(key) ?? fresh ?? new RuleInUse(resolved)
  uses.set(key, use)
  return use
}
