/** Groups that share parameters as one system: looks at all of them, and the steps that follow. */

import { log } from '../../functions/index.js'
import type { EngineCall } from '../../many/engines/execute.js'
import type { Parameter } from '../problem/parameters.js'
import { EXACT_FIT_RATIO, OFFSET_TOLERANCE } from '../programs/diagnostics.js'
import type { EvaluationInput } from '../programs/group-evaluation.js'
import { type DenseFactors, factorizeDense, solveDense } from '../solve/dense-ldlt.js'
import { type EvaluationTotals, type GroupBatch, type LocalIndex, makeTotals } from './group-batch.js'

/** Where parameters are: those that are shared, and own ones by family. */
export interface ArrowheadPoint {
  readonly shared: Float64Array
  readonly local: readonly (readonly Float64Array[])[]
}

/** A parameter that stays where it is: a shared one, or an own one of a group. */
export interface FixedParameters {
  readonly shared: number | null
  readonly local: LocalIndex | null
}

/** All vary. */
export const NO_FIXED: FixedParameters = { shared: null, local: null }

/** How a step is made. */
interface ArrowheadStepOptions {
  /** The diagonal D, and λ beside it. */
  readonly scale: Float64Array
  readonly damping: number
  readonly held: FixedParameters
  /** Whether those that models are not linear in wait. */
  readonly isFirst: boolean
  /** Below this pivot a direction is none. */
  readonly least?: number
}

/** What is left to shared parameters, and the step that they take. */
export interface ArrowheadStep {
  readonly dense: DenseFactors
  readonly shared: Float64Array
  /** Whether they may move. */
  readonly moves: Uint8Array
  /** −gᵀδ of all: what a step without λ lowers the cost by, if the model is linear. */
  readonly decrement: number
}

/** Below this pivot, relative to the diagonal, the direction of a step is arbitrary. */
export const SINGULAR_PIVOT = 1e-12
/** Below this one standard errors would have fewer than seven digits. */
export const IDENTIFIABLE_PIVOT = 1e-9

/** A look at where all are, by which errors are told. */
const STATIONARY_INPUT = { moves: 0, fresh: 1, first: 0, damping: 0, least: IDENTIFIABLE_PIVOT }

export class ArrowheadSolver {
  readonly batches: readonly GroupBatch[]
  /** Parameters that are shared, in their places, and how many these are. */
  readonly shared: readonly Parameter[]
  readonly size: number
  /** What these may be. */
  readonly min: Float64Array
  readonly max: Float64Array
  readonly tolerance: number
  readonly isBounded: boolean
  readonly degreesOfFreedom: number
  /** Which shared parameters wait for those that models are linear in. */
  readonly #linear: Uint8Array
  /** Whether models are linear in some parameters, and not in others. */
  readonly isPartlyLinear: boolean
  /** Whether all are where the last look has been: else they are where its step began. */
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
    const rows = count((family) => family.rows.reduce((all, more) => all + more, 0))
    this.degreesOfFreedom = Math.max(
      1,
      rows - this.size - count(({ local, groups }) => local * groups.length),
    )
    this.#linear = new Uint8Array(this.size)
    for (const { local, sharedPlaces, linear } of families) {
      for (const [k, place] of sharedPlaces.entries()) {
        if (!linear[local + k]) continue
        for (const at of typeof place === 'number' ? [place] : place) this.#linear[at] = 1
      }
    }
    this.isPartlyLinear = families.some(({ linear }) => linear.includes(true))
  }

  /** Puts own parameters somewhere, from where looks and steps go on. */
  setPoint(own: ArrowheadPoint['local'], held: FixedParameters, second: 'weight' | 'curvature'): void {
    for (const [f, family] of this.batches.entries()) {
      family.setPoint(own[f], held.local?.batch === f ? held.local : null, second)
    }
    this.#isThere = false
  }

  /** Looks at where a step leads, or at where all are. */
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

  /** A look at the end. */
  *evaluateAtEnd(shared: Float64Array): Generator<EngineCall, EvaluationTotals> {
    return yield* this.evaluate(shared, STATIONARY_INPUT)
  }

  /** Has steps go on from where the last one began. */
  stepBack(): void {
    this.#isThere = false
  }

  /** Where own parameters are. */
  readLocals(): Float64Array[][] {
    return this.batches.map((family) => family.read(this.#isThere ? 'trial' : 'base'))
  }

  /** Where a step leads shared parameters, inside of bounds, and by how much. */
  stepAlong(at: Float64Array, { shared: step }: ArrowheadStep): [to: Float64Array, delta: Float64Array] {
    const to = at.map((x, k) => Math.min(Math.max(x + step[k], this.min[k]), this.max[k]))
    return [to, to.map((x, k) => x - at[k])]
  }

  /** Where a step leads from where all are. */
  movedDistance(at: Float64Array, step: ArrowheadStep): ArrowheadPoint {
    const [shared, delta] = this.stepAlong(at, step)
    return { shared, local: this.batches.map((family) => family.movedDistance(delta)) }
  }

  /**
   * Whether what a step without λ still gains is as good as none, as `summary` has it.
   *
   * @param end what a look there has told
   */
  isMinimum(shared: Float64Array, end: EvaluationTotals, gain: number): boolean {
    const size = end.size + weightedStep(end.diagonal, shared)
    const exact = Math.max(EXACT_FIT_RATIO * EXACT_FIT_RATIO, 4 * this.tolerance * this.tolerance)
    const part = Math.max(OFFSET_TOLERANCE * OFFSET_TOLERANCE, 2 * this.tolerance)
    return gain <= Math.max(part * end.cost, exact * size)
  }

  /** The step that is left where all are. */
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
          !(isFirst && this.#linear[k] === 1) &&
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

  /** Gives memory back, which no engine may have any more. */
  release(): void {
    for (const family of this.batches) family.release()
  }
}

/** Σ w·x². */
export function weightedStep(weight: Float64Array, x: Float64Array): number {
  return x.reduce((sum, one, k) => sum + weight[k] * one * one, 0)
}

/** A parameter stays at a bound that it would leave. */
const canMove = (x: number, gradient: number, min: number, max: number) =>
  !((x <= min && gradient > 0) || (x >= max && gradient < 0))
