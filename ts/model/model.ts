/** The tensors of an optimizer: in which parts they lie, and in which shape the user sees them. */

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

/** Lines of memory that a part leaves for tensors to come: more of them save nothing. */
const MIN_SPARE_LINES = 64
const MAX_SPARE_LINES = 4096

export class Model {
  readonly settings: PartitionSettings
  /** The rule of tensors that no group gives another one. */
  base: RuleInUse
  parts: Partition[] = []
  /** By number, which each keeps for good. */
  tensors: Tensor[] = []
  gradients: FloatArray[] = []
  /** By number in the user's shape. */
  shape: Shape = []
  #reader: ShapeReader | null = null
  // What follows from these, once `settle` was called.
  /** Those that are not frozen, in the order of names in which their parts of a norm are added up. */
  live: Tensor[] = []
  /** The rules that have schedules to evaluate. */
  scheduled: RuleInUse[] = []
  /** Whether a step without a look at the points is an error. */
  wantsPoint = false
  /** Whether some tensor is clipped by itself, and whether the norm is wanted, for that or anything else. */
  clips = false
  /** Whether some is clipped by unit. */
  clipsUnits = false
  measures = false
  /** How many stages the longest of the rules has. */
  stages = 0
  /** Counts changes of what lies where. */
  version = 0
  #isSettled = false
  #uses: RuleInUse[] | null = null
  /** These and those that no tensor has any more, to find one; null where they say other things by now. */
  #found: Uses | null = null
  readonly #byName = new Map<string, Tensor>()
  /** All numbers in the order of names; null where tensors have come since. */
  #order: readonly number[] | null = null
  /** By kind of tensors, the last part that was made for some that came later. */
  readonly #open = new Map<string, Partition>()

  constructor(base: RuleInUse, settings: PartitionSettings) {
    this.base = base
    this.settings = settings
  }

  /**
   * Adds tensors of these rules; `shape` is theirs, in which their numbers are places in the list.
   *
   * @throws EngineError or MemoryError; nothing has changed then
   */
  add(tensors: readonly Tensor[], values: TensorValues, shape: Shape): void {
    this.#house(tensors, values)
    // Gradients that are lent to an engine are in the order of its arena.
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
   * Gives a tensor rows behind its own. Its views are other ones then, and the old ones NaN.
   *
   * @throws EngineError or MemoryError; nothing has changed then
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
   * Thaws those that are frozen. What was never updated moves, as there is no room for its state.
   *
   * @throws EngineError or MemoryError; nothing has changed then
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

  /** Finds room for tensors: where others of their kind came before, or in parts of their own. */
  #house(tensors: readonly Tensor[], values: TensorValues): void {
    const isFirst = this.parts.length === 0
    const taken = [...groupBy(tensors, isFirst ? () => '' : partitionKey)].map(([kind, alike]) => {
      const last = this.#open.get(kind)
      // Later it would have averages of its own for each that comes.
      const open = last?.averaged.count === 0 ? last : undefined
      if (open?.takes(alike)) return () => open.take(alike, values)
      // The first have what they need; from the second call on, tensors that come one by one are to be in few parts.
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

  /** Tensors become others with the same numbers, with rows behind those that they have. */
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

  /** What follows from the tensors' rules and from which of them are frozen has to be found again. */
  update(): void {
    this.#isSettled = false
    this.#uses = null
    this.version++
  }

  /** The rules of all, once each, the base first. */
  get uses(): readonly RuleInUse[] {
    this.#uses ??= [...new Set([this.base, ...this.tensors.map(({ use }) => use)])]
    return this.#uses
  }

  /** Finds these from now on. */
  restart(uses: readonly RuleInUse[]): void {
    this.#found = new Map()
    for (const use of uses) findOrAddRule(use.resolved, this.#found, use)
  }

  /** One of these that says the same, or a new one. */
  used(resolved: ResolvedRule): RuleInUse {
    // Most often it is this one.
    if (resolved === this.base.resolved) return this.base
    if (this.#found === null) this.restart(this.uses)
    return findOrAddRule(resolved, this.#found as Uses)
  }

  /** Finds it: not at each change, as there may be thousands in a row. */
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
   * Evaluates the schedules at update t, from 0. Functions of the user may run, unless `isPlain`.
   *
   * @throws OptionError where one gives a value out of its option's range, and whatever a function throws
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

  /** Whether no function of the user's is among the schedules. */
  get isPlain(): boolean {
    const { scheduled } = this
    for (let k = 0; k < scheduled.length; k++) if (!scheduled[k].isPlain) return false
    return true
  }

  /** Finds out which rules have schedules, where they have changed. */
  reschedule(): void {
    this.#found = null
    if (this.scheduled.length === 0 && !this.uses.some(({ isScheduled }) => isScheduled)) return
    const uses = new Set(this.live.map(({ use }) => use))
    this.scheduled = [...uses].filter(({ isScheduled }) => isScheduled)
  }

  /** What reads gradients of that shape. */
  get reader(): ShapeReader {
    this.#reader ??= makeReader(this.shape)
    return this.#reader
  }

  named(name: string): Tensor | undefined {
    return this.#byName.get(name)
  }

  /** In the order of the user's shape, which a saved run keeps; that of places it may not. */
  all(): Tensor[] {
    const found: Tensor[] = []
    this.views((tensor) => found.push(tensor))
    return found
  }

  /** In the user's shape. */
  views(viewOf: (tensor: Tensor) => unknown): unknown {
    return unflatten(this.shape, (number) => viewOf(this.tensors[number]))
  }
}
