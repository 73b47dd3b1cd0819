/**
 * A trust-region Newton method for one run. A pass judges a trial point and proposes the next one. Both parts consist of
 * operations in a fixed order, because lanes repeat them without branches (lanes/newton.ts).
 */

import { epsilon, type FloatArray } from '../core/numbers.js'
import { type BoundsBox, clamp, isHeld } from '../objectives/bounds.js'
import { NewtonFactors, triangleIndex } from './newton-factors.js'
import {
  BORDER,
  DAMPING_MARGIN,
  FLATTER,
  GOOD_RATIO,
  GROWTH_FACTOR,
  MIN_RATIO,
  NOISE_FACTOR,
  POOR_RATIO,
  SHRINK_FACTOR,
} from './newton-limits.js'

/** The derivatives at a trial point. */
export interface TrialDerivatives {
  readonly gradient: FloatArray
  /** Matrix of second derivatives by rows, of which the lower triangle is read. */
  readonly hessian: FloatArray
}

export class NewtonRun {
  /** The best point so far, and its gradient. */
  readonly best: FloatArray
  readonly gradient: FloatArray
  value = NaN
  /** The point at which the next pass evaluates the objective. */
  readonly trial: FloatArray
  /** Whether the proposal is the best point itself, because the next proposal needs another damping. */
  isIdle = false
  isStuck = false
  readonly hessian: FloatArray
  readonly #size: number
  readonly #box: BoundsBox | null
  readonly #tolerance: number
  readonly #epsilon: number
  readonly #factors: NewtonFactors
  readonly #held: Uint8Array
  readonly #blocked: Uint8Array
  readonly #matrix: Float64Array
  readonly #direction: Float64Array
  readonly #work: Float64Array
  /** Sum of |Hᵢⱼ| over the lower triangle, and largest |gᵢ| of the parameters that are not held. */
  #scale = 0
  #norm = Infinity
  #radius: number
  #isFirst = true
  /** The secular equation suggests the damping base + gain/radius. The damping is at least `low`; 0 if `low` is −1. */
  #base = 0
  #gain = 0
  #low = 0
  /** The predicted reduction of the proposal, its length, its length before bounds, and its largest change. */
  #predicted = 0
  #length = 0
  #reach = 0
  #moved = 0

  /**
   * @param start a point within the bounds
   * @param radius radius of the first trust region, in units of the largest parameter or of 1
   */
  constructor(
    start: FloatArray,
    radius: number,
    { box, tolerance }: { readonly box: BoundsBox | null; readonly tolerance: number },
  ) {
    const size = start.length
    this.best = start.slice()
    this.trial = start.slice()
    this.gradient = start.slice()
    this.hessian = new (start.constructor as Float64ArrayConstructor)(size * size)
    this.#size = size
    this.#box = box
    this.#tolerance = tolerance
    this.#radius = radius
    this.#epsilon = epsilon[start.BYTES_PER_ELEMENT]
    this.#factors = new NewtonFactors(size)
    this.#held = new Uint8Array(size)
    this.#blocked = new Uint8Array(size)
    this.#matrix = new Float64Array(triangleIndex(size, 0))
    this.#direction = new Float64Array(size)
    this.#work = new Float64Array(size)
  }

  /**
   * Accepts or rejects the trial point, and adjusts the trust radius. Returns whether the point is accepted. TrialDerivatives
   * are requested only if the value alone does not reject the point.
   */
  judge(value: number, derive: () => TrialDerivatives): boolean {
    const isFirst = this.#isFirst
    this.#isFirst = false
    const reduction = this.value - value
    const noise = NOISE_FACTOR * this.#epsilon * Math.abs(this.value)
    const isNoise = Math.abs(reduction) <= noise
    const isLess = reduction > 0 && reduction >= MIN_RATIO * this.#predicted
    const shorter = SHRINK_FACTOR * Math.min(this.#length, this.#radius)
    const isTooShort = this.#moved < this.#tolerance || (isNoise && this.#predicted <= noise)
    if (!isFirst && !isLess && !isNoise && value !== -Infinity) {
      // Such a reduction is also poor.
      this.#radius = shorter
      this.isStuck = isTooShort
      return false
    }
    const trial = derive()
    const { gradient } = trial
    const scale = this.#sum(trial.hessian)
    let sum = 0
    for (let i = 0; i < gradient.length; i++) sum += Math.abs(gradient[i])
    const norm = this.#freeNorm(this.trial, gradient)
    const isUsable = Math.abs(value) < Infinity && sum + scale < Infinity
    const isFlatter = isUsable && isNoise && !isLess && norm <= FLATTER * this.#norm
    const isBetter = isFirst || (isUsable ? isLess || isFlatter : value === -Infinity)
    const isPoor = !(isUsable && reduction > 0 && reduction >= POOR_RATIO * this.#predicted)
    const isGood = reduction >= GOOD_RATIO * this.#predicted && this.#reach >= BORDER * this.#radius
    const changed = isPoor ? shorter : isGood ? GROWTH_FACTOR * this.#radius : this.#radius
    this.#radius = isFirst ? this.#firstRadius() : isFlatter ? this.#radius : changed
    this.isStuck = isBetter ? !isUsable : isTooShort
    if (!isBetter) return false
    // A start without finite derivatives has no usable value.
    this.value = isUsable || !(Math.abs(value) < Infinity) ? value : NaN
    this.best.set(this.trial)
    this.gradient.set(gradient)
    this.hessian.set(trial.hessian)
    this.#scale = scale
    this.#norm = norm
    return true
  }

  /** Chooses the next trial point. */
  propose(): void {
    const radius = this.#radius
    const twice = 2 * this.#scale
    const pull = this.#norm / radius
    const wanted = Math.max(this.#low, this.#base + this.#gain / radius, pull - twice)
    const damping = this.#low < 0 ? 0 : Math.max(0, Math.min(wanted, this.#size * pull + twice))
    this.#factorize(damping)
    const { scale, reach } = this.#solve(damping)
    const isShort = !(reach > 0 && reach >= this.#tolerance)
    const isKick = isShort && this.#factors.isIndefinite
    const isRedo = isShort && !isKick && damping > 0
    this.#move(isKick ? this.#kick() : isRedo ? 0 : scale)
    // The quadratic approximation may grow if bounds shorten a step.
    const isWorse = this.#box !== null && this.#moved > 0 && !(this.#predicted > 0)
    const isHolding = isWorse && this.#holdMore()
    if (isWorse && !isHolding) this.#radius = SHRINK_FACTOR * Math.min(this.#length, radius)
    // A repeated step keeps the blocked variables, because the run would otherwise repeat both passes forever.
    if (!isHolding && !isRedo) this.#blocked.fill(0)
    if (isRedo) this.#low = -1
    this.isIdle = isRedo || isWorse
    if (isWorse) this.#move(0)
    if (this.#moved === 0 && !this.isIdle) this.isStuck = true
  }

  /** Factorizes (H + damping·I) of the variables that are not held, and bounds the next damping from below. */
  #factorize(damping: number): void {
    const size = this.#size
    const held = this.#held
    const { best, gradient, hessian } = this
    for (let i = 0; i < size; i++) held[i] = this.#isHeld(best, gradient, i) || this.#blocked[i] === 1 ? 1 : 0
    for (let i = 0, at = 0; i < size; i++) {
      for (let j = 0; j <= i; j++, at++) {
        const element = hessian[i * size + j]
        this.#matrix[at] = held[i] === 1 || held[j] === 1 ? 0 : j < i ? element : element + damping
      }
    }
    this.#factors.factorize(this.#matrix, this.#scale + damping)
  }

  /** Solves for the step and the secular equation, which determines the damping of the next step. */
  #solve(damping: number): { readonly scale: number; readonly reach: number } {
    const d = this.#direction
    const e = this.#work
    const factors = this.#factors
    for (let i = 0; i < d.length; i++) d[i] = this.#held[i] === 1 ? 0 : -this.gradient[i]
    factors.solve(d)
    let largest = 0
    for (let i = 0; i < d.length; i++) largest = Math.max(largest, Math.abs(d[i]))
    const isSound = largest < Infinity
    let squares = 0
    for (let i = 0; i < d.length; i++) {
      e[i] = largest > 0 ? d[i] / largest : 0
      squares += e[i] * e[i]
    }
    const length = largest * Math.sqrt(squares)
    factors.eliminate(e)
    const weighted = factors.weightedSquares(e)
    const slope = weighted > 0 ? squares / weighted : 0
    this.#base = damping - slope
    this.#gain = slope * length
    const scale = !isSound ? 0 : length > this.#radius ? this.#radius / length : 1
    this.#low = 0
    if (factors.isIndefinite) {
      factors.negativeDirection(e)
      let own = 0
      for (let i = 0; i < e.length; i++) own += e[i] * e[i]
      this.#low = damping - (DAMPING_MARGIN * factors.leastPivot) / own
    }
    this.#reach = Math.min(length, this.#radius)
    return { scale, reach: isSound ? scale * largest : 0 }
  }

  /** Replaces the direction by a direction of negative curvature, and returns the factor for a step to the border. */
  #kick(): number {
    const v = this.#work
    const box = this.#box
    let slope = 0
    let squares = 0
    let isOut = false
    for (let i = 0; i < v.length; i++) {
      slope += this.gradient[i] * v[i]
      squares += v[i] * v[i]
      if (box !== null && isHeld(this.best[i], -v[i], i, box)) isOut = true
      this.#direction[i] = v[i]
    }
    this.#low = 0
    this.#reach = this.#radius
    const scale = this.#radius / Math.sqrt(squares)
    return slope > 0 || (slope === 0 && isOut) ? -scale : scale
  }

  /** Moves from the best point along the direction, to the closest point within the bounds. */
  #move(scale: number): void {
    const size = this.#size
    const { best, trial, gradient, hessian } = this
    const s = this.#work
    const box = this.#box
    let moved = 0
    let squares = 0
    for (let i = 0; i < size; i++) {
      // The sign of a 0 depends on skipped products, so the sum with 0 makes zeros positive.
      const to = best[i] + (scale * this.#direction[i] + 0)
      trial[i] = scale === 0 ? best[i] : box === null ? to : clamp(to, box.min[i], box.max[i])
      s[i] = trial[i] - best[i]
      moved = Math.max(moved, Math.abs(s[i]))
      squares += s[i] * s[i]
    }
    let change = 0
    for (let i = 0; i < size; i++) {
      let product = 0
      for (let j = 0; j < size; j++) product += hessian[j < i ? i * size + j : j * size + i] * s[j]
      change += s[i] * (gradient[i] + 0.5 * product)
    }
    this.#moved = moved
    this.#length = Math.sqrt(squares)
    this.#predicted = -change
  }

  /** Blocks the variables at a bound that the direction pushes out. Returns whether there are more of them. */
  #holdMore(): boolean {
    let hasMore = false
    for (let i = 0; i < this.#size; i++) {
      if (this.#held[i] === 1 || !isHeld(this.best[i], -this.#direction[i], i, this.#box as BoundsBox))
        continue
      this.#blocked[i] = 1
      hasMore = true
    }
    return hasMore
  }

  #firstRadius(): number {
    let size = 1
    for (let i = 0; i < this.#size; i++) size = Math.max(size, Math.abs(this.trial[i]))
    return this.#radius * size
  }

  /** Σ|Hᵢⱼ| over the lower triangle. */
  #sum(hessian: FloatArray): number {
    let sum = 0
    for (let i = 0; i < this.#size; i++)
      for (let j = 0; j <= i; j++) sum += Math.abs(hessian[i * this.#size + j])
    return sum
  }

  #freeNorm(x: FloatArray, g: FloatArray): number {
    let norm = 0
    for (let i = 0; i < g.length; i++) if (!this.#isHeld(x, g, i)) norm = Math.max(norm, Math.abs(g[i]))
    return norm
  }

  /** Whether a variable stays at its bound. */
  #isHeld(x: FloatArray, g: FloatArray, i: number): boolean {
    const box = this.#box
    return box !== null && (box.min[i] >= box.max[i] || isHeld(x[i], g[i], i, box))
  }
}
