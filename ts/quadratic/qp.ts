import { OptionError } from '../core/errors.js'
import { setOwn } from '../core/tensors.js'
import { isObject, toBoundedArray, toFloat64Array } from '../core/untrusted-input.js'
import type { ConstraintLimits } from '../minimize/constraints.js'
import { type Bounds, clamp, readBounds } from '../objectives/bounds.js'
import { passThrough } from '../options/kinds.js'
import { readOptions } from '../options/read.js'
import { type ConvexOutcome, ConvexSolver } from './convex.js'
import { createProgram, type QuadraticProgram } from './dual-active-set.js'
import { argumentOf, type ReadConstraint, readConstraints } from './limits.js'
import { addMultiple, multiply } from './products.js'

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

/** The parts of a program, made by the first call. */
let table: Readonly<Record<keyof QuadraticProblem, ReturnType<typeof passThrough>>> | undefined

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
  table ??= {
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
  const constraints = readConstraints(given.constraints, 'coefficients', MAX_CONSTRAINTS)
  const workspace = takeWorkspace(size, constraints.length)
  const { hessian, rows, min, max } = workspace.program
  workspace.program.gradient.set(gradient)
  readHessian(given.hessian, size, hessian)
  for (let k = 0; k < constraints.length; k++) {
    const constraint = constraints[k]
    const argument = () => `${argumentOf(constraint.key)}: coefficients`
    writeNumbers(argument, constraint.definition, rows, k * size, size)
    min[size + k] = constraint.min
    max[size + k] = constraint.max
  }
  readBox(given.bounds, size, min, max)
  const result = solve(workspace, constraints)
  keepWorkspace(workspace)
  return result
}

/** A program and its solver, whose memory further programs of the same size use. */
interface Workspace {
  readonly program: QuadraticProgram
  readonly solver: ConvexSolver
  readonly isActive: Uint8Array
  /** The gradient of the Lagrangian. */
  readonly rest: Float64Array
}

const kept = new Map<number, Workspace>()
/** The largest count of workspaces that are kept, and the largest count of numbers in a matrix of a kept workspace. */
const [MAX_KEPT, MAX_KEPT_SIZE] = [8, 10_000]

/** Takes a workspace for one program. A workspace that is in use is not among the kept ones. */
function takeWorkspace(size: number, count: number): Workspace {
  const key = size * (MAX_CONSTRAINTS + 1) + count
  const found = kept.get(key)
  kept.delete(key)
  if (found !== undefined) {
    found.solver.forget()
    found.isActive.fill(0)
    return found
  }
  const program = createProgram(size, count)
  return {
    program,
    solver: new ConvexSolver(size, count),
    isActive: new Uint8Array(size + count),
    rest: new Float64Array(size),
  }
}

function keepWorkspace(workspace: Workspace): void {
  const { size, count } = workspace.program
  if (size * (size + count) > MAX_KEPT_SIZE) return
  for (const key of kept.keys()) if (kept.size >= MAX_KEPT) kept.delete(key)
  kept.set(size * (MAX_CONSTRAINTS + 1) + count, workspace)
}

function solve(workspace: Workspace, constraints: readonly ReadConstraint[]): QpResult {
  const { program, solver, isActive } = workspace
  const { size, min, max } = program
  const reason = solver.solve(program)
  if (reason === 'not-convex')
    throw new OptionError('hessian', 'a positive semidefinite matrix', 'a matrix with a negative eigenvalue')
  const x = solver.x.slice()
  if (reason === 'converged') for (let i = 0; i < size; i++) x[i] = clamp(x[i], min[i], max[i])
  for (const index of solver.active) {
    isActive[index] = 1
    // Bounds of active variables hold without rounding errors.
    if (index < size)
      x[index] = Math.abs(x[index] - min[index]) <= Math.abs(x[index] - max[index]) ? min[index] : max[index]
  }
  const atBound: number[] = []
  for (let i = 0; i < size; i++) if (x[i] <= min[i] || x[i] >= max[i]) atBound.push(i)
  const multipliers: Record<string, number> = {}
  const active: (string | number)[] = []
  for (let k = 0; k < constraints.length; k++) {
    const { key } = constraints[k]
    if (isActive[size + k] === 1) active.push(key)
    setOwn(multipliers, key as string, solver.multipliers[size + k])
  }
  return {
    x,
    ...measure(workspace, x),
    reason,
    multipliers,
    boundMultipliers: solver.multipliers.slice(0, size),
    active,
    atBound,
    iterations: solver.iterations,
  }
}

/** The value, the largest violation and the residual of the KKT conditions at a point. */
function measure(
  { program: { size, count, hessian, gradient, rows, min, max }, solver: { multipliers }, rest }: Workspace,
  x: Float64Array,
): Pick<QpResult, 'value' | 'maxViolation' | 'kktResidual'> {
  let value = 0
  for (let i = 0; i < size; i++) {
    const product = multiply(hessian, i * size, x, 0, size)
    value += x[i] * (0.5 * product + gradient[i])
    rest[i] = product + gradient[i] - multipliers[i]
  }
  let maxViolation = 0
  for (let index = 0; index < size + count; index++) {
    const at = (index - size) * size
    const value = index < size ? x[index] : multiply(rows, at, x, 0, size)
    maxViolation = Math.max(maxViolation, min[index] - value, value - max[index])
    if (index >= size && multipliers[index] !== 0) addMultiple(rest, 0, -multipliers[index], rows, at, size)
  }
  let kktResidual = 0
  for (let i = 0; i < size; i++) kktResidual = Math.max(kktResidual, Math.abs(rest[i]))
  return { value, maxViolation, kktResidual }
}

/** Copies finite numbers. @throws OptionError */
function readNumbers(argument: string, given: unknown): Float64Array {
  const numbers = toFloat64Array(given)
  if (numbers === undefined) throw new OptionError(argument, 'an array of finite numbers', given)
  for (let i = 0; i < numbers.length; i++)
    if (!Number.isFinite(numbers[i]))
      throw new OptionError(argument, 'an array of finite numbers', numbers[i])
  return numbers
}

/**
 * Copies a given count of finite numbers to an array.
 *
 * @param argument returns the name of the argument in messages, which most calls do not need
 * @throws OptionError
 */
function writeNumbers(
  argument: () => string,
  given: unknown,
  to: Float64Array,
  first: number,
  length: number,
): void {
  const makeError = (got: unknown) => new OptionError(argument(), `${length} finite numbers`, got)
  // Most arguments are plain arrays, whose numbers need no second copy.
  const numbers = Array.isArray(given) ? (given as unknown[]) : toFloat64Array(given)
  if (numbers === undefined) throw makeError(given)
  if (numbers.length !== length) throw makeError(`${numbers.length} numbers`)
  for (let i = 0; i < length; i++) {
    const x = numbers[i]
    if (typeof x !== 'number') throw makeError(given)
    if (!Number.isFinite(x)) throw makeError(x)
    to[first + i] = x
  }
}

/** Copies pairs of bounds, so that each element is read only once. Other forms of bounds are returned as they are. */
function copyPairs(given: unknown, size: number): unknown {
  if (!Array.isArray(given) || given.length !== size) return given
  const pairs: unknown[] = []
  for (let i = 0; i < size; i++) {
    const pair: unknown = given[i]
    pairs.push(Array.isArray(pair) && pair.length === 2 ? [pair[0], pair[1]] : pair)
  }
  return pairs
}

/** Writes pairs of finite numbers in order, which need no further checks. Returns false for other bounds. */
function writePlainPairs(pairs: unknown, min: Float64Array, max: Float64Array): boolean {
  if (!Array.isArray(pairs)) return false
  for (let i = 0; i < pairs.length; i++) {
    const pair: unknown = pairs[i]
    if (!Array.isArray(pair) || pair.length !== 2) return false
    const [low, high]: unknown[] = pair
    if (typeof low !== 'number' || typeof high !== 'number') return false
    if (!(low <= high && low > -Infinity && high < Infinity)) return false
    min[i] = low
    max[i] = high
  }
  return true
}

/** Writes the bounds to the limits. @throws OptionError */
function readBox(given: unknown, size: number, min: Float64Array, max: Float64Array): void {
  const pairs = copyPairs(given, size)
  if (pairs !== given && writePlainPairs(pairs, min, max)) return
  const box = readBounds(pairs, { names: null, length: size, dtype: 'float64' })
  for (let i = 0; i < size; i++) {
    min[i] = box === null ? -Infinity : box.min[i]
    max[i] = box === null ? Infinity : box.max[i]
  }
}

/** Copies a symmetric matrix. @throws OptionError */
function readHessian(given: unknown, size: number, hessian: Float64Array): void {
  const list = toBoundedArray(given, MAX_VARIABLES * MAX_VARIABLES)
  if (list === undefined || !isObject(list[0]))
    writeNumbers(() => 'hessian', list ?? given, hessian, 0, size * size)
  else if (list.length !== size)
    throw new OptionError('hessian', `${size} rows of ${size} numbers`, `${list.length} rows`)
  else {
    for (let i = 0; i < size; i++) writeNumbers(() => `hessian[${i}]`, list[i], hessian, i * size, size)
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
}
