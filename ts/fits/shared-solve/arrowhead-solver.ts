/**
 * Groups that share parameters as one bordered (arrowhead) system: joint evaluations, and the steps that are computed
 * from the evaluations.
 */

import { log } from '../../functions/index.js'
import type { EngineCall } from '../../many/engines/execute.js'
import type { Parameter } from '../problem/parameters.js'
import { EXACT_FIT_RATIO, OFFSET_TOLERANCE } from '../programs/diagnostics.js'
import type { EvaluationInput } from '../programs/group-evaluation.js'
import { type DenseFactors, factorizeDense, solveDense } from '../solve/dense-ldlt.js'
import { type EvaluationTotals, type GroupBatch, type LocalIndex, makeTotals } from './group-batch.js'

/** Values of the shared parameters, and of the local parameters per batch. */
export interface ArrowheadPoint {
  readonly shared: Float64Array
  readonly local: readonly (readonly Float64Array[])[]
}

/** The parameter that stays fixed: a shared parameter, or a local parameter of one group. */
export interface FixedParameters {
  readonly shared: number | null
  readonly local: LocalIndex | null
}

/** Value for fits in which no parameter is fixed. */
export const NO_FIXED: FixedParameters = { shared: null, local: null }

/** Options of a Levenberg-Marquardt step. */
interface ArrowheadStepOptions {
  /** The diagonal matrix D, and the damping factor λ of D. */
  readonly scale: Float64Array
  readonly damping: number
  readonly held: FixedParameters
  /** Whether the nonlinear parameters stay fixed while only the linear parameters move. */
  readonly isFirst: boolean
  /** Smallest pivot of a usable direction. */
  readonly least?: number
}

/** The reduced system of equations of the shared parameters, and the step of the shared parameters. */
export interface ArrowheadStep {
  readonly dense: DenseFactors
  readonly shared: Float64Array
  /** Whether each shared parameter may move. */
  readonly moves: Uint8Array
  /** The product −gᵀδ of all parameters, which is the gain of an undamped step for a linear model. */
  readonly decrement: number
}

/** If a pivot, relative to the diagonal, is below this value, the direction of a step is arbitrary. */
export const SINGULAR_PIVOT = 1e-12
/** If a pivot is below this value, standard errors would have fewer than seven correct digits. */
export const IDENTIFIABLE_PIVOT = 1e-9

/** Inputs of an evaluation at the current point, for standard errors. */
const STATIONARY_INPUT = { moves: 0, fresh: 1, first: 0, damping: 0, least: IDENTIFIABLE_PIVOT }

export class ArrowheadSolver {
  readonly batches: readonly GroupBatch[]
  /** The shared parameters, and the count of shared parameters. */
  readonly shared: readonly Parameter[]
  readonly size: number
  /** Bounds of the shared parameters. */
  readonly min: Float64Array
  readonly max: Float64Array
  readonly tolerance: number
  readonly isBounded: boolean
  /** Counts of the rows and of the free parameters of all groups with enough rows. */
  readonly observations: number
  readonly varying: number
  readonly degreesOfFreedom: number
  /** The number 1 for each shared parameter of a group with enough rows. */
  readonly isUsed: Uint8Array
  /** Whether each shared parameter is nonlinear, so that it stays fixed while only the linear parameters move. */
  readonly #waits: Uint8Array
  /** Whether the models are linear in some parameters, and nonlinear in others. */
  readonly isPartlyLinear: boolean
  /** Whether the current point is the last trial point. Otherwise the current point is the start of the last step. */
  #isThere = false

  constructor(families: readonly GroupBatch[], shared: readonly Parameter[], tolerance: number) {
    this.batches = families
    this.shared = shared
    this.size = shared.length
    this.tolerance = tolerance
    const limit = (x: number, { isLogarithmic }: Parameter) => (isLogarithmic ? log(x) : x)
    this.min = Float64Array.from(shared, (parameter) => limit(parameter.min, parameter))
    this.max = Float64Array.from(shared, (parameter) => limit(parameter.max, parameter))
    this.isBounded = families.some(({ isBounded }) => isBounded)
    const count = (compute: (family: GroupBatch) => number) =>
      families.reduce((all, family) => all + compute(family), 0)
    this.observations = count(({ rows, active }) =>
      rows.subarray(0, active).reduce((all, more) => all + more, 0),
    )
    this.isUsed = new Uint8Array(this.size)
    for (const { sharedPlaces, active } of families) {
      for (const place of active > 0 ? sharedPlaces : []) {
        if (typeof place === 'number') this.isUsed[place] = 1
        else for (const k of place.subarray(0, active)) this.isUsed[k] = 1
      }
    }
    this.varying = this.isUsed.reduce((sum, is) => sum + is, 0) + count(({ local, active }) => local * active)
    this.degreesOfFreedom = Math.max(1, this.observations - this.varying)
    this.#waits = new Uint8Array(this.size)
    for (const { local, sharedPlaces, waits } of families) {
      for (const [k, place] of sharedPlaces.entries()) {
        if (!waits[local + k]) continue
        for (const at of typeof place === 'number' ? [place] : place) this.#waits[at] = 1
      }
    }
    this.isPartlyLinear = families.some(({ waits }) => waits.includes(true))
  }

  /** Sets the local parameters. Later evaluations and steps start from the new point. */
  setPoint(own: ArrowheadPoint['local'], held: FixedParameters, second: 'weight' | 'curvature'): void {
    for (const [f, family] of this.batches.entries()) {
      family.setPoint(own[f], held.local?.batch === f ? held.local : null, second)
    }
    this.#isThere = false
  }

  /** Evaluates the trial point of a step, or the current point. */
  *evaluate(
    shared: Float64Array,
    ask: Omit<EvaluationInput, 'accepted' | 'delta'>,
    delta: Float64Array = new Float64Array(this.size),
  ): Generator<EngineCall, EvaluationTotals> {
    const totals = makeTotals(this.size)
    const asked = { ...ask, accepted: Number(this.#isThere), delta }
    for (const family of this.batches) yield* family.evaluate(shared, asked, totals)
    this.#isThere = true
    return totals
  }

  /** Evaluates the current point with the second derivatives for standard errors. */
  *evaluateAtEnd(shared: Float64Array): Generator<EngineCall, EvaluationTotals> {
    return yield* this.evaluate(shared, STATIONARY_INPUT)
  }

  /** Returns to the starting point of the last step. */
  stepBack(): void {
    this.#isThere = false
  }

  /** Current values of the local parameters. */
  readLocals(): Float64Array[][] {
    return this.batches.map((family) => family.read(this.#isThere ? 'trial' : 'base'))
  }

  /** Shared parameters after a step, clamped to the bounds, and the change of the shared parameters. */
  stepAlong(at: Float64Array, { shared: step }: ArrowheadStep): [to: Float64Array, delta: Float64Array] {
    const to = at.map((x, k) => Math.min(Math.max(x + step[k], this.min[k]), this.max[k]))
    return [to, to.map((x, k) => x - at[k])]
  }

  /** All parameters after a step from the current point. */
  movedPoint(at: Float64Array, step: ArrowheadStep): ArrowheadPoint {
    const [shared, delta] = this.stepAlong(at, step)
    return { shared, local: this.batches.map((family) => family.movedPoint(delta)) }
  }

  /**
   * Whether the gain of the remaining undamped step is negligible, by the criterion in diagnostics.ts.
   *
   * @param end totals of an evaluation at the current point for standard errors
   */
  isMinimum(shared: Float64Array, end: EvaluationTotals, gain: number): boolean {
    const size = end.size + weightedStep(end.diagonal, shared)
    const exact = Math.max(EXACT_FIT_RATIO * EXACT_FIT_RATIO, 4 * this.tolerance * this.tolerance)
    const part = Math.max(OFFSET_TOLERANCE * OFFSET_TOLERANCE, 2 * this.tolerance)
    return gain <= Math.max(part * end.cost, exact * size)
  }

  /** The remaining undamped step at the current point. */
  lastStep(shared: Float64Array, end: EvaluationTotals): ArrowheadStep {
    const least = IDENTIFIABLE_PIVOT
    return this.step(shared, end, { scale: end.diagonal, damping: 0, held: NO_FIXED, isFirst: false, least })
  }

  step(
    shared: Float64Array,
    { matrix, right, gradient, decrement }: EvaluationTotals,
    { scale, damping, held, isFirst, least = SINGULAR_PIVOT }: ArrowheadStepOptions,
  ): ArrowheadStep {
    const moves = Uint8Array.from(gradient, (g, k) =>
      Number(
        held.shared !== k &&
          !(isFirst && this.#waits[k] === 1) &&
          canMove(shared[k], g, this.min[k], this.max[k]),
      ),
    )
    const dense = factorizeDense(matrix, scale, damping, moves, least)
    const step = solveDense(
      dense,
      right.map((r) => -r),
    )
    const ofShared = right.reduce((sum, r, k) => sum - r * step[k], 0)
    return { dense, shared: step, moves, decrement: decrement + ofShared }
  }

  /** Releases the memory of all batches. No engine may still use the memory. */
  release(): void {
    for (const family of this.batches) family.release()
  }
}

/** The weighted sum of squares Σ w·x². */
export function weightedStep(weight: Float64Array, x: Float64Array): number {
  return x.reduce((sum, one, k) => sum + weight[k] * one * one, 0)
}

/** Whether a parameter can move. A parameter at a bound stays at the bound if its step would cross the bound. */
const canMove = (x: number, gradient: number, min: number, max: number) =>
  !((x <= min && gradient > 0) || (x >= max && gradient < 0))
