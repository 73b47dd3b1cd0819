/**
 * Levenberg-Marquardt for groups that share parameters: as ../levenberg-marquardt.ts has it for a single fit, but that
 * all groups move together, and one λ damps them.
 */

import { log } from '../../functions/index.js'
import type { EngineCall } from '../../many/engines/execute.js'
import type { Parameter } from '../problem/parameters.js'
import { CONVERGED, MAX_ITERATIONS, NOT_FINITE, STALLED } from '../problem/reasons.js'
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

/** Where all have ended. */
export interface ArrowheadStop {
  readonly point: ArrowheadPoint
  readonly cost: number
  readonly reason: number
  readonly evaluations: number
  /** What the last look has told, where it was without λ and by what errors are made of. */
  readonly end: EvaluationTotals | null
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

/** How steps are made. */
export interface SolveMode {
  /** Whether they start near their end. */
  readonly isWarmStart: boolean
  /** Whether what models are linear in is solved for after each step, as in ../levenberg-marquardt.ts. */
  readonly alternates: boolean
}

const COLD_START: SolveMode = { isWarmStart: false, alternates: false }

const FIRST_DAMPING = 1e-3
/** λ of what models are linear in, where nothing else moves. */
const NEGLIGIBLE_GAIN = 1e-14
/** λ where some parameters wait: what hardly differs from others does not move much then. */
const ISOLATION_RATIO = 0.1
/** A step without λ that has failed is followed by one with so much at least. */
const RETRY_DAMPING = 1e-6
const MAX_DAMPING = 1e16
/** Beside what was predicted, a gain above which λ becomes a third; each look is made as if that were so. */
const GOOD_AGREEMENT = 0.5
/** So often steps are tried without λ that do not lower the cost. */
const MIN_CONFIRMATIONS = 4
/** A part of the tolerance: a step that gains so little, beside what errors are made of, is the last one. */
const LAST_STEP_TOLERANCE = 1e-4
const MIN_DECREMENT = 1e-15
/** A relative gain this small is lost in the rounding of the cost. */
const NEGLIGIBLE_STEP = 1e-14
/** Largest relative rounding error of the cost. */
const ROUNDING_ERROR = 1e-12
/** So many steps are made that only lower what is lost in rounding. */
const MAX_POLISHES = 8
/** Below this pivot, relative to the diagonal, the direction of a step is arbitrary. */
const SINGULAR_PIVOT = 1e-12
/** Below this one standard errors would have fewer than seven digits. */
const IDENTIFIABLE_PIVOT = 1e-9

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
  readonly #tolerance: number
  readonly #isBounded: boolean
  readonly #degreesOfFreedom: number
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
    this.#tolerance = tolerance
    const limit = (x: number, { isLogarithmic }: Parameter) => (isLogarithmic ? log(x) : x)
    this.min = Float64Array.from(shared, (parameter) => limit(parameter.min, parameter))
    this.max = Float64Array.from(shared, (parameter) => limit(parameter.max, parameter))
    this.#isBounded = families.some(({ isBounded }) => isBounded)
    const count = (compute: (family: GroupBatch) => number) =>
      families.reduce((all, family) => all + compute(family), 0)
    const rows = count((family) => family.rows.reduce((all, more) => all + more, 0))
    this.#degreesOfFreedom = Math.max(
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
  *#evaluate(
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
    return yield* this.#evaluate(shared, STATIONARY_INPUT)
  }

  /** @param maxIterations looks */
  *solve(
    start: ArrowheadPoint,
    maxIterations: number,
    held = NO_FIXED,
    way: SolveMode = COLD_START,
  ): Generator<EngineCall, ArrowheadStop> {
    this.setPoint(start.local, held, 'weight')
    let { shared: at, local } = start
    const { alternates } = way
    // What models are linear in finds its scale first: else the first step may lead the rest to nowhere.
    let isFirst = this.isPartlyLinear && !way.isWarmStart
    // In turns they are solved for at once: damped, those that hardly differ would not find it.
    let damping = !isFirst ? FIRST_DAMPING : alternates ? NEGLIGIBLE_GAIN : ISOLATION_RATIO
    const asked = (moves: number, damping: number, isAlone: boolean, isFresh = alternates) => ({
      moves,
      damping,
      first: Number(isAlone),
      fresh: Number(isFresh || damping === 0),
      least: damping === 0 ? IDENTIFIABLE_PIVOT : SINGULAR_PIVOT,
    })
    let now = yield* this.#evaluate(at, asked(0, damping, isFirst, true))
    let evaluations = 1
    const stop = (reason: number): ArrowheadStop => {
      const point = { shared: at, local: this.#readLocals() }
      return { point, cost: now.cost, reason, evaluations, end: null }
    }
    if (!Number.isFinite(now.cost)) return stop(NOT_FINITE)
    let scale = now.diagonal
    const least = Math.max(LAST_STEP_TOLERANCE * this.#tolerance, MIN_DECREMENT)
    const small = Math.max(this.#tolerance, NEGLIGIBLE_STEP)
    let [growth, confirmations, polishes, before] = [2, 0, 0, 0]
    while (evaluations < maxIterations) {
      let step = this.#step(at, now, scale, damping, held, isFirst)
      // With damping any step becomes small: only one without it tells.
      if (damping > 0 && !isFirst && step.decrement <= small * now.cost) {
        if (confirmations++ >= MIN_CONFIRMATIONS) return stop(STALLED)
        damping = 0
        // What D was large by may be gone: beside it nothing here would count as determined.
        now = yield* this.#evaluate(at, asked(0, 0, false))
        evaluations++
        scale = now.diagonal
        step = this.#step(at, now, scale, 0, held, false)
      }
      const { decrement } = step
      // So small a step needs no look at where it leads, as of a single fit.
      if (damping === 0 && decrement * this.#degreesOfFreedom <= least * now.cost) {
        const point = this.#movedDistance(at, step)
        return { ...stop(CONVERGED), point, cost: now.cost - decrement, end: now }
      }
      // Of such a step the cost can no longer tell.
      const isPolish = damping === 0 && decrement <= NEGLIGIBLE_STEP * now.cost
      // As if it succeeds, and the next one gains less by as much as this one; where not, there is another look.
      const isNearEnd = decrement * Math.min(1, decrement / before) <= small * now.cost
      const next = isFirst ? FIRST_DAMPING : isNearEnd ? 0 : damping / 3
      const turns = alternates && !isFirst
      let [to, delta] = this.#stepAlong(at, step)
      let there = yield* this.#evaluate(
        to,
        turns ? asked(1, NEGLIGIBLE_GAIN, true) : asked(1, next, false),
        delta,
      )
      evaluations++
      const length = there.length + weightedStep(scale, delta)
      const size = there.size + weightedStep(scale, to)
      const isShort = damping === 0 && length <= least * least * size
      const predicted = this.#isBounded ? there.gain : decrement + damping * length
      if (turns && Number.isFinite(there.cost)) {
        ;[to, delta] = this.#stepAlong(to, this.#step(to, there, there.diagonal, NEGLIGIBLE_GAIN, held, true))
        there = yield* this.#evaluate(to, asked(1, next, false), delta)
        evaluations++
      }
      if (there.cost < now.cost || (isPolish && there.cost <= now.cost * (1 + ROUNDING_ERROR))) {
        const ratio = predicted > 0 ? (now.cost - there.cost) / predicted : 1
        growth = 2
        before = decrement
        at = to
        now = there
        if (isShort || (isPolish && ++polishes === MAX_POLISHES)) return stop(CONVERGED)
        if (alternates) local = this.#readLocals()
        const isFresh = alternates || next === 0
        scale = isFresh ? there.diagonal : scale.map((d, k) => Math.max(d, there.diagonal[k]))
        if (isFirst || damping === 0 || ratio >= GOOD_AGREEMENT) {
          damping = next
          isFirst = false
          continue
        }
        const off = 2 * ratio - 1
        damping *= 1 - off * off * off
      } else {
        if (turns) this.setPoint(local, held, 'weight')
        this.#isThere = false
        if (isShort) return stop(CONVERGED)
        if (damping > MAX_DAMPING) return stop(STALLED)
        const more = Math.max(damping * growth, RETRY_DAMPING)
        growth = damping > 0 ? 2 * growth : 2
        damping = more
      }
      now = yield* this.#evaluate(at, asked(0, damping, isFirst))
      evaluations++
    }
    return stop(MAX_ITERATIONS)
  }

  /** Where own parameters are. */
  #readLocals(): Float64Array[][] {
    return this.batches.map((family) => family.read(this.#isThere ? 'trial' : 'base'))
  }

  /** Where a step leads shared parameters, inside of bounds, and by how much. */
  #stepAlong(at: Float64Array, { shared: step }: ArrowheadStep): [to: Float64Array, delta: Float64Array] {
    const to = at.map((x, k) => Math.min(Math.max(x + step[k], this.min[k]), this.max[k]))
    return [to, to.map((x, k) => x - at[k])]
  }

  /** Where a step leads from where all are. */
  #movedDistance(at: Float64Array, step: ArrowheadStep): ArrowheadPoint {
    const [shared, delta] = this.#stepAlong(at, step)
    return { shared, local: this.batches.map((family) => family.movedDistance(delta)) }
  }

  /**
   * Whether what a step without λ still gains is as good as none, as `summary` has it.
   *
   * @param end what a look there has told
   */
  isMinimum(shared: Float64Array, end: EvaluationTotals, gain: number): boolean {
    const size = end.size + weightedStep(end.diagonal, shared)
    const exact = Math.max(EXACT_FIT_RATIO * EXACT_FIT_RATIO, 4 * this.#tolerance * this.#tolerance)
    const part = Math.max(OFFSET_TOLERANCE * OFFSET_TOLERANCE, 2 * this.#tolerance)
    return gain <= Math.max(part * end.cost, exact * size)
  }

  /** The step that is left where all are. */
  lastStep(shared: Float64Array, end: EvaluationTotals): ArrowheadStep {
    return this.#step(shared, end, end.diagonal, 0, NO_FIXED, false, IDENTIFIABLE_PIVOT)
  }

  #step(
    shared: Float64Array,
    { matrix, right, gradient, decrement }: EvaluationTotals,
    scale: Float64Array,
    damping: number,
    held: FixedParameters,
    isFirst: boolean,
    least = SINGULAR_PIVOT,
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
function weightedStep(weight: Float64Array, x: Float64Array): number {
  return x.reduce((sum, one, k) => sum + weight[k] * one * one, 0)
}

/** A parameter stays at a bound that it would leave. */
const canMove = (x: number, gradient: number, min: number, max: number) =>
  !((x <= min && gradient > 0) || (x >= max && gradient < 0))
