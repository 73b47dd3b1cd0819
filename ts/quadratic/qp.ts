import { OptionError } from '../core/errors.js'
import { createRecord, isObject, toBoundedArray, toFloat64Array } from '../core/untrusted-input.js'
import type { ConstraintLimits } from '../minimize/constraints.js'
import { type Bounds, clamp, readBounds } from '../objectives/bounds.js'
import { passThrough } from '../options/kinds.js'
import { readOptions } from '../options/read.js'
import { type ConvexOutcome, ConvexSolver } from './convex.js'
import type { QuadraticProgram } from './dual-active-set.js'
import { type ReadConstraint, readConstraints } from './limits.js'

/** A linear constraint of {@link qp}: the limits of the sum of coefficients times variables. */
export interface LinearConstraint extends ConstraintLimits {
  /** One coefficient per variable. */
  readonly coefficients: ArrayLike<number>
}

/** The convex quadratic program of {@link qp}. */
export interface QuadraticProblem {
  /** Symmetric positive semidefinite matrix H: n rows of n numbers, or n·n numbers row by row. */
  readonly hessian: readonly ArrayLike<number>[] | ArrayLike<number>
  /** Linear term g, with n numbers. */
  readonly gradient: ArrayLike<number>
  /** Linear constraints; none by default. */
  readonly constraints?: readonly LinearConstraint[]
  /** Lower and upper bound of each variable, in the order of the gradient; no bounds by default. */
  readonly bounds?: Bounds
}

/**
 * Reason why {@link qp} stopped:
 * - 'converged': the point is a minimum, up to rounding errors
 * - 'infeasible': no point satisfies all constraints
 * - 'unbounded': the objective falls without a limit along a direction within the constraints
 * - 'stalled': rounding errors prevent a solution
 * - 'max-iterations': the steps along directions of tiny curvature did not end
 */
export type QpReason = Exclude<ConvexOutcome, 'not-convex'>

/** Result of {@link qp}. */
export interface QpResult {
  /** The solution, or the last point. */
  readonly x: Float64Array
  /** ½xᵀHx + gᵀx */
  readonly value: number
  readonly reason: QpReason
  /** Largest amount by which a constraint or a bound is violated; 0 if none is violated. */
  readonly maxViolation: number
  /**
   * Multiplier λ of each constraint, by name or index. At a minimum, Hx + g = Σ λ·coefficients + the multipliers of the
   * bounds. A multiplier is positive at a minimum of the constraint and negative at a maximum. The value of the
   * objective changes by λ per unit of the limit.
   */
  readonly multipliers: Readonly<Record<string | number, number>>
  /** Multiplier of the bound of each variable; 0 for variables that are not at a bound. */
  readonly boundMultipliers: Float64Array
  /** Names or indices of the constraints that hold with equality. */
  readonly active: readonly (string | number)[]
  /** Indices of the variables that are at a bound. */
  readonly atBound: readonly number[]
  /** Largest |Hx + g − Σ λ·coefficients − multipliers of the bounds|. */
  readonly kktResidual: number
  /** Count of constraints that were added to the active constraints or removed from them. */
  readonly iterations: number
}

/** Maximum number of variables, and of constraints. */
const MAX_VARIABLES = 500
const MAX_CONSTRAINTS = 2000
/** Relative asymmetry of a Hessian that counts as rounding errors. */
const ASYMMETRY = 1e-9

/**
 * Solves a convex quadratic program: minimizes ½xᵀHx + gᵀx, subject to linear constraints and bounds.
 *
 * The dual active-set method (Goldfarb and Idnani, 1983) starts at the minimum without constraints, adds violated
 * constraints and removes constraints that are no longer active. A Hessian that is only semidefinite gets proximal
 * terms, which vanish at the solution, so linear programs and least squares with few rows have solutions too. The
 * program is dense and small: up to 500 variables and 2000 constraints. The results are bit-identical everywhere.
 *
 * @throws OptionError if an argument is invalid, and if the Hessian is not positive semidefinite
 * @example
 * // The portfolio with the least variance whose weights sum to 1.
 * const { x } = qp({
 *   hessian: [[0.04, 0.01], [0.01, 0.09]],
 *   gradient: [0, 0],
 *   constraints: [{ coefficients: [1, 1], equal: 1 }],
 *   bounds: [[0, 1], [0, 1]],
 * })
 */
export function qp(problem: QuadraticProblem): QpResult {
  const table = {
    hessian: passThrough(),
    gradient: passThrough(),
    constraints: passThrough(),
    bounds: passThrough(),
  }
  const given = readOptions('qp', problem, table)
  if (given.hessian === undefined && given.gradient === undefined)
    throw new OptionError('qp', 'an object with hessian and gradient', problem)
  const gradient = readNumbers('gradient', given.gradient)
  const size = gradient.length
  if (size === 0 || size > MAX_VARIABLES)
    throw new OptionError('gradient', `from 1 to ${MAX_VARIABLES} numbers`, `${size} numbers`)
  const hessian = readHessian(given.hessian, size)
  const constraints = readConstraints(given.constraints, 'coefficients', MAX_CONSTRAINTS)
  const rows = new Float64Array(constraints.length * size)
  constraints.forEach(({ argument, definition }, k) => {
    rows.set(readNumbers(`${argument}: coefficients`, definition, size), k * size)
  })
  const box = readBounds(given.bounds, { names: null, length: size, dtype: 'float64' })
  const limits = (side: 'min' | 'max') =>
    Float64Array.from([
      ...(box === null ? new Array(size).fill(side === 'min' ? -Infinity : Infinity) : Array.from(box[side])),
      ...constraints.map((constraint) => constraint[side]),
    ])
  const program = {
    size,
    count: constraints.length,
    hessian,
    gradient,
    rows,
    min: limits('min'),
    max: limits('max'),
  }
  return solve(program, constraints)
}

function solve(program: QuadraticProgram, constraints: readonly ReadConstraint[]): QpResult {
  const { size, min, max } = program
  const solver = new ConvexSolver(size, constraints.length)
  const reason = solver.solve(program)
  if (reason === 'not-convex')
    throw new OptionError('hessian', 'a positive semidefinite matrix', 'a matrix with a negative eigenvalue')
  const x = solver.x.slice()
  // Bounds of active variables hold without rounding errors.
  const active = new Set(solver.active)
  for (let i = 0; i < size; i++) {
    if (active.has(i)) x[i] = Math.abs(x[i] - min[i]) <= Math.abs(x[i] - max[i]) ? min[i] : max[i]
    else if (reason === 'converged') x[i] = clamp(x[i], min[i], max[i])
  }
  const keys = constraints.map(({ key }) => key)
  const multipliers = createRecord(keys as string[], (_, k) => solver.multipliers[size + k])
  return {
    x,
    ...measure(program, x, solver.multipliers),
    reason,
    multipliers,
    boundMultipliers: solver.multipliers.slice(0, size),
    active: keys.filter((_, k) => active.has(size + k)),
    atBound: [...x.keys()].filter((i) => x[i] <= min[i] || x[i] >= max[i]),
    iterations: solver.iterations,
  }
}

/** The value, the largest violation and the residual of the KKT conditions at a point. */
function measure(
  { size, count, hessian, gradient, rows, min, max }: QuadraticProgram,
  x: Float64Array,
  multipliers: Float64Array,
): Pick<QpResult, 'value' | 'maxViolation' | 'kktResidual'> {
  let value = 0
  let kktResidual = 0
  for (let i = 0; i < size; i++) {
    let product = 0
    for (let j = 0; j < size; j++) product += hessian[i * size + j] * x[j]
    value += x[i] * (0.5 * product + gradient[i])
    let rest = product + gradient[i] - multipliers[i]
    for (let k = 0; k < count; k++) rest -= multipliers[size + k] * rows[k * size + i]
    kktResidual = Math.max(kktResidual, Math.abs(rest))
  }
  let maxViolation = 0
  for (let index = 0; index < size + count; index++) {
    let sum = index < size ? x[index] : 0
    for (let i = 0, at = (index - size) * size; index >= size && i < size; i++) sum += rows[at + i] * x[i]
    maxViolation = Math.max(maxViolation, min[index] - sum, sum - max[index])
  }
  return { value, maxViolation, kktResidual }
}

/** Copies finite numbers. @throws OptionError */
function readNumbers(argument: string, given: unknown, length?: number): Float64Array {
  const numbers = toFloat64Array(given)
  const expected = length === undefined ? 'an array of finite numbers' : `${length} finite numbers`
  if (numbers === undefined) throw new OptionError(argument, expected, given)
  if (length !== undefined && numbers.length !== length)
    throw new OptionError(argument, expected, `${numbers.length} numbers`)
  for (let i = 0; i < numbers.length; i++)
    if (!Number.isFinite(numbers[i])) throw new OptionError(argument, expected, numbers[i])
  return numbers
}

/** Copies a symmetric matrix. @throws OptionError */
function readHessian(given: unknown, size: number): Float64Array {
  const list = toBoundedArray(given, MAX_VARIABLES * MAX_VARIABLES)
  const hessian = new Float64Array(size * size)
  if (list === undefined || !isObject(list[0]))
    hessian.set(readNumbers('hessian', list ?? given, size * size))
  else if (list.length !== size)
    throw new OptionError('hessian', `${size} rows of ${size} numbers`, `${list.length} rows`)
  else {
    for (const [i, row] of list.entries()) hessian.set(readNumbers(`hessian[${i}]`, row, size), i * size)
  }
  for (let i = 0; i < size; i++) {
    for (let j = 0; j < i; j++) {
      const a = hessian[i * size + j]
      const b = hessian[j * size + i]
      if (a === b) continue
      const limit =
        ASYMMETRY *
        Math.max(Math.abs(a), Math.abs(b), Math.sqrt(Math.abs(hessian[i * size + i] * hessian[j * size + j])))
      if (Math.abs(a - b) > limit)
        throw new OptionError(
          'hessian',
          'a symmetric matrix',
          `elements ${a} and ${b} at ${i}, ${j} and ${j}, ${i}`,
        )
      hessian[i * size + j] = hessian[j * size + i] = 0.5 * a + 0.5 * b
    }
  }
  return hessian
}
