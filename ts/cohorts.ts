/**
 * Which tensors are updated alike: those that have the same rule and have had the same updates are a
 * cohort, with one clock and one row of coefficients.
 */

import { type Arena, type Dtype, smallestNormal } from './arena.js'
import { FLUSHES, HOLDS, PIPELINE, POINT, pipeline, STAGES } from './manifest.js'
import { type ClockOf, type Definition, type Fields, stateNames } from './rules/define.js'
import type { Kernel } from './rules/kernel.js'
import type { Resolved } from './rules/resolve.js'
import type { AnyRule } from './rules/rule.js'
import { type Numbers, type RuleSchedule, scheduleOf } from './rules/values.js'

/**
 * After so many updates of a tensor each, subnormal numbers of its state become +0. A pass over the
 * state costs as much as a part of an update; so rarely, it costs next to nothing. A power of 2, for &:
 * % was a tenth of a step of two parameters.
 */
const FLUSHING = 256

type Clock = ClockOf<Fields>

/** A rule that tensors have, with its options at the update under way. */
export class RuleInUse {
  readonly definition: Definition
  /** The definition's; objects of this class are alike for the compiler, and definitions are not. */
  readonly advance: Definition['advance']
  readonly corrections: Definition['corrections']
  readonly delay: number
  /** The kernels of a step, in order, and the one for the point where a gradient is wanted. */
  readonly stages: readonly Kernel[]
  readonly point: Kernel | undefined
  /** The numbers of all of these, by stage; 0 for none. */
  readonly kernels: number[]
  readonly state: readonly string[]
  /** The names of what it has by tensor; stages may leave off the end of both lists. */
  readonly byTensor: readonly string[]
  /** The options, schedules among them; another one after `set`. */
  rule: AnyRule
  numbers!: Numbers
  /** Counts changes of the numbers. */
  version = 0
  #schedule!: RuleSchedule | null
  #isConstant = false

  constructor({ rule, definition, delay }: Resolved) {
    this.definition = definition
    this.advance = definition.advance
    this.corrections = definition.corrections
    this.delay = delay
    this.stages = definition.stages(rule as never)
    this.point = definition.point(rule as never)
    this.kernels = Array.from({ length: STAGES }, (_, stage) => this.stages[stage]?.number ?? 0)
    this.kernels[POINT] = this.point?.number ?? 0
    this.state = stateNames(definition, rule as never)
    this.byTensor = [...new Set(this.stages.flatMap(({ tensor }) => tensor))]
    this.rule = rule
    this.change(rule)
  }

  change(rule: AnyRule): void {
    this.rule = rule
    this.#schedule = scheduleOf(this.definition, rule)
    this.#isConstant = this.#schedule === null
    if (this.#isConstant) this.numbers = rule as unknown as Numbers
    this.version++
  }

  /** Whether state that there is goes on to be right under other options. */
  keepsState(rule: AnyRule): boolean {
    const { definition } = this
    const stages = definition.stages(rule as never)
    if (stages.length !== this.stages.length || definition.point(rule as never) !== this.point) return false
    for (let k = 0; k < stages.length; k++) if (stages[k] !== this.stages[k]) return false
    const starts: Readonly<Record<string, unknown>> = definition.starts(rule as never)
    const before: Readonly<Record<string, unknown>> = definition.starts(this.rule as never)
    for (const name of this.state) if (starts[name] !== before[name]) return false
    return true
  }

  /** Whether `evaluate` has anything to do. */
  get isScheduled(): boolean {
    return !this.#isConstant
  }

  /** Evaluates what is scheduled at update t, from 0. Functions of the user may run, and throw. */
  evaluate(t: number): void {
    const schedule = this.#schedule
    if (schedule === null) return
    this.numbers = schedule.at(t)
    this.#isConstant = t >= schedule.constantFrom
    this.version++
  }

  /** Whether subnormal numbers of the state may be flushed. */
  flushes(dtype: Dtype): boolean {
    return this.definition.flushes(this.numbers as never, smallestNormal[dtype])
  }

  /** Writes what the clock does not change into a row; `scale` is the gradients' factor. */
  write(row: Float64Array, scale: number, limit: number): void {
    const { definition, numbers } = this
    row[pipeline.scale] = (numbers as { maximize?: unknown }).maximize === true ? -scale : scale
    row[pipeline.limit] = limit
    row[pipeline.l2] = definition.l2(numbers as never)
    row[pipeline.decay] = definition.decay(numbers as never)
    definition.coefficients(numbers as never, row)
  }
}

/** The most coefficients that a row of some rule has. */
export function coefficientsOf({ definition }: RuleInUse): number {
  const places = definition.kernels.flatMap(({ row }) => Object.values(row))
  return Math.max(...places, PIPELINE - 1) + 1 - PIPELINE
}

interface Cohort {
  readonly use: RuleInUse
  clock: Clock
  /** The clock of the update under way, which becomes the clock once it is done. */
  next: Clock
  segments: number[]
  /** Its tensors that are updated, by number. */
  tensors: number[]
  /** The number of its row. */
  row: number
  /** What its row and segments have been told; they are told again only when it changes. */
  version: number
  scale: number
  flags: number
}

export class Cohorts {
  /** How many stages a step has. */
  readonly stages: number
  /** Whether the cohorts at hand cover every tensor, as they do in most runs for good. */
  isComplete = false
  readonly #arena: Arena
  readonly #rows: readonly Float64Array[]
  readonly #limit: number
  readonly #firstArrays: readonly number[]
  readonly #cohortOf: Cohort[]
  #active: Cohort[] = []

  /**
   * @param uses the rule of each tensor, in the arena's order
   * @param firstArrays the number of each tensor's first array of state
   * @param limit the largest absolute value of an element of a gradient
   */
  constructor(arena: Arena, uses: readonly RuleInUse[], firstArrays: readonly number[], limit: number) {
    this.#arena = arena
    this.#rows = uses.map((_, i) => arena.row(i))
    this.#limit = limit
    this.#firstArrays = firstArrays
    this.stages = Math.max(...uses.map(({ stages }) => stages.length))
    const cohorts = new Map<RuleInUse, Cohort>()
    this.#cohortOf = uses.map((use) => {
      const known = cohorts.get(use)
      if (known !== undefined) return known
      const cohort = this.#cohort(use)
      cohorts.set(use, cohort)
      return cohort
    })
  }

  /** A cohort with a clock of its own, which shows the time of another one or the beginning. */
  #cohort(use: RuleInUse, time?: Clock): Cohort {
    // Both are made in one place: for the compiler they are alike then.
    const clock = (): Clock => Object.assign({ t: 0, ...use.definition.clock }, time)
    const started = { segments: [], tensors: [], row: 0, version: -1, scale: 1, flags: 0 }
    return { use, clock: clock(), next: clock(), ...started }
  }

  /** How many updates a tensor has had. */
  updatesOf(tensor: number): number {
    return this.#cohortOf[tensor].clock.t
  }

  /**
   * Makes the segments of the tensors that are present: neighbours of one cohort are one. Those that are
   * left out keep their clock, and the others of their cohort get a copy of it.
   */
  layOut(isPresent: (tensor: number) => boolean): void {
    const cohortOf = this.#cohortOf
    const left = new Set(cohortOf.filter((_, i) => !isPresent(i)))
    const copies = new Map<Cohort, Cohort>()
    const active = new Set<Cohort>()
    let count = 0
    let first = 0
    let previous = -1
    for (let i = 0; i < cohortOf.length; i++) {
      if (!isPresent(i)) continue
      let cohort = cohortOf[i]
      if (left.has(cohort)) {
        const copy = copies.get(cohort) ?? this.#cohort(cohort.use, cohort.clock)
        copies.set(cohort, copy)
        cohort = copy
        cohortOf[i] = copy
      }
      if (!active.has(cohort)) {
        cohort.row = active.size
        cohort.segments = []
        cohort.tensors = []
        cohort.version = -1
        cohort.flags = 0
        active.add(cohort)
      }
      const isNext = count > 0 && previous === i - 1 && cohort === cohortOf[previous]
      if (!isNext) {
        first = i
        cohort.segments.push(count++)
      }
      const array = this.#firstArrays[i]
      const byTensor = array + cohort.use.state.length
      this.#arena.setSegment(count - 1, first, i, array, byTensor, cohort.row, cohort.use.kernels)
      cohort.tensors.push(i)
      previous = i
    }
    this.#arena.segmentCount = count
    this.#active = [...active]
    this.isComplete = left.size === 0
  }

  /** Writes the coefficients of the next update; `scale` is the gradients' factor. No clock has moved yet. */
  prepare(scale: number): void {
    const active = this.#active
    for (let c = 0; c < active.length; c++) {
      const cohort = active[c]
      const { use, clock, next } = cohort
      const row = this.#rows[cohort.row]
      const { advance, corrections, numbers, delay } = use
      next.t = clock.t + 1
      advance?.(clock, numbers as never, next)
      if (cohort.version !== use.version || cohort.scale !== scale) {
        use.write(row, scale, this.#limit)
        cohort.version = use.version
        cohort.scale = scale
      }
      corrections?.(numbers as never, next, row)
      const isFlushing = (next.t & (FLUSHING - 1)) === 0 && use.flushes(this.#arena.dtype)
      const flags = (next.t <= delay ? HOLDS : 0) | (isFlushing ? FLUSHES : 0)
      if (flags !== cohort.flags) this.#flag(cohort, flags)
    }
  }

  /** Apart from `prepare`, which is faster without a loop in it. */
  #flag(cohort: Cohort, flags: number): void {
    for (const segment of cohort.segments) this.#arena.setFlags(segment, flags)
    cohort.flags = flags
  }

  /** Makes what some tensors have by tensor ready for the stage after `stage`. */
  between(stage: number): void {
    for (const { use, tensors, next } of this.#active) {
      const { between } = use.definition
      if (between === undefined || stage + 1 >= use.stages.length) continue
      const names = use.byTensor
      for (const i of tensors) {
        const first = this.#firstArrays[i] + use.state.length
        const arrays = names.map((name, k) => [name, this.#arena.numbers(first + k)] as const)
        between(use.numbers as never, next, Object.fromEntries(arrays), i, stage)
      }
    }
  }

  /** The update is done: clocks move. */
  commit(): void {
    const active = this.#active
    for (let c = 0; c < active.length; c++) {
      const cohort = active[c]
      const { clock, next } = cohort
      cohort.clock = next
      cohort.next = clock
    }
  }

  /** Writes the coefficients for the points where the next gradients are wanted. */
  preparePoint(): void {
    for (const cohort of this.#active) {
      if (cohort.use.point === undefined) continue
      cohort.use.write(this.#rows[cohort.row], 1, Infinity)
      cohort.version = -1
    }
  }
}
