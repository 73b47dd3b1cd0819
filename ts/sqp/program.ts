/** The nonlinear program of a run, and its start. */

import { EPSILON } from '../core/numbers.js'
import type { MinimizationProblem } from '../minimize/method.js'
import type { BoundsBox } from '../objectives/bounds.js'
import type { ConvexSolver } from '../quadratic/convex.js'
import { addDifferences, type ConstraintFunction } from './functions.js'
import type { Iterate, NonlinearProblem } from './problem.js'
import { SmoothFunction } from './smooth-function.js'

/** Combines the objective, the bounds and the constraints. */
export class CombinedProgram implements NonlinearProblem {
  readonly size: number
  readonly count: number
  readonly min: Float64Array
  readonly max: Float64Array
  readonly isLinear: Uint8Array
  hasHessian = false
  #box: BoundsBox | null = null
  readonly #objective: SmoothFunction
  readonly #functions: readonly SmoothFunction[]
  /** Parts of a matrix of gradients that belong to one function each. */
  readonly #row: Float64Array
  readonly #rows: readonly Float64Array[]
  readonly #gradient: Float64Array
  /** Whether one call per function computes the value and the derivatives. */
  #isJoint = false
  /** The point of which the derivatives are known. */
  readonly #known: Float64Array
  #isKnown = false
  /** Whether derivatives are computed together with the next values, because the last point needed derivatives. */
  #isWanted = true
  /** 1 for constraints whose second derivatives were used last, and for constraints whose second derivatives are known. */
  readonly #isCurved: Uint8Array
  readonly #isCurvatureKnown: Uint8Array

  constructor(size: number, constraints: readonly ConstraintFunction[]) {
    const count = constraints.length
    this.size = size
    this.count = count
    this.min = new Float64Array(size + count)
    this.max = new Float64Array(size + count)
    this.isLinear = Uint8Array.from(constraints, ({ isLinear }) => (isLinear ? 1 : 0))
    this.#objective = new SmoothFunction(null, size)
    this.#functions = constraints.map(({ indices }) => new SmoothFunction(indices, size))
    this.#row = new Float64Array(size)
    this.#gradient = new Float64Array(size)
    this.#rows = constraints.map(() => new Float64Array(size))
    this.#known = new Float64Array(size)
    this.#isCurved = new Uint8Array(count)
    this.#isCurvatureKnown = new Uint8Array(count)
  }

  /** Whether a problem has the same parameters and constraints of the same parameters. */
  fits(size: number, constraints: readonly ConstraintFunction[]): boolean {
    if (size !== this.size || constraints.length !== this.count) return false
    for (let k = 0; k < constraints.length; k++) {
      const { isLinear, indices } = constraints[k]
      if (isLinear !== (this.isLinear[k] === 1) || !this.#functions[k].fits(indices)) return false
    }
    return true
  }

  /** Replaces the functions and the limits. */
  bind(problem: MinimizationProblem, constraints: readonly ConstraintFunction[]): void {
    const { start, box } = problem
    const { size } = this
    this.#box = box
    this.#objective.bind(problem, box)
    const x = Float64Array.from(start)
    let hasHessian = this.#objective.hasSecond(x)
    let isJoint = this.#objective.isJoint
    for (let k = 0; k < constraints.length; k++) {
      const { functions, isLinear, min, max } = constraints[k]
      this.#functions[k].bind(functions, box)
      this.min[size + k] = min
      this.max[size + k] = max
      hasHessian &&= isLinear || this.#functions[k].hasSecond(x)
      isJoint &&= this.#functions[k].isJoint
      this.#isCurved[k] = isLinear ? 0 : 1
    }
    this.hasHessian = hasHessian
    this.#isJoint = isJoint
    this.#isKnown = false
    this.#isWanted = true
  }

  unbind(): void {
    this.#objective.unbind()
    for (const constraint of this.#functions) constraint.unbind()
  }

  evaluate(x: Float64Array, out: Float64Array): number {
    const functions = this.#functions
    // After a refused point, the derivatives at the next one may not be wanted either.
    const isJoint = this.#isJoint && this.#isWanted
    this.#isWanted = false
    this.#isKnown = false
    if (!isJoint) {
      for (let k = 0; k < functions.length; k++) out[k] = functions[k].value(x)
      return this.#objective.value(x)
    }
    const { hasHessian } = this
    for (let k = 0; k < functions.length; k++) {
      const isCurved = hasHessian && this.#isCurved[k] === 1
      out[k] = functions[k].computeAll(x, this.#rows[k], isCurved)
      this.#isCurvatureKnown[k] = isCurved ? 1 : 0
    }
    const value = this.#objective.computeAll(x, this.#gradient, hasHessian)
    this.#known.set(x)
    this.#isKnown = true
    return value
  }

  differentiate(x: Float64Array, gradient: Float64Array, rows: Float64Array): void {
    const { size } = this
    const functions = this.#functions
    this.#isWanted = true
    if (this.#knows(x)) {
      gradient.set(this.#gradient)
      for (let k = 0; k < functions.length; k++) rows.set(this.#rows[k], k * size)
      return
    }
    this.#objective.writeGradient(x, gradient)
    for (let k = 0; k < functions.length; k++) {
      functions[k].writeGradient(x, this.#row)
      rows.set(this.#row, k * size)
    }
  }

  linear(x: Float64Array, out: Float64Array, rows: Float64Array): void {
    const functions = this.#functions
    for (let k = 0; k < functions.length; k++) {
      if (this.isLinear[k] === 0) continue
      out[k] = functions[k].value(x)
      functions[k].writeGradient(x, this.#row)
      rows.set(this.#row, k * this.size)
    }
  }

  curvature(x: Float64Array, factor: number, multipliers: Float64Array, hessian: Float64Array): void {
    const { size } = this
    const functions = this.#functions
    if (!this.hasHessian) {
      addDifferences((at, out) => this.#combine(at, factor, multipliers, out), x, this.#box, hessian)
      return
    }
    const isKnown = this.#knows(x)
    if (factor !== 0) {
      if (!isKnown) this.#objective.computeSecond(x)
      this.#objective.addSecond(factor, hessian)
    }
    for (let k = 0; k < functions.length; k++) {
      const weight = multipliers[size + k]
      if (this.isLinear[k] === 1) continue
      this.#isCurved[k] = weight === 0 ? 0 : 1
      if (weight === 0) continue
      if (!isKnown || this.#isCurvatureKnown[k] === 0) functions[k].computeSecond(x)
      if (isKnown) this.#isCurvatureKnown[k] = 1
      functions[k].addSecond(-weight, hessian)
    }
    // The matrices of this point have replaced the matrices of the known point.
    if (!isKnown) this.#isKnown = false
  }

  /** Writes the gradient of factor·f − Σ λ·c without the linear constraints. */
  #combine(x: Float64Array, factor: number, multipliers: Float64Array, out: Float64Array): void {
    const { size } = this
    const row = this.#row
    out.fill(0)
    if (factor !== 0) this.#objective.writeGradient(x, out)
    for (let k = 0; k < this.count; k++) {
      const weight = multipliers[size + k]
      if (weight === 0 || this.isLinear[k] === 1) continue
      this.#functions[k].writeGradient(x, row)
      for (let i = 0; i < size; i++) out[i] -= weight * row[i]
    }
  }

  /** Whether the derivatives at a point are known. */
  #knows(x: Float64Array): boolean {
    if (!this.#isKnown) return false
    const known = this.#known
    for (let i = 0; i < known.length; i++) if (known[i] !== x[i]) return false
    return true
  }
}

/** Writes the bounds of a run to the program's limits. */
export function setBounds({ size, min, max }: NonlinearProblem, box: BoundsBox | null): void {
  for (let i = 0; i < size; i++) {
    min[i] = box === null ? -Infinity : box.min[i]
    max[i] = box === null ? Infinity : box.max[i]
  }
}

/**
 * Moves a start to the closest point that satisfies the bounds and the linear constraints. Distances are relative to
 * the variables. If no point satisfies them, only the bounds are satisfied.
 *
 * @param start overwritten
 * @param memory the point of the run, whose values are overwritten, and a solver for the sizes of the program
 */
export function moveToLinear(
  program: NonlinearProblem,
  start: Float64Array,
  { point, solver }: { readonly point: Iterate; readonly solver: ConvexSolver },
): void {
  const { size, count, min, max, isLinear } = program
  for (let i = 0; i < size; i++) start[i] = start[i] < min[i] ? min[i] : start[i] > max[i] ? max[i] : start[i]
  if (!isLinear.includes(1)) return
  point.start(start)
  const { constraints: values, rows } = point
  program.linear(start, values, rows)
  const isMet = (value: number, k: number) => {
    if (isLinear[k] === 0 || (value >= min[size + k] && value <= max[size + k])) return true
    // A sum that a start satisfies except for rounding errors, such as ten weights of 0.1, needs no move.
    let terms = Math.abs(value)
    for (let i = 0; i < size; i++) terms += Math.abs(rows[k * size + i] * start[i])
    return Math.max(min[size + k] - value, value - max[size + k]) <= EPSILON * terms
  }
  if (values.every(isMet)) return
  const hessian = new Float64Array(size * size)
  for (let i = 0; i < size; i++) hessian[i * size + i] = 1 / Math.max(1, start[i] * start[i])
  const limit = (limits: Float64Array, otherwise: number) =>
    limits.map((value, k) =>
      k < size ? value - start[k] : isLinear[k - size] === 1 ? value - values[k - size] : otherwise,
    )
  const outcome = solver.solve({
    size,
    count,
    hessian,
    gradient: new Float64Array(size),
    rows,
    min: limit(min, -Infinity),
    max: limit(max, Infinity),
  })
  if (outcome !== 'converged') return
  for (let i = 0; i < size; i++) {
    const x = start[i] + solver.x[i]
    start[i] = x < min[i] ? min[i] : x > max[i] ? max[i] : x
  }
}
