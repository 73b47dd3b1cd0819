/** Partitions: sets of tensors that share an arena for their lifetime. */

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

/** The part of a tensor that accumulated gradients cover: nothing, everything, or a sorted list of rows. */
export type AccumulatedRows = boolean | readonly number[]

/** A tensor of an optimizer. */
export class Tensor implements TensorDescription {
  readonly name!: string
  readonly shape!: readonly number[] | undefined
  readonly length!: number
  use!: RuleInUse
  isFrozen!: boolean
  /** Indices of the groups that match the tensor. */
  readonly groups!: readonly number[]
  /** The part of the tensor for which accumulated batches contained a gradient. */
  gathered: AccumulatedRows = false
  /** The tensor's location: its partition and its index in the partition. */
  part!: Partition
  place = 0
  /** Whether the partition has room for the state of the tensor, even if the tensor is frozen. */
  hasRoom = false
  /** The tensor's permanent index in the optimizer. */
  number = 0
  /** The progress of the tensor's average. */
  averaged: AverageProgress = { count: 0, product: 1 }

  constructor(described: TensorDescription, use: RuleInUse, isFrozen: boolean, groups: readonly number[]) {
    const { name, shape, length } = described
    Object.assign(this, { name, shape, length, use, isFrozen, groups })
  }

  view(array: number): FloatArray {
    return this.part.arena.view(array, this.place)
  }

  /** State arrays by name; empty if the tensor is frozen. */
  get state(): Readonly<Record<string, FloatArray>> {
    if (this.isFrozen) return {}
    const first = this.part.firstArrays[this.place]
    return createRecord(this.use.state, (_, k) => this.view(first + k))
  }

  /** Values per tensor by name, as arrays in which the element at `place` belongs to this tensor. */
  get byTensor(): Readonly<Record<string, Float64Array>> {
    if (this.isFrozen) return {}
    const first = this.part.firstArrays[this.place] + this.use.state.length
    const { arena } = this.part
    return createRecord(this.use.byTensor, (_, k) => arena.numbers(first + k))
  }

  get updates(): number {
    return this.part.cohorts.updatesOf(this.place)
  }

  /** Discards accumulated gradients, which would otherwise be kept until the next update. */
  forgetBatches(): void {
    this.gathered = false
    if (this.part.has(ACCUMULATED)) this.view(ACCUMULATED).fill(0)
  }

  /** Copies the parameters into another array of the same length. */
  follow(array: number): void {
    this.view(array).set(this.view(PARAMETERS))
  }
}

/** Settings that all partitions of an optimizer share. */
export interface PartitionSettings {
  readonly dtype: Dtype
  /** The maximum absolute value of a gradient element. */
  readonly limit: number
  /** The clipping of each tensor for which no group sets another clipping. */
  readonly clip: TensorLimits
  readonly zeroGrads: boolean
  /** Whether gradient norms are measured. */
  readonly measures: boolean
  /** The indices of optional arrays, such as averages. */
  readonly planes: readonly number[]
  readonly asked: EngineRequest
}

/** The number of averaged points, and the current weight of the initial parameters. */
export interface AverageProgress {
  count: number
  /** The product of all β so far. */
  product: number
}

export class Partition {
  readonly arena: Arena
  readonly choice: EngineChoice<Runner>
  readonly runner: Runner
  readonly cohorts: Cohorts
  /** Tensors in the order of the arena; null for a tensor that has moved away. */
  readonly tensors: (Tensor | null)[] = []
  /** The number of tensors that have not moved away. */
  count = 0
  /** Whether the index of each tensor equals its place in the partition. */
  isFirst = false
  /** The index of each tensor's first state array. */
  readonly firstArrays: readonly number[]
  /** Σ g², Σ θ² and the gradient factor of each tensor. */
  readonly squares: Float64Array
  readonly parameterSquares: Float64Array
  readonly scales: Float64Array
  /** The coefficients of passes over all tensors. */
  readonly planeRow: Float64Array
  readonly #settings: PartitionSettings
  /** The progress of averaging, which the tensors of the partition share. */
  readonly averaged: AverageProgress = { count: 0, product: 1 }

  /**
   * @param values the initial values of each tensor, in consecutive pieces
   * @param spare the number of spare cache lines for tensors of the last tensor's kind
   * @throws EngineError or MemoryError, as from the constructor of the optimizer
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

  /** Initializes the next tensor of the partition. */
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

  /** Whether there is room behind the last tensor for further tensors of the same kind. */
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

  /** Whether the arena has the given optional array. */
  has(plane: number): boolean {
    return this.#settings.planes.includes(plane)
  }

  freeze(tensor: Tensor): void {
    tensor.isFrozen = true
    tensor.forgetBatches()
    this.arena.setStays(tensor.place, true)
    this.cohorts.assign(tensor.place, null)
  }

  /** Unfreezes a tensor and resets its state. */
  unfreeze(tensor: Tensor): void {
    tensor.isFrozen = false
    this.arena.setStays(tensor.place, false)
    this.cohorts.assign(tensor.place, tensor.use)
    begin(tensor, false)
  }

  /** Assigns another rule with the same state arrays. The new rule keeps values that several tensors share. */
  assign(tensor: Tensor, use: RuleInUse): void {
    use.adopt(tensor.use.shared)
    if (!tensor.isFrozen) this.cohorts.assign(tensor.place, use, this.cohorts.clockOf(tensor.place))
    tensor.use = use
  }

  setClock({ place, use }: Tensor, clock: Readonly<UpdateCounter>): void {
    this.cohorts.assign(place, use, clock)
  }

  /** Restricts passes over all tensors to the listed tensors; null stands for all unfrozen tensors. */
  only(tensors: ReadonlySet<Tensor> | null): void {
    this.tensors.forEach((tensor, place) => {
      this.arena.setStays(place, tensor === null || tensor.isFrozen || tensors?.has(tensor) === false)
    })
  }

  /** Removes a tensor that has moved, and fills its old views with NaN. */
  leave(place: number): void {
    for (const array of [PARAMETERS, GRADIENTS, ...this.#settings.planes])
      this.arena.view(array, place).fill(NaN)
    this.arena.setStays(place, true)
    this.cohorts.assign(place, null)
    this.tensors[place] = null
    this.count--
  }
}

/** Initial values of tensors, in consecutive pieces. */
export type TensorValues = ReadonlyMap<Tensor, readonly FloatArray[]>

/**
 * The kind of a tensor, as a string. Tensors of one kind can later be added to the same partition, unless the rule uses
 * matrices.
 */
export const partitionKey = (tensor: Tensor): string =>
  `${tensor.use.definition.coefficientCount} ${arrayKey(tensor)}`

export const areMatrices = ({ use }: Tensor): boolean => use.stages.some(({ isMatrix }) => isMatrix)

/** The number of rows that can be centralized or clipped separately. */
const countUnits = ({ shape, length }: Tensor): number => (isMatrix(shape) && length ? shape[0] : 0)

/** The state arrays that a tensor needs. */
function selectArrays({ use, isFrozen }: Tensor): Pick<Family, 'state' | 'byTensor' | 'lines'> {
  const { state, byTensor, lines } = use
  return isFrozen ? { state: [], byTensor: [], lines: 0 } : { state, byTensor, lines: lines.length }
}

/** A key that is equal for tensors that can share state arrays. */
function arrayKey(tensor: Tensor): string {
  const { state, byTensor } = selectArrays(tensor)
  return `${state} ${byTensor}`
}

/** Number of scratch bytes that a matrix rule needs for a tensor. */
function roomFor({ use, isFrozen, length }: Tensor, matrix: Matrix | null, dtype: Dtype): number {
  if (isFrozen || matrix === null || length === 0) return 0
  return Math.max(...use.stages.map((stage) => scratchBytes(stage, matrix, dtype)))
}

/** Sorts tensors by state arrays and then by rule, so that there are few segments. */
const groupIntoFamilies = (tensors: readonly Tensor[]): Tensor[][] =>
  [...groupBy(tensors, arrayKey).values()].map((family) =>
    [...groupBy(family, ({ isFrozen, use }) => isFrozen || use).values()].flat(),
  )

/** Writes the initial state of a new tensor. */
function begin(tensor: Tensor, isZero: boolean): void {
  const { definition, rule } = tensor.use
  const starts = ownProperties(definition.starts(rule as never))
  tensor.use.state.forEach((name, k) => {
    const start = starts[name] ?? 0
    // Zeros are not written, because memory that was never written takes no space.
    if (start === 0 && isZero) return
    const state = tensor.view(tensor.part.firstArrays[tensor.place] + k)
    if (start === 'parameters') state.set(tensor.view(PARAMETERS))
    else state.fill(start as number)
  })
  if (!isZero) for (const numbers of Object.values(tensor.byTensor)) numbers[tensor.place] = 0
}
