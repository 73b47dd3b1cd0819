/** A rule that tensors have, with its options at the update under way. */

import type { Kernel } from '../arena/kernel.js'
import { PIPELINE_DECAY, PIPELINE_L2, PIPELINE_LIMIT, PIPELINE_SCALE, POINT } from '../arena/manifest.js'
import { type Dtype, type Matrix, smallestNormal } from '../core/numbers.js'
import { createRecord, isObject } from '../core/untrusted-input.js'
import type { TensorLimits } from '../gradients/clip.js'
import { type CounterFields, type Definition, lineStateNames, stateNames } from './define.js'
import { addDelay, isMatrix, type ResolvedRule } from './resolve.js'
import type { AnyRule } from './rule.js'
import { makeRuleSchedule, type RuleNumbers, type RuleSchedule } from './values.js'

/** How many there were. */
let count = 0

export class RuleInUse {
  /** No other has it. */
  readonly number = count++
  declare readonly definition: Definition
  /** The definition's; objects of this class are alike for the compiler, and definitions are not. */
  declare readonly advance: Definition['advance']
  declare readonly corrections: Definition['corrections']
  declare readonly delay: number
  declare readonly isDelayed: boolean
  declare readonly groupOptions: readonly string[] | null
  declare readonly lrScale: number
  declare readonly clip: TensorLimits | null
  /** The kernels of a step, in order, and the one for the point where a gradient is wanted. */
  declare readonly stages: readonly Kernel[]
  /** Where in a row the first one's coefficients stand. */
  declare readonly positions: Kernel['row']
  declare readonly point: Kernel | undefined
  /** The numbers of all of these, by stage; holes for none. */
  declare readonly kernels: number[]
  /** Those that its segments have at every update. */
  declare readonly flags: number
  declare readonly state: readonly string[]
  /** Those of these that have numbers by row and by column. */
  declare readonly lines: readonly string[]
  /** The names of what it has by tensor; stages may leave off the end of both lists. */
  declare readonly byTensor: readonly string[]
  /** The options, schedules among them; another one after `set`. */
  rule!: AnyRule
  numbers!: RuleNumbers
  /** What clocks of all its tensors have in common, where they show anything yet. */
  shared: CounterFields
  /** The t of these, where they are scheduled; −1 before any. */
  evaluated = -1
  /** Counts changes of the numbers. */
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
    // A copy: groups with clips of their own have the same rule, and sums over all tensors are kept by its numbers.
    this.change(rule, { ...rule })
  }

  /** The rule as the user sees it: frozen. */
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

  /** Whether state that there is goes on to be right under other options. */
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

  /** Rows and columns of each of the matrices that a tensor is, and how many these are; null if it is none. */
  matrixOf(shape: readonly number[] | undefined, length: number): Matrix | null {
    if (!isMatrix(shape)) return null
    const [rows, columns] = this.definition.matrix(shape)
    return [rows, columns, length === 0 ? 0 : length / (rows * columns)]
  }

  /** How long an array of state is of a tensor of this shape. */
  lengthOf(name: string, shape: readonly number[] | undefined, length: number): number {
    const line = this.lines.indexOf(name)
    if (line < 0) return length
    const matrix = this.matrixOf(shape, length)
    return matrix === null ? 0 : matrix[line] * matrix[2]
  }

  /** Whether `evaluate` has anything to do. */
  get isScheduled(): boolean {
    return !this.#isConstant
  }

  /** Whether no function of the user's is in its schedules. */
  get isPlain(): boolean {
    return this.#schedule?.isPlain ?? true
  }

  /** Evaluates what is scheduled at update t, from 0. Functions of the user may run, and throw. */
  evaluate(t: number): void {
    const schedule = this.#schedule
    if (schedule === null) return
    this.numbers = schedule.at(t)
    this.evaluated = t
    this.#isConstant = t >= schedule.constantFrom
    this.version++
  }

  /** The same of a tensor that comes to it, unless it has been said already: it is the rule's, and not a tensor's. */
  adopt(clock: CounterFields): void {
    if (this.definition.estimateShared && makeKey(this.shared) === makeKey(this.definition.shared))
      this.share(clock)
  }

  /** Takes over from a clock what all have in common. */
  share(clock: CounterFields): void {
    this.shared = createRecord(Object.keys(this.shared), (name) => clock[name])
  }

  /** Whether subnormal numbers of the state may be flushed. */
  flushes(dtype: Dtype): boolean {
    return this.definition.flushes(this.numbers as never, smallestNormal[dtype])
  }

  /** Writes what the clock does not change into a row; `scale` is the gradients' factor. */
  write(row: Float64Array, scale: number, limit: number, dtype: Dtype): void {
    const { definition, numbers } = this
    row[PIPELINE_SCALE] = (numbers as { maximize?: unknown }).maximize === true ? -scale : scale
    row[PIPELINE_LIMIT] = limit
    row[PIPELINE_L2] = definition.l2(numbers as never)
    row[PIPELINE_DECAY] = definition.decay(numbers as never)
    definition.coefficients(numbers as never, row, this.positions, dtype)
  }
}

/** What objects and functions say, once each. */
const keys = new WeakMap<object, string>()

/**
 * The same string for what says the same, and goes on to: schedules by what they say, functions by what they are, and 0
 * is not −0.
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

/** Rules in use, by what they say. */
export type Uses = Map<string, RuleInUse>

/** Finds a rule that is in use already, or takes one into use. */
export function findOrAddRule(resolved: ResolvedRule, uses: Uses, fresh?: RuleInUse): RuleInUse {
  const { rule, clip, delay, isDelayed, groupOptions, lrScale } = resolved
  const key = `${makeKey(rule)}${makeKey(clip)}${delay} ${isDelayed} ${groupOptions} ${lrScale}`
  const use = uses.get(key) ?? fresh ?? new RuleInUse(resolved)
  uses.set(key, use)
  return use
}
