/** The tensors of an optimizer: in which parts they lie, and in which shape the user sees them. */

import { BY_UNIT, CLIPS, GRADIENTS, PARAMETERS } from '../arena/manifest.js'
import { flagsOf } from '../gradients/clip.js'
import { type Reader, readerOf } from '../gradients/read.js'
import type { FloatArray } from '../ground/numbers.js'
import { inOrderOfNames, renumbered, type Shape, unflatten } from '../ground/tensors.js'
import { lengthOf } from '../ground/typed-arrays.js'
import type { RuleInUse } from '../rules/in-use.js'
import { type Averaged, Part, type Settings, Tensor } from './part.js'

export class Model {
  readonly settings: Settings
  /** The rule of tensors that no group gives another one. */
  base: RuleInUse
  parts: Part[] = []
  /** Numbers are places in these lists; a tensor that has moved away leaves a hole. */
  tensors: (Tensor | null)[] = []
  names: string[] = []
  gradients: FloatArray[] = []
  /** By number in the user's shape. */
  shape: Shape = []
  #reader: Reader | null = null
  /** Those that are not frozen, in the order of names in which their parts of a norm are added up. */
  live: Tensor[] = []
  /** The rules of all, once each, the base first; and those that have schedules to evaluate. */
  uses: RuleInUse[] = []
  scheduled: RuleInUse[] = []
  /** For each part, the tensors whose averages have been told the same. */
  averages: readonly (readonly [part: Part, averaged: Averaged, tensors: ReadonlySet<Tensor> | null])[] = []
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

  constructor(base: RuleInUse, settings: Settings) {
    this.base = base
    this.uses = [base]
    this.settings = settings
  }

  /**
   * Adds tensors in a part of their own; `shape` is all that there is then, in which a number ≥ 0 is an old
   * tensor's, and one < 0 that of new tensor −1 − number.
   *
   * @throws EngineError or MemoryError; nothing has changed then
   */
  add(tensors: readonly Tensor[], values: ReadonlyMap<Tensor, readonly FloatArray[]>, shape: Shape): void {
    const part = new Part(tensors, values, this.settings)
    const old = this.tensors
    this.parts.push(part)
    this.#arrange((number) => (number < 0 ? tensors[-1 - number] : (old[number] as Tensor)), shape)
  }

  /**
   * Gives a tensor rows behind its own; what comes back does it. Its views are other ones then, and the old
   * ones NaN.
   *
   * @throws EngineError or MemoryError
   */
  grow(tensor: Tensor, shape: readonly number[], rows: FloatArray): () => void {
    const { name, length, use, isFrozen, groups } = tensor
    const grown = { name, shape, length: length + lengthOf(rows) }
    return this.#move(new Map([[tensor, new Tensor(grown, use, isFrozen, groups)]]), [rows])
  }

  freeze(tensors: readonly Tensor[]): void {
    for (const tensor of tensors) if (!tensor.isFrozen) tensor.part.freeze(tensor)
    this.update()
  }

  /**
   * Thaws those that are frozen; what comes back does it. What was never updated moves, as there is no room
   * for its state.
   *
   * @throws EngineError or MemoryError
   */
  thaw(tensors: readonly Tensor[]): () => void {
    const frozen = tensors.filter(({ isFrozen }) => isFrozen)
    const staying = frozen.filter((tensor) => tensor.part.hasRoom(tensor))
    const moving = frozen
      .filter((tensor) => !tensor.part.hasRoom(tensor))
      .map((tensor) => [tensor, new Tensor(tensor, tensor.use, false, tensor.groups)] as const)
    const move = moving.length === 0 ? () => this.update() : this.#move(new Map(moving), [])
    return () => {
      for (const tensor of staying) tensor.part.thaw(tensor)
      move()
    }
  }

  /** Makes a part for tensors that move, with rows behind those that they have. */
  #move(moves: ReadonlyMap<Tensor, Tensor>, rows: readonly FloatArray[]): () => void {
    const pairs = [...moves]
    const values = pairs.map(([from, to]) => [to, [from.view(PARAMETERS), ...rows]] as const)
    const part = new Part([...moves.values()], new Map(values), this.settings)
    const averages = new Map<Averaged, Averaged>()
    for (const [from, to] of pairs) {
      if (!from.isFrozen) {
        const { state, byTensor } = from
        for (const [name, array] of Object.entries(to.state)) array.set(state[name])
        for (const [name, numbers] of Object.entries(to.byTensor))
          numbers[to.place] = byTensor[name][from.place]
        part.setClock(to, from.part.cohorts.clockOf(from.place) ?? { t: 0 })
      }
      for (const array of [GRADIENTS, ...this.settings.planes]) to.view(array).set(from.view(array))
      to.isGathered = from.isGathered
      to.averaged = averages.get(from.averaged) ?? { ...from.averaged }
      averages.set(from.averaged, to.averaged)
    }
    return () => {
      const old = this.tensors
      for (const [{ part, place }] of pairs) part.leave(place)
      this.parts.push(part)
      const now = (tensor: Tensor) => moves.get(tensor) ?? tensor
      this.#arrange((number) => now(old[number] as Tensor), this.shape)
    }
  }

  /** What follows from the tensors' rules and from which of them are frozen. */
  update(): void {
    this.live = inOrderOfNames(this.shape).flatMap((number) => {
      const tensor = this.tensors[number] as Tensor
      return tensor.isFrozen ? [] : [tensor]
    })
    this.uses = [...new Set([this.base, ...this.all().map(({ use }) => use)])]
    this.stages = Math.max(...this.parts.map(({ cohorts }) => cohorts.stages))
    const flags = this.live.reduce((all, { use }) => all | flagsOf(use.clip ?? this.settings.clip), 0)
    this.clipsUnits = (flags & BY_UNIT) !== 0
    this.clips = (flags & CLIPS) !== 0
    this.measures = this.settings.measures || this.clips
    this.wantsPoint = this.live.some(({ use }) => use.definition.wantsPoint)
    this.reschedule()
    this.averages = this.parts.flatMap((part) => {
      const tensors = part.tensors.filter((tensor) => tensor !== null)
      const alike = [...new Set(tensors.map(({ averaged }) => averaged))]
      return alike.map((one) => {
        const averaging =
          alike.length === 1 ? null : new Set(tensors.filter(({ averaged }) => averaged === one))
        return [part, one, averaging] as const
      })
    })
    this.version++
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

  /** Finds out which rules have schedules. */
  reschedule(): void {
    if (this.scheduled.length === 0 && !this.uses.some(({ isScheduled }) => isScheduled)) return
    const uses = new Set(this.live.map(({ use }) => use))
    this.scheduled = [...uses].filter(({ isScheduled }) => isScheduled)
  }

  /** What reads gradients of that shape. */
  get reader(): Reader {
    this.#reader ??= readerOf(this.shape)
    return this.#reader
  }

  named(name: string): Tensor | undefined {
    return this.tensors[this.names.indexOf(name)] ?? undefined
  }

  /** In the order of the user's shape, which a saved run keeps; that of places it may not. */
  all(): Tensor[] {
    const found: Tensor[] = []
    this.views((tensor) => found.push(tensor))
    return found
  }

  /** In the user's shape. */
  views(viewOf: (tensor: Tensor) => unknown): unknown {
    return unflatten(this.shape, (number) => viewOf(this.tensors[number] as Tensor))
  }

  /** Numbers the tensors of the parts that still have some, one part after the other. */
  #arrange(tensorOf: (number: number) => Tensor, shape: Shape): void {
    this.parts = this.parts.filter(({ tensors }) => tensors.some((tensor) => tensor !== null))
    const numbered: (Tensor | null)[] = []
    for (const part of this.parts) {
      part.first = numbered.length
      for (const tensor of part.tensors) numbered.push(tensor)
    }
    numbered.forEach((tensor, number) => {
      if (tensor !== null) tensor.number = number
    })
    this.tensors = numbered
    this.#reader = null
    this.shape = renumbered(shape, (number) => tensorOf(number).number)
    this.names = numbered.map((tensor) => tensor?.name ?? '')
    this.gradients = this.parts.flatMap((part) =>
      part.tensors.map((_, place) => part.arena.view(GRADIENTS, place)),
    )
    this.update()
  }
}
