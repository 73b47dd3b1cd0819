/**
 * A dual active-set method for strictly convex quadratic programs (Goldfarb and Idnani, 1983): minimize ½xᵀHx + gᵀx
 * with limits on the variables and on linear functions of the variables. The iterates are minima with a subset of the
 * constraints, and the method adds violated constraints one by one.
 */

import { EPSILON } from '../core/numbers.js'
import { ActiveFactors } from './factors.js'
import { addMultiple, addRows, multiply, multiplyRows } from './products.js'

export interface QuadraticProgram {
  readonly size: number
  /** A symmetric matrix by rows. */
  readonly hessian: Float64Array
  readonly gradient: Float64Array
  /** Count of linear constraints, without the bounds. */
  readonly count: number
  /** Coefficients of the linear constraints, row by row. */
  readonly rows: Float64Array
  /** Limits of the variables, followed by the limits of the linear constraints. */
  readonly min: Float64Array
  readonly max: Float64Array
  /** The point from which x counts, if x is a step. The limits have rounding errors of the size of the point. */
  readonly origin?: Float64Array
}

export function createProgram(size: number, count: number): QuadraticProgram {
  return {
    size,
    count,
    hessian: new Float64Array(size * size),
    gradient: new Float64Array(size),
    rows: new Float64Array(count * size),
    min: new Float64Array(size + count),
    max: new Float64Array(size + count),
  }
}

export type DualOutcome = 'solved' | 'infeasible' | 'stalled'

/** Violations up to this many rounding errors are accepted. */
const ROUNDING = 8
/** Corrections of rounding errors before a program counts as infeasible. */
const MAX_CORRECTIONS = 1
/** Limit of the iterations, in numbers of variables and constraints. */
const MAX_ITERATIONS = 30

/** Indices of constraints count the variables first: constraint n + k is row k. */
export class DualActiveSet {
  readonly x: Float64Array
  /** Multipliers of the limits of all variables and constraints, positive at a minimum and negative at a maximum. */
  readonly multipliers: Float64Array
  readonly factors: ActiveFactors
  /** Indices of the active constraints. */
  readonly active: number[] = []
  iterations = 0
  readonly #program: QuadraticProgram
  /** Sum of the sizes of the elements of the origin. */
  #origin = 0
  /** For each active constraint 1 at its minimum and −1 at its maximum. */
  readonly #signs: number[] = []
  readonly #u: Float64Array
  /** 1 for active constraints, and 2 for constraints that are violated by rounding errors of other constraints. */
  readonly #states: Uint8Array
  readonly #normal: Float64Array
  readonly #z: Float64Array
  readonly #r: Float64Array
  readonly #residual: Float64Array
  readonly #work: Float64Array
  readonly #along: Float64Array
  /** Values of the linear constraints. */
  readonly #values: Float64Array

  constructor(program: QuadraticProgram) {
    const { size, count } = program
    this.#program = program
    this.factors = new ActiveFactors(size)
    this.x = new Float64Array(size)
    this.multipliers = new Float64Array(size + count)
    this.#u = new Float64Array(size + 1)
    this.#states = new Uint8Array(size + count)
    this.#normal = new Float64Array(size)
    this.#z = new Float64Array(size)
    this.#r = new Float64Array(size)
    this.#residual = new Float64Array(size)
    this.#work = new Float64Array(size)
    this.#along = new Float64Array(size)
    this.#values = new Float64Array(count)
  }

  /** Removes all constraints from the active set, except for the constraints of the list, with 1 or −1 for the sides. */
  restart(constraints: readonly number[] = [], sides: readonly number[] = []): void {
    this.factors.reset()
    this.active.length = 0
    this.#signs.length = 0
    this.#states.fill(0)
    this.#u.fill(0)
    const { size, min, max } = this.#program
    for (let k = 0; k < constraints.length && this.factors.count < size; k++) {
      // A constraint may have lost its limit since the last program.
      if (!Number.isFinite(sides[k] > 0 ? min[constraints[k]] : max[constraints[k]])) continue
      this.#writeNormal(constraints[k], sides[k])
      if (this.#project(constraints[k], this.#z, this.#r) > 0) this.#push(constraints[k], sides[k], 0)
    }
  }

  /**
   * Keeps the active set and its factors for another program with the same matrices. Returns false if an active
   * constraint has lost its limit.
   */
  keep(): boolean {
    const { min, max } = this.#program
    for (let k = 0; k < this.active.length; k++) {
      if (!Number.isFinite(this.#signs[k] > 0 ? min[this.active[k]] : max[this.active[k]])) return false
    }
    this.#u.fill(0)
    return true
  }

  /** The sides of the active constraints: 1 at a minimum and −1 at a maximum. */
  get sides(): readonly number[] {
    return this.#signs
  }

  /**
   * Solves the program with the Hessian H + D, of which the factors are known, from the current active set.
   *
   * @param center a point c, and the diagonal D of the term ½(x − c)ᵀD(x − c), or 0
   * @param isNear whether x is the solution for another point c
   */
  solve(center: Float64Array, shift: number, isNear = false): DualOutcome {
    const { size, count, origin } = this.#program
    this.#origin = 0
    for (let i = 0; origin !== undefined && i < size; i++) this.#origin += Math.abs(origin[i])
    for (let index = 0; index < size + count; index++) if (this.#states[index] === 2) this.#states[index] = 0
    this.#settle(center, shift)
    const limit = MAX_ITERATIONS * (size + count) + 100
    const start = this.iterations
    let corrections = 0
    for (;;) {
      const next = this.#mostViolated()
      if (next === 0) break
      const outcome = this.#include(Math.abs(next) - 1, next > 0 ? 1 : -1, start + limit)
      if (outcome === 'solved') continue
      if (outcome === 'stalled') return outcome
      // A violation may be a rounding error of the limits, or of a long way to the point.
      if (!this.#ignore(Math.abs(next) - 1) && corrections++ === MAX_CORRECTIONS) return outcome
      this.#settle(center, shift)
    }
    // Without changes, a solution of the last call is already corrected twice.
    if (!isNear || this.iterations > start) this.#correct(center, shift)
    this.#writeMultipliers()
    return 'solved'
  }

  /** Moves to the minimum on the active constraints, and removes constraints whose multipliers have a wrong sign. */
  #settle(center: Float64Array, shift: number): void {
    const { min, max } = this.#program
    for (;;) {
      this.#correct(center, shift)
      let worst = -1
      for (let k = 0; k < this.active.length; k++) {
        const index = this.active[k]
        if (min[index] < max[index] && this.#u[k] < 0 && (worst < 0 || this.#u[k] < this.#u[worst])) worst = k
      }
      if (worst < 0) return
      this.iterations++
      this.#drop(worst)
    }
  }

  /** One step of Newton's method for the equations of the active constraints, which also corrects rounding errors. */
  #correct(center: Float64Array, shift: number): void {
    const { size, hessian, gradient, rows, min, max } = this.#program
    const { factors, x } = this
    const { basis, count } = factors
    const u = this.#u
    const residual = this.#residual
    multiplyRows(hessian, 0, size, x, residual)
    for (let i = 0; i < size; i++) {
      const slope = gradient[i] + shift * (x[i] - center[i])
      residual[i] = -(slope + residual[i])
    }
    const gaps = this.#r
    for (let k = 0; k < count; k++) {
      const index = this.active[k]
      const sign = this.#signs[k]
      if (index < size) residual[index] += sign * u[k]
      else addMultiple(residual, 0, sign * u[k], rows, (index - size) * size, size)
      gaps[k] = sign * ((sign > 0 ? min[index] : max[index]) - this.#valueOf(index))
    }
    const first = this.#z
    factors.solveLower(gaps, first)
    const change = this.#work
    change.fill(0)
    const along = this.#along
    multiplyRows(basis, 0, size, residual, along)
    for (let j = 0; j < count; j++) {
      gaps[j] = first[j] - along[j]
      along[j] = first[j]
    }
    addRows(change, basis, along, 0, size)
    factors.solveUpper(gaps, first)
    for (let i = 0; i < size; i++) x[i] += change[i]
    for (let k = 0; k < count; k++) u[k] += first[k]
  }

  /** The index of the most violated constraint plus 1, negative if its maximum is violated; 0 if none is violated. */
  #mostViolated(): number {
    const { size, count, rows, min, max } = this.#program
    const { x } = this
    const values = this.#values
    multiplyRows(rows, 0, count, x, values)
    let sizes = 0
    for (let i = 0; i < size; i++) sizes += Math.abs(x[i])
    let worst = 0
    let found = 0
    let isEqual = false
    const states = this.#states
    for (let index = 0; index < size + count; index++) {
      const low = min[index]
      const high = max[index]
      const value = index < size ? x[index] : values[index - size]
      const below = low - value
      const above = value - high
      // Most constraints are no more violated than the worst one, and need no allowance for rounding errors.
      const excess = Math.max(below, above)
      const isEquality = low === high
      // Equations come first, because they are never removed.
      const isNext = isEquality && !isEqual ? excess > 0 : excess > worst
      if (!isNext || (isEqual && !isEquality) || states[index] !== 0) continue
      const limit = Math.abs(below > above ? low : high)
      // Rows have the length 1, so the sum of the terms is at most the sum of the sizes of the variables.
      const isLarge = excess > 2 * ROUNDING * EPSILON * (limit + sizes)
      if (!isLarge && !(excess > ROUNDING * EPSILON * (limit + this.#termsOf(index)))) continue
      isEqual = isEquality
      worst = excess
      found = below > above ? index + 1 : -index - 1
    }
    return found
  }

  /** Adds a violated constraint to the active set. Constraints may leave the active set meanwhile. */
  #include(index: number, sign: number, limit: number): DualOutcome {
    const { size, min, max } = this.#program
    const { factors, x } = this
    const u = this.#u
    const z = this.#z
    const r = this.#r
    let multiplier = 0
    this.#writeNormal(index, sign)
    let product = this.#project(index, z, r)
    for (;;) {
      if (++this.iterations > limit) return 'stalled'
      const gap = sign * ((sign > 0 ? min[index] : max[index]) - this.#valueOf(index))
      let blocking = -1
      let partial = Infinity
      for (let k = 0; k < factors.count; k++) {
        const other = this.active[k]
        if (!(r[k] > 0) || min[other] === max[other]) continue
        const ratio = u[k] / r[k]
        if (ratio < partial) {
          partial = ratio
          blocking = k
        }
      }
      const full = product > 0 ? gap / product : Infinity
      const step = Math.min(partial, full)
      if (step === Infinity) return 'infeasible'
      for (let k = 0; k < factors.count; k++) u[k] -= step * r[k]
      multiplier += step
      if (product > 0) for (let i = 0; i < size; i++) x[i] += step * z[i]
      if (full <= partial) {
        this.#push(index, sign, multiplier)
        return 'solved'
      }
      this.#drop(blocking)
      product = factors.projectAgain(z, r)
    }
  }

  /** Treats a violated constraint as satisfied if its violation is a rounding error. Returns whether it is one. */
  #ignore(index: number): boolean {
    const { min, max } = this.#program
    const value = this.#valueOf(index)
    const below = min[index] - value
    const above = value - max[index]
    const limit = Math.abs(below > above ? min[index] : max[index])
    if (!(Math.max(below, above) <= ROUNDING * EPSILON * (limit + this.#origin))) return false
    this.#states[index] = 2
    return true
  }

  /** Projects the normal. The normal depends on the active normals if as many are active as there are variables. */
  #project(index: number, z: Float64Array, r: Float64Array): number {
    const { factors } = this
    const product = factors.project(this.#normal, z, r, index)
    return factors.count < factors.size ? product : 0
  }

  #push(index: number, sign: number, multiplier: number): void {
    const { factors } = this
    this.#u[factors.count] = multiplier
    factors.add()
    this.active.push(index)
    this.#signs.push(sign)
    this.#states[index] = 1
  }

  #drop(position: number): void {
    this.factors.remove(position)
    this.#states[this.active[position]] = 0
    this.active.splice(position, 1)
    this.#signs.splice(position, 1)
    this.#u.copyWithin(position, position + 1)
  }

  #writeNormal(index: number, sign: number): void {
    const { size, rows } = this.#program
    const normal = this.#normal
    if (index < size) {
      normal.fill(0)
      normal[index] = sign
      return
    }
    for (let i = 0, at = (index - size) * size; i < size; i++, at++) normal[i] = sign * rows[at]
  }

  #valueOf(index: number): number {
    const { size, rows } = this.#program
    const { x } = this
    return index < size ? x[index] : multiply(rows, (index - size) * size, x, 0, size)
  }

  /** The sum of the sizes of a constraint's terms. */
  #termsOf(index: number): number {
    const { size, rows } = this.#program
    const { x } = this
    let terms = 0
    for (let i = 0, at = (index - size) * size; index >= size && i < size; i++, at++)
      terms += Math.abs(rows[at] * x[i])
    return terms
  }

  #writeMultipliers(): void {
    this.multipliers.fill(0)
    for (let k = 0; k < this.active.length; k++)
      this.multipliers[this.active[k]] = this.#signs[k] * this.#u[k]
  }
}
