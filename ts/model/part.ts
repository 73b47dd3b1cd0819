/** Tensors that came together: they lie in one arena, and stay there. */

import { Arena, type Family } from '../arena/arena.js'
import { bytesFor } from '../arena/kernel.js'
import {
  ACCUMULATED,
  AVERAGE,
  GRADIENTS,
  PARAMETER_SQUARES,
  PARAMETERS,
  SCALES,
  SLOW,
  SQUARES,
} from '../arena/manifest.js'
import type { Asked, Choice } from '../engines/choice.js'
import type { Runner } from '../engines/engine.js'
import { attach } from '../engines/index.js'
import type { TensorLimits } from '../gradients/clip.js'
import { ownProperties, recordOf } from '../ground/given.js'
import type { Dtype, FloatArray, Matrix } from '../ground/numbers.js'
import { lengthOf } from '../ground/typed-arrays.js'
import { inUse, type RuleInUse } from '../rules/in-use.js'
import { isMatrix, type Resolved } from '../rules/resolve.js'
import { type Clock, Cohorts } from './cohorts.js'
import type { Described } from './patterns.js'

/** A tensor of an optimizer. */
export class Tensor implements Described {
  readonly name: string
  readonly shape: readonly number[] | undefined
  readonly length: number
  use: RuleInUse
  isFrozen: boolean
  /** The numbers of the groups that it matches. */
  readonly groups: readonly number[]
  /** Whether the batches that are being accumulated had a gradient for it. */
  isGathered = false
  /** Where it is: in which part, at which place there, and at which in the optimizer. */
  part!: Part
  place = 0
  number = 0
  /** What its average has been told, with those that came with it. */
  averaged: Averaged = { count: 0, product: 1 }

  constructor(described: Described, use: RuleInUse, isFrozen: boolean, groups: readonly number[]) {
    this.name = described.name
    this.shape = described.shape
    this.length = described.length
    this.use = use
    this.isFrozen = isFrozen
    this.groups = groups
  }

  view(array: number): FloatArray {
    return this.part.arena.view(array, this.place)
  }

  /** Its state by name; nothing where it is frozen. */
  get state(): Readonly<Record<string, FloatArray>> {
    if (this.isFrozen) return {}
    const first = this.part.firstArrays[this.place]
    return recordOf(this.use.state, (_, k) => this.view(first + k))
  }

  /** What its rule has by tensor, by name: arrays in which `place` is its own. */
  get byTensor(): Readonly<Record<string, Float64Array>> {
    if (this.isFrozen) return {}
    const first = this.part.firstArrays[this.place] + this.use.state.length
    const { arena } = this.part
    return recordOf(this.use.byTensor, (_, k) => arena.numbers(first + k))
  }

  get updates(): number {
    return this.part.cohorts.updatesOf(this.place)
  }

  /** Drops the gradients of batches so far: nothing else would, before they are part of an update. */
  forgetBatches(): void {
    this.isGathered = false
    if (this.part.has(ACCUMULATED)) this.view(ACCUMULATED).fill(0)
  }

  /** Makes another array of the parameters' kind equal to them. */
  follow(array: number): void {
    this.view(array).set(this.view(PARAMETERS))
  }
}

/** What all parts of an optimizer have in common. */
export interface Settings {
  readonly dtype: Dtype
  /** The largest absolute value of an element of a gradient. */
  readonly limit: number
  /** How each tensor is clipped by itself, where groups do not say. */
  readonly clip: TensorLimits
  readonly zeroGrads: boolean
  /** Whether the norm of the gradients is wanted. */
  readonly measures: boolean
  /** The arrays beside the parameters that are wanted, by number. */
  readonly planes: readonly number[]
  readonly asked: Asked
}

/** How often an average has been told of parameters, and what of it that has left. */
export interface Averaged {
  count: number
  /** ∏β so far. */
  product: number
}

type Writable<T> = { -readonly [K in keyof T]: T[K] }

export class Part {
  readonly arena: Arena
  readonly choice: Choice<Runner>
  readonly runner: Runner
  readonly cohorts: Cohorts
  /** In the arena's order; null where one has moved away. */
  readonly tensors: (Tensor | null)[]
  /** The number of each one's first array of state. */
  readonly firstArrays: readonly number[]
  /** Which arrays of state, and of numbers by tensor, there is room for. */
  readonly #room: readonly string[]
  /** Σ g², Σ θ² and factors of the gradients by tensor. */
  readonly squares: Float64Array
  readonly parameterSquares: Float64Array
  readonly scales: Float64Array
  /** The coefficients of passes over the plane. */
  readonly planeRow: Float64Array
  readonly #planes: readonly number[]
  /** The number of its first tensor; the others follow. */
  first = 0

  /**
   * @param values what each begins with, in pieces
   * @throws EngineError or MemoryError as a new optimizer does
   */
  constructor(
    tensors: readonly Tensor[],
    values: ReadonlyMap<Tensor, readonly FloatArray[]>,
    { dtype, limit, clip, zeroGrads, planes, asked }: Settings,
  ) {
    const sorted = inFamilies(tensors)
    const families: Writable<Omit<Family, 'coefficients'>>[] = []
    const familyOf = sorted.map(({ use, isFrozen }) => {
      const state = isFrozen ? [] : use.state
      const byTensor = isFrozen ? [] : use.byTensor
      const last = families.at(-1)
      const isNew = last === undefined || roomOf(last) !== roomOf({ state, byTensor })
      if (isNew) families.push({ tensors: 0, state, byTensor, lines: isFrozen ? 0 : use.lines.length })
      const number = families.length - 1
      families[number].tensors++
      return number
    })
    const coefficients = sorted.reduce((most, { use }) => Math.max(most, use.definition.coefficientCount), 0)
    const lengths = sorted.map(({ length }) => length)
    const matrices = sorted.map(({ use, shape, length }) => use.matrixOf(shape, length))
    const room = sorted.reduce((most, tensor, i) => Math.max(most, roomFor(tensor, matrices[i], dtype)), 0)
    this.arena = new Arena(
      dtype,
      lengths,
      families.map((family) => ({ ...family, coefficients })),
      planes,
      matrices,
      room,
      sorted.map(({ shape, length }) => (isMatrix(shape) && length > 0 ? shape[0] : 0)),
    )
    this.choice = attach(this.arena, asked)
    this.runner = this.choice.runner
    this.tensors = [...sorted]
    this.firstArrays = familyOf.map((family) => this.arena.firstArrays[family])
    this.#room = familyOf.map((family) => roomOf(families[family]))
    this.squares = this.arena.numbers(SQUARES)
    this.parameterSquares = this.arena.numbers(PARAMETER_SQUARES)
    this.scales = this.arena.numbers(SCALES)
    this.planeRow = this.arena.row(lengths.length)
    this.#planes = planes
    this.arena.zeroesGradients = zeroGrads
    const uses = sorted.map(({ use, isFrozen }) => (isFrozen ? null : use))
    this.cohorts = new Cohorts(this.arena, uses, this.firstArrays, limit, clip)
    const averaged = { count: 0, product: 1 }
    sorted.forEach((tensor, place) => {
      tensor.part = this
      tensor.place = place
      tensor.averaged = averaged
      this.arena.setStays(place, tensor.isFrozen)
      let at = 0
      for (const piece of values.get(tensor) as readonly FloatArray[]) {
        tensor.view(PARAMETERS).set(piece, at)
        at += lengthOf(piece)
      }
      for (const plane of [AVERAGE, SLOW]) if (planes.includes(plane)) tensor.follow(plane)
      if (!tensor.isFrozen) begin(tensor, true)
    })
  }

  /** Whether a tensor that is frozen has room for its state here. */
  hasRoom({ place, use }: Tensor): boolean {
    return this.#room[place] === roomOf(use)
  }

  /** Whether it has an array beside the parameters. */
  has(plane: number): boolean {
    return this.#planes.includes(plane)
  }

  freeze(tensor: Tensor): void {
    tensor.isFrozen = true
    tensor.forgetBatches()
    this.arena.setStays(tensor.place, true)
    this.cohorts.assign(tensor.place, null)
  }

  /** Its state is as a new tensor's then. */
  thaw(tensor: Tensor): void {
    tensor.isFrozen = false
    this.arena.setStays(tensor.place, false)
    this.cohorts.assign(tensor.place, tensor.use)
    begin(tensor, false)
  }

  /** Gives it another rule with the same state: one of those in use, if it is like it. What all share comes along. */
  assign(tensor: Tensor, resolved: Resolved, uses: RuleInUse[]): void {
    const use = inUse(resolved, uses)
    use.adopt(tensor.use.shared)
    if (!tensor.isFrozen) this.cohorts.assign(tensor.place, use, this.cohorts.clockOf(tensor.place))
    tensor.use = use
  }

  setClock({ place, use }: Tensor, clock: Readonly<Clock>): void {
    this.cohorts.assign(place, use, clock)
  }

  /** Leaves all tensors but these out of passes over the plane; without any, all that are frozen. */
  only(tensors: ReadonlySet<Tensor> | null): void {
    this.tensors.forEach((tensor, place) => {
      this.arena.setStays(place, tensor === null || tensor.isFrozen || tensors?.has(tensor) === false)
    })
  }

  /** What is left where a tensor was is NaN, for whoever goes on to read it. */
  leave(place: number): void {
    for (const array of [PARAMETERS, GRADIENTS, ...this.#planes]) this.arena.view(array, place).fill(NaN)
    this.arena.setStays(place, true)
    this.cohorts.assign(place, null)
    this.tensors[place] = null
  }
}

/** Tensors with the same may lie in the same arrays. */
const roomOf = ({ state, byTensor }: Pick<Family, 'state' | 'byTensor'>): string => `${state} ${byTensor}`

/** Bytes that rules compute in for a tensor that they take as matrices. */
function roomFor({ use, isFrozen, length }: Tensor, matrix: Matrix | null, dtype: Dtype): number {
  if (isFrozen || matrix === null || length === 0) return 0
  return Math.max(...use.stages.map((stage) => bytesFor(stage, matrix, dtype)))
}

/** Tensors by what state they have, then by rule, and frozen ones behind: so segments are few. */
function inFamilies(tensors: readonly Tensor[]): Tensor[] {
  const ranks = new Map<unknown, number>()
  const rank = (key: unknown) => {
    const known = ranks.get(key) ?? ranks.size
    ranks.set(key, known)
    return known
  }
  const keys = tensors.map(({ use, isFrozen }) => ({
    frozen: isFrozen ? 1 : 0,
    family: rank(roomOf(use)),
    use: rank(use),
  }))
  const order = tensors.map((_, i) => i)
  const by = (key: 'frozen' | 'family' | 'use') => (a: number, b: number) => keys[a][key] - keys[b][key]
  order.sort((a, b) => by('frozen')(a, b) || by('family')(a, b) || by('use')(a, b))
  return order.map((i) => tensors[i])
}

/** Writes the state that a new tensor has. */
function begin(tensor: Tensor, isZero: boolean): void {
  const { definition, rule } = tensor.use
  const starts = ownProperties(definition.starts(rule as never))
  for (const [name, state] of Object.entries(tensor.state)) {
    const start = starts[name] ?? 0
    if (start === 'parameters') state.set(tensor.view(PARAMETERS))
    // Memory that nobody has touched costs nothing.
    else if (start !== 0 || !isZero) state.fill(start as number)
  }
  for (const numbers of Object.values(tensor.byTensor)) numbers[tensor.place] = 0
}
