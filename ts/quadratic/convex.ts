/**
 * Convex quadratic programs, including semidefinite ones. The variables are scaled so that the diagonal of the Hessian
 * consists of ones, and the linear constraints are scaled so that each has a normal of length 1.
 *
 * A Hessian that is not safely positive definite gets a proximal term ½ρ·|x − c|², where c is the last solution
 * (Rockafellar, 1976). The term vanishes at the solution. Because the last active set is the start of the next one, a
 * further solution mostly takes one correction.
 */

import { EPSILON } from '../core/numbers.js'
import { createProgram, DualActiveSet, type QuadraticProgram } from './dual-active-set.js'

export type ConvexOutcome =
  | 'converged'
  | 'infeasible'
  | 'unbounded'
  | 'stalled'
  | 'max-iterations'
  | 'not-convex'

/** Pivots of a scaled Hessian that is positive definite without a proximal term are greater than this number. */
const DEFINITE_PIVOT = 1e-9
/** The weight ρ of the proximal term, relative to the diagonal. */
const PROXIMAL = 1e-7
/** Maximum count of proximal steps. */
const MAX_STEPS = 500
/** Relative change of a gradient or of a constraint along a direction that counts as 0. */
const FLAT = 1e-8

export class ConvexSolver {
  /** The solution, and the multipliers of the variables and of the constraints, in the user's scale. */
  readonly x: Float64Array
  readonly multipliers: Float64Array
  readonly #set: DualActiveSet
  readonly #scaled: Required<QuadraticProgram>
  readonly #scale: Float64Array
  readonly #norms: Float64Array
  readonly #center: Float64Array
  /** Active constraints and their sides at the end of the last solution. */
  #active: number[] = []
  #sides: number[] = []
  /** The proximal term of the matrix that is factorized; NaN without one. */
  #shift = NaN

  constructor(size: number, count: number) {
    const program = { ...createProgram(size, count), origin: new Float64Array(size) }
    this.#scaled = program
    this.#set = new DualActiveSet(program)
    this.x = new Float64Array(size)
    this.multipliers = new Float64Array(size + count)
    this.#scale = new Float64Array(size)
    this.#norms = new Float64Array(size + count)
    this.#center = new Float64Array(size)
  }

  get iterations(): number {
    return this.#set.iterations
  }

  /** Indices of the active constraints: the variables, followed by the linear constraints. */
  get active(): readonly number[] {
    return this.#active
  }

  /** For each active constraint 1 at its minimum and −1 at its maximum. */
  get sides(): readonly number[] {
    return this.#sides
  }

  /** Sets the active constraints from which a further program starts. */
  assume(active: readonly number[], sides: readonly number[]): void {
    this.#active = [...active]
    this.#sides = [...sides]
  }

  /** Forgets the active constraints and the results of the last program. */
  forget(): void {
    this.#active = []
    this.#sides = []
    this.x.fill(0)
    this.multipliers.fill(0)
    this.#set.multipliers.fill(0)
    this.#shift = NaN
  }

  /** Solves a program of the sizes of the solver. A warm solver starts from the active constraints of the last program. */
  solve(program: QuadraticProgram, isWarm = false): ConvexOutcome {
    const isSame = this.#load(program)
    const set = this.#set
    set.iterations = 0
    set.x.fill(0)
    // The factors depend only on the matrices and the active constraints.
    if (!(isWarm && isSame && this.#shift >= 0 && set.keep())) {
      if (!this.#factorize()) return 'not-convex'
      set.restart(isWarm ? this.#active : [], this.#sides)
    }
    const outcome = this.#iterate(this.#shift)
    this.#unload()
    return outcome
  }

  /** Factorizes the Hessian, with a proximal term if necessary. Returns false if the Hessian is not semidefinite. */
  #factorize(): boolean {
    const { factors } = this.#set
    const { hessian } = this.#scaled
    this.#shift = 0
    if (factors.factorize(hessian, 0, DEFINITE_PIVOT)) return true
    this.#shift = PROXIMAL
    if (factors.factorize(hessian, PROXIMAL, EPSILON)) return true
    this.#shift = NaN
    return false
  }

  #iterate(shift: number): ConvexOutcome {
    const set = this.#set
    const center = this.#center
    const { size, gradient } = this.#scaled
    center.fill(0)
    let slope = 0
    for (let i = 0; i < size; i++) slope = Math.max(slope, Math.abs(gradient[i]))
    let last = Infinity
    for (let step = 0; step < MAX_STEPS; step++) {
      const outcome = set.solve(center, shift, step > 0)
      if (outcome !== 'solved') return outcome
      if (shift === 0) return 'converged'
      let change = 0
      let largest = 0
      for (let i = 0; i < size; i++) {
        change = Math.max(change, Math.abs(set.x[i] - center[i]))
        largest = Math.max(largest, Math.abs(set.x[i]))
      }
      // The proximal term is the whole gradient of the Lagrangian that is left.
      const isSmall = shift * change <= 4 * EPSILON * (slope + largest)
      // Steps shrink by about the same factor, or by none where the solution is not unique.
      const next = step > 0 ? change * (change / last) : change
      if (isSmall && (next <= 1e-12 * largest || change >= 0.5 * last || change === 0)) return 'converged'
      if (step > 0 && !isSmall && this.#isRay(change)) return 'unbounded'
      last = change
      center.set(set.x)
    }
    return 'max-iterations'
  }

  /** Whether the objective falls forever along the last change, within the constraints. */
  #isRay(change: number): boolean {
    const { size, count, hessian, gradient, rows, min, max } = this.#scaled
    const { x } = this.#set
    const center = this.#center
    let slope = 0
    let slopes = 0
    for (let i = 0; i < size; i++) {
      const d = (x[i] - center[i]) / change
      let sum = 0
      for (let j = 0; j < size; j++) sum += (hessian[i * size + j] * (x[j] - center[j])) / change
      if (Math.abs(sum) > FLAT) return false
      slope += gradient[i] * d
      slopes += Math.abs(gradient[i] * d)
    }
    if (!(slope < -FLAT * slopes)) return false
    for (let index = 0; index < size + count; index++) {
      let along = index < size ? (x[index] - center[index]) / change : 0
      for (let i = 0, at = (index - size) * size; index >= size && i < size; i++)
        along += (rows[at + i] * (x[i] - center[i])) / change
      if ((min[index] > -Infinity && along < -FLAT) || (max[index] < Infinity && along > FLAT)) return false
    }
    return true
  }

  /** Scales a program. Returns whether the last program had the same scaled matrices. */
  #load({ size, count, hessian, gradient, rows, min, max, origin }: QuadraticProgram): boolean {
    const scaled = this.#scaled
    const from = scaled.origin
    const scale = this.#scale
    const norms = this.#norms
    for (let i = 0; i < size; i++) {
      const diagonal = hessian[i * size + i]
      scale[i] = diagonal > 0 ? 1 / Math.sqrt(diagonal) : 0
    }
    // Variables without curvature get the scale of the constraints.
    for (let i = 0; i < size; i++) if (scale[i] === 0) scale[i] = 1
    let isSame = true
    for (let i = 0; i < size; i++) {
      for (let j = 0, at = i * size; j < size; j++, at++) {
        const element = hessian[at] * scale[i] * scale[j]
        if (scaled.hessian[at] === element) continue
        isSame = false
        scaled.hessian[at] = element
      }
      scaled.gradient[i] = gradient[i] * scale[i]
      norms[i] = 1
      from[i] = origin === undefined ? 0 : origin[i] / scale[i]
      scaled.min[i] = min[i] / scale[i]
      scaled.max[i] = max[i] / scale[i]
    }
    for (let k = 0; k < count; k++) {
      const norm = lengthOf(rows, k * size, scale)
      norms[size + k] = norm
      for (let i = 0, at = k * size; i < size; i++, at++) {
        const element = (rows[at] * scale[i]) / norm
        if (scaled.rows[at] === element) continue
        isSame = false
        scaled.rows[at] = element
      }
      scaled.min[size + k] = min[size + k] / norm
      scaled.max[size + k] = max[size + k] / norm
    }
    return isSame
  }

  #unload(): void {
    const { size, count } = this.#scaled
    const set = this.#set
    const scale = this.#scale
    for (let i = 0; i < size; i++) {
      this.x[i] = set.x[i] * scale[i]
      this.multipliers[i] = set.multipliers[i] / scale[i]
    }
    for (let k = size; k < size + count; k++) this.multipliers[k] = set.multipliers[k] / this.#norms[k]
    this.#active = [...set.active]
    this.#sides = [...set.sides]
  }
}

/** Squares of this size are neither lost nor infinite. */
const [LEAST_SQUARE, MOST_SQUARE] = [1e-200, 1e200]

/** The length of a row times the scales; 1 for a row of zeros. */
function lengthOf(rows: Float64Array, first: number, scale: Float64Array): number {
  let squares = 0
  for (let i = 0; i < scale.length; i++) {
    const element = rows[first + i] * scale[i]
    squares += element * element
  }
  if (squares > LEAST_SQUARE && squares < MOST_SQUARE) return Math.sqrt(squares)
  let largest = 0
  for (let i = 0; i < scale.length; i++) largest = Math.max(largest, Math.abs(rows[first + i] * scale[i]))
  if (largest === 0) return 1
  squares = 0
  for (let i = 0; i < scale.length; i++) {
    const ratio = (rows[first + i] * scale[i]) / largest
    squares += ratio * ratio
  }
  return largest * Math.sqrt(squares)
}
