/** Tensors that lie in one arena, and stay there. */

import { Arena, type Family, NO_MATRIX } from '../arena/arena.js'
import { scratchBytes } from '../arena/kernel.js'
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
import { groupBy } from '../core/group-by.js'
import type { Dtype, FloatArray, Matrix } from '../core/numbers.js'
import { readLength } from '../core/typed-arrays.js'
import { createRecord, ownProperties } from '../core/untrusted-input.js'
import type { Runner } from '../engines/engine.js'
import { attach } from '../engines/index.js'
import type { EngineChoice, EngineRequest } from '../engines/select-engine.js'
import type { TensorLimits } from '../gradients/clip.js'
import type { RuleInUse } from '../rules/active-rule.js'
import { isMatrix } from '../rules/resolve.js'
import { Cohorts, type UpdateCounter } from './cohorts.js'
import type { TensorDescription } from './patterns.js'

/** Nothing of a tensor, all of it, or these of its rows, in order. */
export type AccumulatedRows = boolean | readonly number[]

/** A tensor of an optimizer. */
export class Tensor implements TensorDescription {
  readonly name!: string
  readonly shape!: readonly number[] | undefined
  readonly length!: number
  use!: RuleInUse
  isFrozen!: boolean
  /** The numbers of the groups that it matches. */
  readonly groups!: readonly number[]
  /** What the batches that are being accumulated had a gradient for. */
  gathered: AccumulatedRows = false
  /** Where it is: in which part, and at which place there. */
  part!: Partition
  place = 0
  /** Whether there is room for its state, also where it is frozen. */
  hasRoom = false
  /** Its place among the optimizer's, for good. */
  number = 0
  /** What its average has been told. */
  averaged: AverageProgress = { count: 0, product: 1 }

  constructor(described: TensorDescription, use: RuleInUse, isFrozen: boolean, groups: readonly number[]) {
    const { name, shape, length } = described
    Object.assign(this, { name, shape, length, use, isFrozen, groups })
  }

  view(array: number): FloatArray {
    return this.part.arena.view(array, this.place)
  }

  /** Its state by name; nothing where it is frozen. */
  get state(): Readonly<Record<string, FloatArray>> {
    if (this.isFrozen) return {}
    const first = this.part.firstArrays[this.place]
    return createRecord(this.use.state, (_, k) => this.view(first + k))
  }

  /** What its rule has by tensor, by name: arrays in which `place` is its own. */
  get byTensor(): Readonly<Record<string, Float64Array>> {
    if (this.isFrozen) return {}
    const first = this.part.firstArrays[this.place] + this.use.state.length
    const { arena } = this.part
    return createRecord(this.use.byTensor, (_, k) => arena.numbers(first + k))
  }

  get updates(): number {
    return this.part.cohorts.updatesOf(this.place)
  }

  /** Drops the gradients of batches so far: nothing else would, before they are part of an update. */
  forgetBatches(): void {
    this.gathered = false
    if (this.part.has(ACCUMULATED)) this.view(ACCUMULATED).fill(0)
  }

  /** Makes another array of the parameters' kind equal to them. */
  follow(array: number): void {
    this.view(array).set(this.view(PARAMETERS))
  }
}

/** What all parts of an optimizer have in common. */
export interface PartitionSettings {
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
  readonly asked: EngineRequest
}

/** How often an average has been told of parameters, and what of it that has left. */
export interface AverageProgress {
  count: number
  /** ∏β so far. */
  product: number
}

export class Partition {
  readonly arena: Arena
  readonly choice: EngineChoice<Runner>
  readonly runner: Runner
  readonly cohorts: Cohorts
  /** In the arena's order; null where one has moved away. */
  readonly tensors: (Tensor | null)[] = []
  /** How many have not. */
  count = 0
  /** Whether its tensors have their places for numbers. */
  isFirst = false
  /** The number of each one's first array of state. */
  readonly firstArrays: readonly number[]
  /** Σ g², Σ θ² and factors of the gradients by tensor. */
  readonly squares: Float64Array
  readonly parameterSquares: Float64Array
  readonly scales: Float64Array
  /** The coefficients of passes over the plane. */
  readonly planeRow: Float64Array
  readonly #settings: PartitionSettings
  /** What the average of those has been told that it was made with. */
  readonly averaged: AverageProgress = { count: 0, product: 1 }

  /**
   * @param values what each begins with, in pieces
   * @param spare how many lines are left for tensors of the last one's kind
   * @throws EngineError or MemoryError as a new optimizer does
   */
  constructor(tensors: readonly Tensor[], values: TensorValues, settings: PartitionSettings, spare = 0) {
    const { dtype, limit, clip, zeroGrads, planes, asked } = settings
    const families = groupIntoFamilies(tensors)
    const sorted = families.flat()
    const coefficients = sorted.reduce((most, { use }) => Math.max(most, use.definition.coefficientCount), 0)
    const lengths = sorted.map(({ length }) => length)
    const matrices = sorted.map(({ use, shape, length }) => use.matrixOf(shape, length))
    const room = sorted.reduce((most, tensor, i) => Math.max(most, roomFor(tensor, matrices[i], dtype)), 0)
    this.arena = new Arena(
      dtype,
      lengths,
      families.map(({ length: tensors, 0: tensor }) => ({ tensors, ...selectArrays(tensor), coefficients })),
      planes,
      matrices,
      room,
      sorted.map(countUnits),
      spare,
    )
    this.choice = attach(this.arena, asked)
    this.runner = this.choice.runner
    const placed = families.flatMap((family, k) => family.map(() => k))
    this.firstArrays = this.arena.lengths.map(
      (_, place) => this.arena.firstArrays[placed[place] ?? families.length - 1],
    )
    this.squares = this.arena.numbers(SQUARES)
    this.parameterSquares = this.arena.numbers(PARAMETER_SQUARES)
    this.scales = this.arena.numbers(SCALES)
    this.planeRow = this.arena.row(this.arena.lengths.length)
    this.#settings = settings
    this.arena.zeroesGradients = zeroGrads
    this.cohorts = new Cohorts(this.arena, this.firstArrays, limit, clip)
    for (const tensor of sorted) this.#begin(tensor, values)
  }

  /** The next of its tensors begins. */
  #begin(tensor: Tensor, values: TensorValues): void {
    const place = this.tensors.push(tensor) - 1
    this.count++
    tensor.part = this
    tensor.place = place
    tensor.averaged = this.averaged
    tensor.hasRoom = !tensor.isFrozen || tensor.use.state.length + tensor.use.byTensor.length === 0
    this.arena.setStays(place, tensor.isFrozen)
    this.cohorts.assign(place, tensor.isFrozen ? null : tensor.use)
    let at = 0
    for (const piece of values.get(tensor) as readonly FloatArray[]) {
      tensor.view(PARAMETERS).set(piece, at)
      at += readLength(piece)
    }
    for (const plane of [AVERAGE, SLOW]) if (this.has(plane)) tensor.follow(plane)
    if (!tensor.isFrozen) begin(tensor, true)
  }

  /** Whether tensors of the last one's kind find room behind it. */
  takes(tensors: readonly Tensor[]): boolean {
    const sizes = tensors.map((tensor) => ({ length: tensor.length, units: countUnits(tensor) }))
    return this.count > 0 && this.arena.hasRoom(sizes)
  }

  take(tensors: readonly Tensor[], values: TensorValues): void {
    for (const tensor of tensors) {
      const { use, shape, length } = tensor
      this.arena.add(length, use.matrixOf(shape, length) ?? NO_MATRIX, countUnits(tensor))
      this.#begin(tensor, values)
    }
  }

  /** Whether it has an array beside the parameters. */
  has(plane: number): boolean {
    return this.#settings.planes.includes(plane)
  }

  freeze(tensor: Tensor): void {
    tensor.isFrozen = true
    tensor.forgetBatches()
    this.arena.setStays(tensor.place, true)
    this.cohorts.assign(tensor.place, null)
  }

  /** Its state is as a new tensor's then. */
  unfreeze(tensor: Tensor): void {
    tensor.isFrozen = false
    this.arena.setStays(tensor.place, false)
    this.cohorts.assign(tensor.place, tensor.use)
    begin(tensor, false)
  }

  /** Gives it another rule with the same state. What all share comes along. */
  assign(tensor: Tensor, use: RuleInUse): void {
    use.adopt(tensor.use.shared)
    if (!tensor.isFrozen) this.cohorts.assign(tensor.place, use, this.cohorts.clockOf(tensor.place))
    tensor.use = use
  }

  setClock({ place, use }: Tensor, clock: Readonly<UpdateCounter>): void {
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
    for (const array of [PARAMETERS, GRADIENTS, ...this.#settings.planes])
      this.arena.view(array, place).fill(NaN)
    this.arena.setStays(place, true)
    this.cohorts.assign(place, null)
    this.tensors[place] = null
    this.count--
  }
}

/** What tensors begin with, in pieces. */
export type TensorValues = ReadonlyMap<Tensor, readonly FloatArray[]>

/** Tensors of one kind may come into one part one after the other, unless their rule takes them as matrices. */
export const partitionKey = (tensor: Tensor): string =>
  `${tensor.use.definition.coefficientCount} ${arrayKey(tensor)}`

export const areMatrices = ({ use }: Tensor): boolean => use.stages.some(({ isMatrix }) => isMatrix)

/** How many rows it has in which its gradient may be centralized or clipped. */
const countUnits = ({ shape, length }: Tensor): number => (isMatrix(shape) && length ? shape[0] : 0)

/** The arrays that there are of a tensor. */
function selectArrays({ use, isFrozen }: Tensor): Pick<Family, 'state' | 'byTensor' | 'lines'> {
  const { state, byTensor, lines } = use
  return isFrozen ? { state: [], byTensor: [], lines: 0 } : { state, byTensor, lines: lines.length }
}

/** Tensors with the same may lie in the same arrays. */
function arrayKey(tensor: Tensor): string {
  const { state, byTensor } = selectArrays(tensor)
  return `${state} ${byTensor}`
}

/** Bytes that rules compute in for a tensor that they take as matrices. */
function roomFor({ use, isFrozen, length }: Tensor, matrix: Matrix | null, dtype: Dtype): number {
  if (isFrozen || matrix === null || length === 0) return 0
  return Math.max(...use.stages.map((stage) => scratchBytes(stage, matrix, dtype)))
}

/** Tensors by what state they have, each of these by rule: so segments are few. */
const groupIntoFamilies = (tensors: readonly Tensor[]): Tensor[][] =>
  [...groupBy(tensors, arrayKey).values()].map((family) =>
    [...groupBy(family, ({ isFrozen, use }) => isFrozen || use).values()].flat(),
  )

/** Writes the state that a new tensor has. */
function begin(tensor: Tensor, isZero: boolean): void {
  const { definition, rule } = tensor.use
  const starts = ownProperties(definition.starts(rule as never))
  tensor.use.state.forEach((name, k) => {
    const start = starts[name] ?? 0
    // Memory that nobody has touched costs nothing.
    if (start === 0 && isZero) return
    const state = tensor.view(tensor.part.firstArrays[tensor.place] + k)
    if (start === 'parameters') state.set(tensor.view(PARAMETERS))
    else state.fill(start as number)
  })
  if (!isZero) for (const numbers of Object.values(tensor.byTensor)) numbers[tensor.place] = 0
}
