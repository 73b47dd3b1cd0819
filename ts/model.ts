/** The tensors of an optimizer: in which parts they lie, and in which shape the user sees them. */

import { AVERAGE, GRADIENTS, PARAMETERS, SLOW } from './manifest.js'
import { type Averaged, Part, type Settings, Tensor } from './part.js'
import type { RuleInUse } from './rules/in-use.js'
import type { FloatArray } from './rules/kernel.js'
import { inOrderOfNames, renumbered, type Shape, unflatten } from './tensors.js'

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
  /** Those that are not frozen, in the order of names in which their parts of a norm are added up. */
  live: Tensor[] = []
  /** The rules of all, once each, the base first; and those that have schedules to evaluate. */
  uses: RuleInUse[] = []
  scheduled: RuleInUse[] = []
  /** For each part, the tensors whose averages have been told the same. */
  averages: readonly (readonly [part: Part, averaged: Averaged, tensors: ReadonlySet<Tensor> | null])[] = []
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
  add(tensors: readonly Tensor[], values: ReadonlyMap<Tensor, FloatArray>, shape: Shape): void {
    const part = new Part(tensors, values, this.settings)
    const old = this.tensors
    this.parts.push(part)
    this.#arrange((number) => (number < 0 ? tensors[-1 - number] : (old[number] as Tensor)), shape)
  }

  /**
   * Moves a tensor to a part of its own, with more rows behind its own or none: its views are other ones
   * then, and the old ones NaN.
   *
   * @throws EngineError or MemoryError; nothing has changed then
   */
  move(tensor: Tensor, shape: readonly number[] | undefined, isFrozen: boolean, rows: FloatArray): void {
    const { part: from, place, use, groups, name, length } = tensor
    const moved = new Tensor({ name, shape, length: length + rows.length }, use, isFrozen, groups)
    const joined = (array: number): FloatArray => {
      const whole =
        this.settings.dtype === 'float32'
          ? new Float32Array(length + rows.length)
          : new Float64Array(length + rows.length)
      whole.set(from.arena.view(array, place))
      whole.set(rows, length)
      return whole
    }
    const { planes } = this.settings
    const part = new Part([moved], new Map([[moved, joined(PARAMETERS)]]), this.settings)
    if (!isFrozen && !tensor.isFrozen) {
      const before = { state: tensor.state, byTensor: tensor.byTensor }
      for (const [name, state] of Object.entries(moved.state)) state.set(before.state[name])
      for (const [name, numbers] of Object.entries(moved.byTensor)) numbers[0] = before.byTensor[name][place]
      part.setClock(moved, from.cohorts.clockOf(place) ?? { t: 0 })
    }
    for (const plane of planes) {
      if (plane === AVERAGE || plane === SLOW) moved.view(plane).set(joined(plane))
      else moved.view(plane).set(from.arena.view(plane, place))
    }
    moved.view(GRADIENTS).set(tensor.view(GRADIENTS))
    moved.isGathered = tensor.isGathered
    moved.averaged = { ...tensor.averaged }
    const old = this.tensors
    from.leave(place)
    this.parts.push(part)
    this.#arrange((number) => (old[number] === tensor ? moved : (old[number] as Tensor)), this.shape)
  }

  freeze(tensor: Tensor): void {
    tensor.part.freeze(tensor)
    this.update()
  }

  /** Where it was never updated it moves, as there is no room for its state. */
  thaw(tensor: Tensor): void {
    if (tensor.part.hasRoom(tensor)) tensor.part.thaw(tensor)
    else this.move(tensor, tensor.shape, false, tensor.view(PARAMETERS).slice(0, 0))
    this.update()
  }

  /** What follows from the tensors' rules and from which of them are frozen. */
  update(): void {
    this.live = inOrderOfNames(this.shape).flatMap((number) => {
      const tensor = this.tensors[number] as Tensor
      return tensor.isFrozen ? [] : [tensor]
    })
    this.uses = [...new Set([this.base, ...this.all().map(({ use }) => use)])]
    this.stages = Math.max(...this.parts.map(({ cohorts }) => cohorts.stages))
    this.reschedule()
    this.averages = this.parts.flatMap((part) => {
      const tensors = part.tensors.filter((tensor) => tensor !== null)
      const alike = [...new Set(tensors.map(({ averaged }) => averaged))]
      return alike.map((one) => {
        const own = alike.length === 1 ? null : new Set(tensors.filter(({ averaged }) => averaged === one))
        return [part, one, own] as const
      })
    })
    this.version++
  }

  /** Finds out which rules have schedules. */
  reschedule(): void {
    if (this.scheduled.length === 0 && !this.uses.some(({ isScheduled }) => isScheduled)) return
    const uses = new Set(this.live.map(({ use }) => use))
    this.scheduled = [...uses].filter(({ isScheduled }) => isScheduled)
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
      numbered.push(...part.tensors)
    }
    numbered.forEach((tensor, number) => {
      if (tensor !== null) tensor.number = number
    })
    this.tensors = numbered
    this.shape = renumbered(shape, (number) => tensorOf(number).number)
    this.names = numbered.map((tensor) => tensor?.name ?? '')
    this.gradients = this.parts.flatMap((part) =>
      part.tensors.map((_, place) => part.arena.view(GRADIENTS, place)),
    )
    this.update()
  }
}
