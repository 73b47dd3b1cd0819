/**
 * Cohorts, which are groups of tensors that are updated in the same way. Tensors with the same rule and the same update
 * counts form a cohort, which has one clock and one row of coefficients.
 */

import type { Arena } from '../arena/arena.js'
import { BY_ROW, FLUSH_STATE, HOLD_PARAMS } from '../arena/manifest.js'
import { groupBy } from '../core/group-by.js'
import { createRecord } from '../core/untrusted-input.js'
import { extensions } from '../extensions.js'
import { clipFlags, type PlacedTensor, type TensorLimits } from '../gradients/clip.js'
import type { RuleInUse } from '../rules/active-rule.js'
import type { CounterFields, CounterOf, SharedMember } from '../rules/define.js'

/**
 * Number of updates of a tensor after which its subnormal state values are set to +0. A flush takes less time than an
 * update, so rare flushes take almost no time.
 */
export const FLUSH_INTERVAL = 256

/** The counters of the updates of a tensor. */
export type UpdateCounter = CounterOf<CounterFields>

/** The gradient of a tensor in a step: absent, complete, or limited to listed rows. */
export const ABSENT_GRADIENT = 0
export const WHOLE_GRADIENT = 1
export const ROW_GRADIENT = 2

/** Returns the kind of gradient of each tensor. */
export type GradientPresence = (
  tensor: number,
) => typeof ABSENT_GRADIENT | typeof WHOLE_GRADIENT | typeof ROW_GRADIENT

interface RuleCohort {
  readonly use: RuleInUse
  clock: UpdateCounter
  /** The clock of the current update, which replaces `clock` when the update is complete. */
  next: UpdateCounter
  segments: number[]
  /** The indices of the tensors that are updated. */
  tensors: number[]
  /** The index of the coefficient row, and the coefficient row itself. */
  row: number
  numbers: Float64Array
  /**
   * The state for which the row and the segments were last written. The row and the segments are rewritten only if the
   * state changes.
   */
  version: number
  scale: number
  flags: number
  /** The next update at which the flags may change, counted from 1. */
  due: number
  /** The flags that the segments have at every update. */
  readonly always: number
}

/**
 * Returns the next count of updates. The count stops at 2⁵³ − 1, because a larger count would be invalid in a saved
 * run.
 */
export const nextCount = (count: number): number => (count < Number.MAX_SAFE_INTEGER ? count + 1 : count)

export class Cohorts {
  /** The number of stages in a step. */
  stages = 0
  readonly #arena: Arena
  /** Coefficient rows, which are created on demand. */
  readonly #rows: Float64Array[] = []
  readonly #limit: number
  readonly #clip: TensorLimits
  readonly #firstArrays: readonly number[]
  /** The cohort of each tensor; null for a tensor that is never updated. */
  readonly #cohortOf: (RuleCohort | null)[] = []
  /** The kind of gradient per tensor for which the current segments were built; null if they must be rebuilt. */
  #laidOut: readonly number[] | null = null
  /** Whether the segments cover all updated tensors completely. In most runs, the value is always true. */
  #isComplete = false
  #active: RuleCohort[] = []

  /**
   * @param firstArrays the index of each tensor's first state array
   * @param limit the maximum absolute value of a gradient element
   * @param clip the default clipping of each tensor, unless a group sets another clipping
   */
  constructor(arena: Arena, firstArrays: readonly number[], limit: number, clip: TensorLimits = {}) {
    this.#arena = arena
    this.#limit = limit
    this.#clip = clip
    this.#firstArrays = firstArrays
  }

  /** Creates a cohort with the given clock. */
  #cohort(use: RuleInUse, clock: UpdateCounter): RuleCohort {
    const always = use.flags | clipFlags(use.clip ?? this.#clip)
    return {
      use,
      clock,
      next: copyCounter(use, clock),
      segments: [],
      tensors: [],
      row: 0,
      numbers: NO_ROW,
      version: -1,
      scale: 1,
      flags: always,
      due: 0,
      always,
    }
  }

  /**
   * Assigns a tensor to a rule, with the clock `time` or a new clock. If the rule is null, the tensor is not updated
   * any more.
   */
  assign(tensor: number, use: RuleInUse | null, time?: Readonly<UpdateCounter>): void {
    this.#laidOut = null
    this.#isComplete = false
    if (use === null) {
      this.#cohortOf[tensor] = null
      return
    }
    if (time !== undefined) use.adopt(time)
    const clock = copyCounter(use, time)
    // Usually the cohort of the neighbor matches. Matching cohorts farther away are merged when segments are built.
    const neighbor = this.#cohortOf[tensor - 1]
    const isLike = neighbor?.use === use && hasSameCounts(neighbor.clock, clock)
    this.#cohortOf[tensor] = isLike ? neighbor : this.#cohort(use, clock)
    this.stages = Math.max(this.stages, use.stages.length)
  }

  /** The number of updates of a tensor. */
  updatesOf(tensor: number): number {
    return this.#cohortOf[tensor]?.clock.t ?? 0
  }

  /** A copy of a tensor's clock; undefined for a tensor that is never updated. */
  clockOf(tensor: number): UpdateCounter | undefined {
    const cohort = this.#cohortOf[tensor]
    return cohort === null ? undefined : { ...cohort.clock }
  }

  /** Whether there are no segments. */
  get isEmpty(): boolean {
    return this.#active.length === 0
  }

  /**
   * Builds the segments of the tensors with gradients, unless the segments are current. Neighboring tensors of one
   * cohort form one segment. Tensors without a gradient keep the clock of the cohort, and tensors with a gradient
   * continue with a copy of the clock.
   */
  layOut(presence: GradientPresence | null): void {
    // This code is a separate method, because functions with closures slow down every call.
    if (presence !== null || !this.#isComplete) this.#layOut(presence)
  }

  /** Merges cohorts that have the same rule and equal update counts. */
  #join(): void {
    const cohorts = new Set(this.#cohortOf.filter((cohort) => cohort !== null))
    const joined = new Map<RuleCohort | null, RuleCohort>()
    for (const alike of groupBy(
      cohorts,
      ({ use, clock }) => `${use.number} ${Object.values(clock)}`,
    ).values()) {
      // −0 and 0 have the same key.
      for (const cohort of alike)
        joined.set(cohort, hasSameCounts(alike[0].clock, cohort.clock) ? alike[0] : cohort)
    }
    this.#cohortOf.forEach((cohort, i) => {
      this.#cohortOf[i] = joined.get(cohort) ?? null
    })
  }

  #layOut(presence: GradientPresence | null): void {
    if (this.#laidOut === null) this.#join()
    const cohortOf = this.#cohortOf
    const wanted = (i: number) =>
      cohortOf[i] === null ? ABSENT_GRADIENT : presence === null ? WHOLE_GRADIENT : presence(i)
    if (this.#laidOut?.every((was, i) => was === wanted(i))) return
    const laidOut = cohortOf.map((_, i) => wanted(i))
    const left = new Set(cohortOf.filter((cohort, i) => cohort !== null && laidOut[i] === ABSENT_GRADIENT))
    const copies = new Map<RuleCohort, RuleCohort>()
    const active = new Set<RuleCohort>()
    let count = 0
    let first = 0
    let previous = -1
    for (let i = 0; i < cohortOf.length; i++) {
      let cohort = cohortOf[i]
      if (cohort === null || laidOut[i] === ABSENT_GRADIENT) continue
      if (left.has(cohort)) {
        const copy: RuleCohort =
          copies.get(cohort) ?? this.#cohort(cohort.use, copyCounter(cohort.use, cohort.clock))
        copies.set(cohort, copy)
        cohort = copy
        cohortOf[i] = copy
      }
      if (!active.has(cohort)) {
        cohort.row = active.size
        cohort.numbers = this.#rows[cohort.row] ??= this.#arena.row(cohort.row)
        cohort.segments = []
        cohort.tensors = []
        cohort.version = -1
        cohort.flags = cohort.always
        cohort.due = 0
        active.add(cohort)
      }
      const isNext =
        count > 0 &&
        previous === i - 1 &&
        laidOut[i] === WHOLE_GRADIENT &&
        laidOut[previous] === WHOLE_GRADIENT &&
        cohort === cohortOf[previous] &&
        this.#firstArrays[i] === this.#firstArrays[previous]
      if (!isNext) {
        first = i
        cohort.segments.push(count++)
      }
      const array = this.#firstArrays[i]
      const { use, row, always } = cohort
      const byTensor = array + use.state.length
      const flags = laidOut[i] === ROW_GRADIENT ? always | BY_ROW : always
      this.#arena.setSegment(count - 1, first, i, array, byTensor, row, use.kernels, flags)
      cohort.tensors.push(i)
      previous = i
    }
    this.#arena.segmentCount = count
    this.#active = [...active]
    this.#laidOut = laidOut
    this.#isComplete = left.size === 0 && !laidOut.includes(ROW_GRADIENT)
  }

  /**
   * Writes the coefficients of the next update; `scale` is the factor by which gradients are multiplied. The method
   * `commit` advances the clocks later.
   */
  prepare(scale: number): void {
    const active = this.#active
    for (let c = 0; c < active.length; c++) {
      const cohort = active[c]
      const { use, clock, next, numbers: row } = cohort
      const { advance, corrections, numbers, positions } = use
      next.t = nextCount(clock.t)
      advance?.(clock, numbers as never, next)
      if (cohort.version !== use.version || cohort.scale !== scale) {
        use.write(row, scale, this.#limit, this.#arena.dtype)
        cohort.version = use.version
        cohort.scale = scale
      }
      corrections?.(numbers as never, next, row, positions)
      if (next.t >= cohort.due) this.#flagFor(cohort, next.t)
    }
  }

  /**
   * Sets the flags of a cohort for update t, and determines the next update at which the flags may change. The loop is
   * a separate function, which makes `prepare` faster.
   */
  #flagFor(cohort: RuleCohort, t: number): void {
    const { use, always } = cohort
    const isFlushing = t % FLUSH_INTERVAL === 0 && use.flushes(this.#arena.dtype)
    const flags = always | (t <= use.delay ? HOLD_PARAMS : 0) | (isFlushing ? FLUSH_STATE : 0)
    if (flags !== cohort.flags) this.#flag(cohort, flags)
    cohort.due = flags === always ? (Math.floor(t / FLUSH_INTERVAL) + 1) * FLUSH_INTERVAL : t + 1
  }

  /** Writes the coefficients of the stage UNITS; `tensors` contains the tensors of the arena. */
  prepareUnits(scale: number, tensors: readonly (PlacedTensor | null)[]): void {
    for (const cohort of this.#active) {
      const placed = cohort.tensors.map((i) => tensors[i] as PlacedTensor)
      const { use, clock, numbers } = cohort
      extensions.writeUnitClips?.(numbers, use.clip ?? this.#clip, scale, clock.t, placed)
      cohort.version = -1
    }
  }

  #flag(cohort: RuleCohort, flags: number): void {
    for (const segment of cohort.segments) this.#arena.setFlags(segment, flags)
    cohort.flags = flags
  }

  /** Prepares the values per tensor for the stage that follows `stage`. */
  between(stage: number): void {
    const { lengths, matrices } = this.#arena
    for (const { use, tensors, next } of this.#active) {
      const { between } = use.definition
      if (between === undefined || stage + 1 >= use.stages.length || tensors.length === 0) continue
      // Tensors of one partition with the same rule use the same arrays.
      const first = this.#firstArrays[tensors[0]] + use.state.length
      const arrays = createRecord(use.byTensor, (_, k) => this.#arena.numbers(first + k))
      for (const i of tensors)
        between(use.numbers as never, next, arrays, i, stage, lengths[i], matrices[i][0])
    }
  }

  /** A tensor, as the argument of rules that combine sums over all their tensors. */
  member(tensor: number): SharedMember {
    const cohort = this.#cohortOf[tensor] as RuleCohort
    const { use, clock, next, numbers } = cohort
    const isActive = (this.#laidOut?.[tensor] ?? ABSENT_GRADIENT) !== ABSENT_GRADIENT
    const first = this.#firstArrays[tensor] + use.state.length
    return {
      clock: isActive ? next : clock,
      row: isActive ? numbers : null,
      sums: createRecord(use.byTensor, (_, k) => this.#arena.numbers(first + k)[tensor]),
      hold: () => {
        Object.assign(next, clock)
        this.#flag(cohort, cohort.flags | HOLD_PARAMS)
        cohort.due = 0
      },
    }
  }

  /** Completes an update by advancing the clocks. */
  commit(): void {
    const active = this.#active
    for (let c = 0; c < active.length; c++) {
      const cohort = active[c]
      const { clock, next } = cohort
      cohort.clock = next
      cohort.next = clock
    }
  }

  /** Writes the coefficients of the kernel that `gradientPoint` runs. */
  preparePoint(): void {
    for (const cohort of this.#active) {
      if (cohort.use.point === undefined) continue
      cohort.use.write(cohort.numbers, 1, Infinity, this.#arena.dtype)
      cohort.version = -1
    }
  }
}

const NO_ROW = new Float64Array()

/**
 * Copies a clock, or makes a new clock. All clocks of a rule have the same properties, so that the compiler optimizes
 * access.
 */
const copyCounter = (use: RuleInUse, time?: Readonly<UpdateCounter>): UpdateCounter =>
  Object.assign({ t: 0, ...use.definition.clock, ...use.shared }, time)

function hasSameCounts(a: UpdateCounter, b: UpdateCounter): boolean {
  for (const name in a)
    if (!Object.is((a as Record<string, number>)[name], (b as Record<string, number>)[name])) return false
  return true
}
