/** The tensors of an optimizer: the partitions in memory, and the user's structure. */

import { CLIPPED_PER_TENSOR, GRADIENTS, PARAMETERS, PER_UNIT } from '../arena/manifest.js'
import { groupBy } from '../core/group-by.js'
import type { FloatArray } from '../core/numbers.js'
import { join, renumberShape, type Shape, sortByName, unflatten } from '../core/tensors.js'
import { readLength } from '../core/typed-arrays.js'
import { clipFlags } from '../gradients/clip.js'
import { makeReader, type ShapeReader } from '../gradients/read.js'
import { findOrAddRule, type RuleInUse, type Uses } from '../rules/active-rule.js'
import type { ResolvedRule } from '../rules/resolve.js'
import {
  areMatrices,
  Partition,
  type PartitionSettings,
  partitionKey,
  Tensor,
  type TensorValues,
} from './partition.js'

/**
 * Minimum and maximum number of spare cache lines that a partition reserves for later tensors. More lines would save
 * nothing.
 */
const MIN_SPARE_LINES = 64
const MAX_SPARE_LINES = 4096

export class Model {
  readonly settings: PartitionSettings
  /** The rule of all tensors to which no group assigns a rule. */
  base: RuleInUse
  parts: Partition[] = []
  /** Tensors by their permanent index. */
  tensors: Tensor[] = []
  gradients: FloatArray[] = []
  /** The structure of the user's parameters, with tensor indices as leaves. */
  shape: Shape = []
  #reader: ShapeReader | null = null
  // Derived values, which `settle` computes.
  /** Unfrozen tensors in the order of their names, which is the order of adding their squared norms. */
  live: Tensor[] = []
  /** The rules that have schedules to evaluate. */
  scheduled: RuleInUse[] = []
  /** Whether a call of `gradientPoint` must precede each step. */
  wantsPoint = false
  /** Whether a tensor is clipped separately, and whether gradient norms are measured for any purpose. */
  clips = false
  /** Whether the rows of a tensor are clipped separately. */
  clipsUnits = false
  measures = false
  /** The largest number of stages of any rule. */
  stages = 0
  /** Version number, which increases whenever a tensor's location or rule changes. */
  version = 0
  #isSettled = false
  #uses: RuleInUse[] | null = null
  /** An index of current and former rules; null if rules have changed after the index was built. */
  #found: Uses | null = null
  readonly #byName = new Map<string, Tensor>()
  /** All tensor indices in the order of the names; null if tensors have been added since the last sort. */
  #order: readonly number[] | null = null
  /** The last partition with room for later tensors, for each kind of tensor. */
  readonly #open = new Map<string, Partition>()

  constructor(base: RuleInUse, settings: PartitionSettings) {
    this.base = base
    this.settings = settings
  }

  /**
   * Adds tensors that already have rules; the leaves of `shape` are indices into the list.
   *
   * @throws EngineError or MemoryError; in both cases, the model is unchanged
   */
  add(tensors: readonly Tensor[], values: TensorValues, shape: Shape): void {
    this.#house(tensors, values)
    // Gradients that an engine reads in place follow the order of the arena.
    const isFirst = this.tensors.length === 0
    const ordered = isFirst ? (this.parts[0].tensors as Tensor[]) : tensors
    for (const tensor of ordered) {
      tensor.number = this.tensors.length
      this.tensors.push(tensor)
      this.#register(tensor)
    }
    const numbered = renumberShape(shape, (place) => tensors[place].number)
    if (isFirst) this.shape = numbered
    else join(this.shape, numbered)
    this.#order = null
    this.#reader = null
    this.update()
  }

  /**
   * Appends rows to a tensor. The tensor receives new views, and the old views are filled with NaN.
   *
   * @throws EngineError or MemoryError; in both cases, the model is unchanged
   */
  appendRows(tensor: Tensor, shape: readonly number[], rows: FloatArray): void {
    const { name, length, use, isFrozen, groups } = tensor
    const grown = { name, shape, length: length + readLength(rows) }
    this.#move(new Map([[tensor, new Tensor(grown, use, isFrozen, groups)]]), [rows])
    this.update()
  }

  freeze(tensors: readonly Tensor[]): void {
    for (const tensor of tensors) if (!tensor.isFrozen) tensor.part.freeze(tensor)
    this.update()
  }

  /**
   * Unfreezes tensors. A tensor that was frozen from the start moves, because it has no room for state.
   *
   * @throws EngineError or MemoryError; in both cases, the model is unchanged
   */
  unfreeze(tensors: readonly Tensor[]): void {
    const frozen = tensors.filter(({ isFrozen }) => isFrozen)
    const moving = frozen.filter(({ hasRoom }) => !hasRoom)
    this.#move(
      new Map(moving.map((tensor) => [tensor, new Tensor(tensor, tensor.use, false, tensor.groups)])),
      [],
    )
    for (const tensor of frozen) if (tensor.hasRoom) tensor.part.unfreeze(tensor)
    this.update()
  }

  /** Places tensors in an open partition for tensors of their kind, or in new partitions. */
  #house(tensors: readonly Tensor[], values: TensorValues): void {
    const isFirst = this.parts.length === 0
    const taken = [...groupBy(tensors, isFirst ? () => '' : partitionKey)].map(([kind, alike]) => {
      const last = this.#open.get(kind)
      // After the first averaged point, a new tensor needs its own progress of the average.
      const open = last?.averaged.count === 0 ? last : undefined
      if (open?.takes(alike)) return () => open.take(alike, values)
      // The first tensors reserve no spare lines. From the second call on, spare lines keep the number of partitions
      // low if tensors are added one by one.
      const isOpen = open !== undefined && !areMatrices(alike[0])
      const spare = isOpen ? Math.min(MIN_SPARE_LINES + 2 * open.arena.lengths.length, MAX_SPARE_LINES) : 0
      const part = new Partition(alike, values, this.settings, spare)
      part.isFirst = isFirst
      return () => {
        this.parts.push(part)
        this.#open.set(kind, part)
      }
    })
    for (const take of taken) take()
  }

  /** Replaces tensors by new tensors with the same indices, and appends rows to their values. */
  #move(moves: ReadonlyMap<Tensor, Tensor>, rows: readonly FloatArray[]): void {
    if (moves.size === 0) return
    const pairs = [...moves]
    this.#house(
      [...moves.values()],
      new Map(pairs.map(([from, to]) => [to, [from.view(PARAMETERS), ...rows]])),
    )
    for (const [from, to] of pairs) {
      if (!from.isFrozen) {
        const { state, byTensor } = from
        for (const [name, array] of Object.entries(to.state)) array.set(state[name])
        for (const [name, numbers] of Object.entries(to.byTensor))
          numbers[to.place] = byTensor[name][from.place]
        to.part.setClock(to, from.part.cohorts.clockOf(from.place) ?? { t: 0 })
      }
      for (const array of [GRADIENTS, ...this.settings.planes]) to.view(array).set(from.view(array))
      to.gathered = from.gathered
      to.averaged = { ...from.averaged }
      to.number = from.number
      this.tensors[to.number] = to
      this.#register(to)
      from.part.leave(from.place)
      if (from.part.count === 0) this.parts = this.parts.filter((part) => part !== from.part)
    }
  }

  #register(tensor: Tensor): void {
    this.#byName.set(tensor.name, tensor)
    this.gradients[tensor.number] = tensor.view(GRADIENTS)
  }

  /** Marks derived values as outdated after a change of rules or frozen tensors. */
  update(): void {
    this.#isSettled = false
    this.#uses = null
    this.version++
  }

  /** The distinct rules of all tensors, starting with the base rule. */
  get uses(): readonly RuleInUse[] {
    this.#uses ??= [...new Set([this.base, ...this.tensors.map(({ use }) => use)])]
    return this.#uses
  }

  /** Builds the index of rules again. */
  restart(uses: readonly RuleInUse[]): void {
    this.#found = new Map()
    for (const use of uses) findOrAddRule(use.resolved, this.#found, use)
  }

  /** Finds a registered rule that equals the given rule, or registers the given rule. */
  used(resolved: ResolvedRule): RuleInUse {
    // Usually the rule is the base rule.
    if (resolved === this.base.resolved) return this.base
    if (this.#found === null) this.restart(this.uses)
    return findOrAddRule(resolved, this.#found as Uses)
  }

  /**
   * Computes the values that are derived from the tensors and their rules. The derived values are computed at the next
   * step. A program may make thousands of changes between two steps.
   */
  settle(): void {
    if (this.#isSettled) return
    this.#isSettled = true
    this.#order ??= sortByName(this.shape)
    this.live = this.#order.map((number) => this.tensors[number]).filter(({ isFrozen }) => !isFrozen)
    this.stages = Math.max(...this.parts.map(({ cohorts }) => cohorts.stages))
    const flags = this.live.reduce((all, { use }) => all | clipFlags(use.clip ?? this.settings.clip), 0)
    this.clipsUnits = (flags & PER_UNIT) !== 0
    this.clips = (flags & CLIPPED_PER_TENSOR) !== 0
    this.measures = this.settings.measures || this.clips
    this.wantsPoint = this.live.some(({ use }) => use.definition.wantsPoint)
    this.reschedule()
  }

  /**
   * Evaluates the schedules at update t, counted from 0. The evaluation calls user functions, unless `isPlain`.
   *
   * @throws OptionError if a schedule returns a value outside its option's range, and any exception of a user function
   */
  evaluate(t: number): void {
    const { scheduled } = this
    let isOver = false
    for (let k = 0; k < scheduled.length; k++) {
      scheduled[k].evaluate(t)
      isOver ||= !scheduled[k].isScheduled
    }
    if (isOver) this.reschedule()
  }

  /** Whether no schedule is a function of the user. */
  get isPlain(): boolean {
    const { scheduled } = this
    for (let k = 0; k < scheduled.length; k++) if (!scheduled[k].isPlain) return false
    return true
  }

  /** Collects the rules with schedules after a change. */
  reschedule(): void {
    this.#found = null
    if (this.scheduled.length === 0 && !this.uses.some(({ isScheduled }) => isScheduled)) return
    const uses = new Set(this.live.map(({ use }) => use))
    this.scheduled = [...uses].filter(({ isScheduled }) => isScheduled)
  }

  /** The reader of gradients that have the structure of the parameters. */
  get reader(): ShapeReader {
    this.#reader ??= makeReader(this.shape)
    return this.#reader
  }

  named(name: string): Tensor | undefined {
    return this.#byName.get(name)
  }

  /**
   * Tensors in the order of the user's structure, which a saved run keeps. In a loaded run, the indices of the tensors
   * may be in another order.
   */
  all(): Tensor[] {
    const found: Tensor[] = []
    this.views((tensor) => found.push(tensor))
    return found
  }

  /** Maps each tensor to a value, in the user's structure. */
  views(viewOf: (tensor: Tensor) => unknown): unknown {
    return unflatten(this.shape, (number) => viewOf(this.tensors[number]))
  }
}
