/**
 * Batches of groups that have the same model and parameters: the rows of the groups, and joint evaluations of all
 * groups.
 */

import { type DataColumn, numbersInRun, rowOffsets } from '../../many/batch/data.js'
import type { EngineCall } from '../../many/engines/execute.js'
import type { Parameter } from '../problem/parameters.js'
import type { Problem } from '../problem/problem.js'
import type { EliminatedEquations, EliminationSize } from '../programs/elimination.js'
import {
  broadcastInputs,
  compileEvaluation,
  type EvaluationInput,
  type EvaluationOptions,
  type EvaluationProgram,
  type LaneField,
  nonlinearParameters,
  RESPONSE,
  VALUE,
  WEIGHT,
} from '../programs/group-evaluation.js'
import { triangleIndex } from '../programs/ldlt.js'
import type { ModelPrograms } from '../programs/program-cache.js'
import type { GroupRange, Lanes } from '../solve/group-lanes.js'
import type { CreateLanes } from '../solve/lane-slots.js'
import { FunctionLanes } from './function-lanes.js'

type SecondDerivative = 'weight' | 'curvature'

/** One output of a model: the columns of the rows in use, and the count of rows in use per group. */
export interface GroupOutput {
  readonly compiled: ModelPrograms
  readonly columns: ReadonlyMap<string, DataColumn>
  readonly rows: Uint32Array
  /** Whether a row in use has a missing value, per group. */
  readonly isIncomplete: Uint8Array
}

export interface GroupBatchInput {
  /** Free parameters: local parameters first, then shared parameters. */
  readonly free: readonly Parameter[]
  readonly local: number
  /** Index of each shared parameter among all shared parameters: one index for all groups, or one index per group. */
  readonly sharedPlaces: readonly (number | Uint32Array)[]
  /** Indices of the groups in the batch. */
  readonly groups: readonly number[]
  /** Outputs of the model. */
  readonly outputs: readonly GroupOutput[]
  /** Values of the fixed parameters per group, by name. */
  readonly constants: ReadonlyMap<string, Float64Array>
  /** Name of the derived quantity that a penalty can hold near a target, for profiles of the quantity. */
  readonly penalized?: string | undefined
}

/**
 * Totals of an evaluation over all groups. The arrays are indexed by shared parameter. Matrices are stored as lower
 * triangles by rows.
 */
export interface EvaluationTotals {
  cost: number
  /** The product −gᵀδ of the local parameters. */
  decrement: number
  /** Σ D·δ² and Σ D·x² of the local parameters, and the predicted gain of the step. */
  length: number
  size: number
  gain: number
  /** Equations of the shared parameters after elimination of the local parameters. */
  readonly matrix: Float64Array
  readonly right: Float64Array
  /** Half the gradient of the cost, and the diagonal of JᵀWJ. */
  readonly gradient: Float64Array
  readonly diagonal: Float64Array
}

export function makeTotals(size: number): EvaluationTotals {
  const [matrix, right, gradient, diagonal] = [size * size, size, size, size].map((n) => new Float64Array(n))
  return { cost: 0, decrement: 0, length: 0, size: 0, gain: 0, matrix, right, gradient, diagonal }
}

/**
 * Evaluation programs by the first problem of a batch, for both kinds of second derivatives. Programs are cached,
 * because compiling a program takes longer than a fit.
 */
const evaluationPrograms = new WeakMap<
  Problem,
  Map<string, { readonly problems: readonly Problem[]; readonly look: EvaluationProgram }>
>()

function loadEvaluation(
  problems: readonly Problem[],
  size: EliminationSize,
  about: EvaluationOptions,
): EvaluationProgram {
  const made = evaluationPrograms.get(problems[0]) ?? new Map()
  evaluationPrograms.set(problems[0], made)
  const { isBounded, second, penalized } = about
  const key = [size.local, isBounded, second, penalized].join()
  const known = made.get(key)
  if (known?.problems.length === problems.length && problems.every((one, k) => one === known.problems[k]))
    return known.look
  const look = compileEvaluation(problems, size, about)
  made.set(key, { problems, look })
  return look
}

export class GroupBatch implements EliminationSize {
  readonly free: readonly Parameter[]
  readonly local: number
  readonly shared: number
  readonly sharedPlaces: readonly (number | Uint32Array)[]
  /**
   * Indices of the groups, in the order of all columns. Groups with equal row counts are adjacent. Groups with fewer rows
   * than local parameters come last.
   */
  readonly groups: Uint32Array
  /** Count of the groups with enough rows. The other groups take no part in the fit, and their results are NaN. */
  readonly active: number
  /** The problem in internal parameters. */
  readonly problem: Problem
  readonly outputs: readonly GroupOutput[]
  readonly rows: Uint32Array
  /**
   * Whether each parameter stays fixed in the first step, because the model is nonlinear in the parameter and linear
   * in other parameters.
   */
  readonly waits: readonly boolean[]
  readonly isBounded: boolean
  readonly #ranges: readonly GroupRange[]
  readonly #fixed: readonly Float64Array[]
  /** Indices within the batch of the groups with missing values. Groups with missing values have no result. */
  readonly #incomplete: readonly number[]
  readonly #penalized: string | undefined
  readonly #createLanes: CreateLanes
  readonly #lanes = new Map<SecondDerivative, { readonly lanes: Lanes; readonly look: EvaluationProgram }>()
  /** The number 1 for each group whose local parameters stay fixed, or null if all groups move. */
  #frozen: Uint8Array | null = null
  /** Kind of second derivatives that the lanes currently use. */
  #second: SecondDerivative = 'weight'

  /** @param isBounded whether parameters of any batch have bounds */
  constructor(
    { free, local, sharedPlaces, groups, outputs, constants, penalized }: GroupBatchInput,
    isBounded: boolean,
    createLanes: CreateLanes,
  ) {
    this.free = free
    this.local = local
    this.shared = free.length - local
    this.outputs = outputs
    this.problem = outputs[0].compiled.problemInSteps
    this.waits = findWaiting(this.problem, outputs)
    this.isBounded = isBounded
    this.#penalized = penalized
    this.#createLanes = createLanes
    const alike = new Map<number, number[]>()
    const rowsOf = (group: number) => outputs.reduce((sum, { rows }) => sum + rows[group], 0)
    const idle: number[] = []
    for (const group of groups) {
      if (rowsOf(group) < Math.max(local, 1)) {
        idle.push(group)
        continue
      }
      const others = alike.get(rowsOf(group))
      if (others === undefined) alike.set(rowsOf(group), [group])
      else others.push(group)
    }
    this.groups = new Uint32Array(groups.length)
    let firstRow = 0
    this.#ranges = [...alike].map(([rows, some]) => {
      this.groups.set(some, firstRow)
      const stretch = { groups: this.groups.subarray(firstRow, firstRow + some.length), firstRow, rows }
      firstRow += some.length
      return stretch
    })
    this.active = firstRow
    this.groups.set(idle, firstRow)
    this.sharedPlaces = sharedPlaces.map((place) =>
      typeof place === 'number' ? place : this.readParameter(place),
    )
    this.rows = this.groups.map(rowsOf)
    const hasGaps = outputs.some(({ isIncomplete }) => isIncomplete.includes(1))
    this.#incomplete = !hasGaps
      ? []
      : [...this.groups.subarray(0, this.active).keys()].filter((at) =>
          outputs.some(({ isIncomplete }) => isIncomplete[this.groups[at]]),
        )
    this.#fixed = this.problem.fixed.map((name) => this.readParameter(constants.get(name) as Float64Array))
  }

  /** Values of a column over all groups, in the order of the groups in the batch. */
  readParameter<T extends Float64Array | Uint32Array>(column: T): T {
    const to = new (column.constructor as new (length: number) => T)(this.groups.length)
    for (let at = 0; at < to.length; at++) to[at] = column[this.groups[at]]
    return to
  }

  /**
   * Sets the local parameters. Later evaluations and steps start from the new point.
   *
   * @param held the local parameter of one group that stays fixed, if any
   */
  setPoint(
    own: readonly Float64Array[],
    held: Pick<LocalIndex, 'parameter' | 'index'> | null,
    second: SecondDerivative,
  ): void {
    this.#second = second
    const { lanes, look } = this.#loadLanes(second)
    for (const [i, parameter] of look.fieldOffsets.base.entries()) lanes.write(parameter, own[i])
    lanes.write(look.fieldOffsets.held[0], this.#heldParameters(held))
  }

  /** The field `held` of the lanes: a column, or 0 if no local parameter of any group is fixed. */
  #heldParameters(held: Pick<LocalIndex, 'parameter' | 'index'> | null): Float64Array | number {
    if (held === null && this.#frozen === null) return 0
    const fixed = new Float64Array(this.groups.length)
    if (this.#frozen !== null)
      for (const [at, is] of this.#frozen.entries()) fixed[at] = is * (this.local + 1)
    if (held !== null) fixed[held.index] = held.parameter + 1
    return fixed
  }

  /** Fixes all local parameters of some groups, from the next call of `setPoint` on. */
  freeze(groups: Uint8Array | null): void {
    this.#frozen = groups?.includes(1) ? groups : null
  }

  /** Groups whose local parameters are fixed, or null. */
  get frozen(): Uint8Array | null {
    return this.#frozen
  }

  get isPenalized(): boolean {
    return this.#penalized !== undefined
  }

  /** Sets the penalty of each group: the target of the penalized quantity, and the weight of the squared distance. */
  setPenalty(targets: Float64Array, weights: Float64Array): void {
    const { lanes, look } = this.#loadLanes('weight')
    for (const [k, column] of [targets, weights].entries()) lanes.write(look.fieldOffsets.penalty[k], column)
  }

  /** Evaluates all groups, and adds the results of the groups to the totals. */
  *evaluate(shared: Float64Array, ask: EvaluationInput, to: EvaluationTotals): Generator<EngineCall> {
    const { lanes, look } = this.#loadLanes(this.#second)
    const { fieldOffsets } = look
    for (const [k, place] of this.sharedPlaces.entries()) {
      for (const [at, numbers] of [
        [fieldOffsets.shared[k], shared],
        [fieldOffsets.delta[k], ask.delta],
      ] as const) {
        if (typeof place === 'number') lanes.write(at, numbers[place])
        else lanes.scatterTo(at, place, numbers)
      }
    }
    for (const name of broadcastInputs) lanes.write(fieldOffsets[name][0], ask[name])
    yield* lanes.run()
    // A condition in the model could turn a missing value into a number.
    to.cost += this.#incomplete.length > 0 ? NaN : lanes.sum(fieldOffsets.cost[0])
    for (const name of ['decrement', 'length', 'size', 'gain'] as const)
      for (const at of fieldOffsets[name]) to[name] += lanes.sum(at)
    const { size } = { size: to.right.length }
    for (const [k, place] of this.sharedPlaces.entries()) {
      for (const name of ['right', 'gradient', 'diagonal'] as const) {
        const at = fieldOffsets[name][k]
        if (typeof place === 'number') to[name][place] += lanes.sum(at)
        else lanes.scatter(at, to[name], (g) => place[g])
      }
      for (let l = 0; l <= k; l++) {
        const other = this.sharedPlaces[l]
        const at = fieldOffsets.matrix[triangleIndex(k, l)]
        const cell = (a: number, b: number) => Math.max(a, b) * size + Math.min(a, b)
        if (typeof place === 'number' && typeof other === 'number')
          to.matrix[cell(place, other)] += lanes.sum(at)
        else lanes.scatter(at, to.matrix, (g) => cell(getIndex(place, g), getIndex(other, g)))
      }
    }
  }

  /** A field of the lanes after the last evaluation, as columns. */
  read(name: LaneField): Float64Array[] {
    const { lanes, look } = this.#loadLanes(this.#second)
    return look.fieldOffsets[name].map((parameter) =>
      lanes.read(parameter, new Float64Array(this.groups.length).fill(NaN, this.active)),
    )
  }

  /** Local parameters after the step that the last evaluation computed. */
  movedPoint(delta: Float64Array): Float64Array[] {
    const { min, max } = this.problem
    const { step, coupling } = this.eliminated()
    return this.read('trial').map((x, i) => {
      const to = step[i]
      for (const [k, place] of this.sharedPlaces.entries()) {
        const along = coupling[k][i]
        for (let g = 0; g < to.length; g++) to[g] -= along[g] * delta[getIndex(place, g)]
      }
      for (let g = 0; g < to.length; g++) to[g] = Math.min(Math.max(x[g] + to[g], min[i]), max[i])
      return to
    })
  }

  /** Cost of each group at the last evaluation. */
  costs(): Float64Array {
    const [cost] = this.read('cost')
    for (const at of this.#incomplete) cost[at] = NaN
    return cost
  }

  eliminated(): EliminatedEquations<Float64Array> {
    const follow = this.read('follow')
    return {
      lower: this.read('lower'),
      inverse: this.read('inverse'),
      step: this.read('step'),
      coupling: Array.from({ length: this.shared }, (_, k) =>
        follow.slice(k * this.local, (k + 1) * this.local),
      ),
    }
  }

  #loadLanes(second: SecondDerivative): { readonly lanes: Lanes; readonly look: EvaluationProgram } {
    const known = this.#lanes.get(second)
    if (known !== undefined) return known
    const problems = this.outputs.map(({ compiled }) => compiled.problemInSteps)
    const { waits, isBounded } = this
    const look = loadEvaluation(problems, this, { waits, isBounded, second, penalized: this.#penalized })
    const columns = this.outputs.length > 1 ? stackOutputs(this.outputs) : this.outputs[0].columns
    const data = () => look.program.columns.map((name) => columns.get(name) as DataColumn)
    const lanes =
      this.problem.functionModel === null
        ? this.#createLanes(look.program, this.#ranges, data())
        : new FunctionLanes(this.problem, look, this.#ranges, columns)
    for (const [k, parameter] of look.fieldOffsets.fixed.entries()) lanes.write(parameter, this.#fixed[k])
    const made = { lanes, look }
    this.#lanes.set(second, made)
    return made
  }

  release(): void {
    for (const { lanes } of this.#lanes.values()) lanes.release()
    this.#lanes.clear()
  }
}

/** A local parameter of one group, identified by the batch, the parameter and the group's index in the batch. */
export interface LocalIndex {
  readonly batch: number
  readonly parameter: number
  readonly index: number
}

/** Index of a shared parameter for a group. */
export const getIndex = (place: number | Uint32Array, group: number) =>
  typeof place === 'number' ? place : place[group]

const waitingByProblem = new WeakMap<Problem, readonly boolean[]>()

function findWaiting(first: Problem, outputs: readonly GroupOutput[]): readonly boolean[] {
  if (outputs.length > 1) return nonlinearParameters(outputs.map(({ compiled }) => compiled.problemInSteps))
  const known = waitingByProblem.get(first) ?? nonlinearParameters([first])
  waitingByProblem.set(first, known)
  return known
}

/**
 * Concatenates the rows of several outputs, group by group. If an output lacks a column, the column is 0 in the rows of
 * that output.
 */
function stackOutputs(outputs: readonly GroupOutput[]): Map<string, DataColumn> {
  const count = outputs[0].rows.length
  const offsets = rowOffsets(count, (group) => outputs.reduce((sum, { rows }) => sum + rows[group], 0))
  const stack = (compute: (output: GroupOutput, k: number) => DataColumn | number): DataColumn => {
    const numbers = new Float64Array(offsets[count])
    const all = outputs.map(compute)
    for (let group = 0; group < count; group++) {
      let at = offsets[group]
      for (const [k, { rows }] of outputs.entries()) {
        const column = all[k]
        if (typeof column === 'number') numbers.fill(column, at, at + rows[group])
        else if (rows[group] > 0) numbers.set(numbersInRun(column, group), at)
        at += rows[group]
      }
    }
    return { numbers, offsets }
  }
  const names = new Set(outputs.flatMap(({ columns }) => [...columns.keys()]))
  const made = new Map([...names].map((name) => [name, stack(({ columns }) => columns.get(name) ?? 0)]))
  const column = ({ columns, compiled: { problem } }: GroupOutput, name: string | null) =>
    name === null ? 1 : (columns.get(name ?? problem.y) as DataColumn)
  made.set(
    RESPONSE,
    stack((output) => column(output, output.compiled.problem.y)),
  )
  made.set(
    WEIGHT,
    stack((output) => column(output, output.compiled.problem.weight)),
  )
  return made.set(
    VALUE,
    stack((_, k) => k),
  )
}
