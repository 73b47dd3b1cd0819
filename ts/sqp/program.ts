/** The nonlinear program of a run, and its start. */

import { AntigradError } from '../core/errors.js'
import { EPSILON } from '../core/numbers.js'
import type { MinimizationProblem } from '../minimize/method.js'
import type { BoundsBox } from '../objectives/bounds.js'
import { requireWritten } from '../objectives/gradient.js'
import type { ConvexSolver } from '../quadratic/convex.js'
import { addDifferences, addSecond, type ConstraintFunction, complete, type HessianSum } from './functions.js'
import type { NonlinearProblem } from './problem.js'

/** Combines the objective, the bounds and the constraints. */
export function createProgram(
  problem: MinimizationProblem,
  constraints: readonly ConstraintFunction[],
): NonlinearProblem {
  const { start, box } = problem
  const size = start.length
  const functions = constraints.map((constraint) => complete(constraint, size, box))
  const ownHessian = problem.hessian()
  const addOwn = ownHessian && addSecond(ownHessian, null, size)
  const sums = functions.map(({ addHessian }, k) => (constraints[k].isLinear ? undefined : addHessian))
  const hasHessian =
    addOwn !== undefined &&
    sums.every((add, k) => add !== undefined || constraints[k].isLinear) &&
    canDifferentiate([addOwn, ...sums], start)
  const limits = (side: 'min' | 'max') =>
    Float64Array.from([...Array.from(start, () => NaN), ...constraints.map((constraint) => constraint[side])])
  const row = new Float64Array(size)
  const differentiate = checkFirst(problem, functions)
  const program: NonlinearProblem = {
    size,
    count: constraints.length,
    min: limits('min'),
    max: limits('max'),
    isLinear: Uint8Array.from(constraints, ({ isLinear }) => (isLinear ? 1 : 0)),
    hasHessian,
    evaluate(x, out) {
      for (let k = 0; k < functions.length; k++) out[k] = functions[k].value(x)
      return problem.value(x)
    },
    differentiate,
    linear(x, out, rows) {
      for (let k = 0; k < functions.length; k++) {
        if (!constraints[k].isLinear) continue
        out[k] = functions[k].value(x)
        functions[k].gradient(x, rows.subarray(k * size, (k + 1) * size))
      }
    },
    curvature(x, factor, multipliers, hessian) {
      if (hasHessian) {
        if (factor !== 0) addOwn(x, factor, hessian)
        for (let k = 0; k < sums.length; k++)
          if (multipliers[size + k] !== 0) sums[k]?.(x, -multipliers[size + k], hessian)
        return
      }
      const gradient = (at: Float64Array, out: Float64Array) => {
        out.fill(0)
        if (factor !== 0) problem.gradient(at, out)
        for (let k = 0; k < functions.length; k++) {
          const weight = multipliers[size + k]
          if (weight === 0 || constraints[k].isLinear) continue
          functions[k].gradient(at, row)
          for (let i = 0; i < size; i++) out[i] -= weight * row[i]
        }
      }
      addDifferences(gradient, x, box, hessian)
    },
  }
  return program
}

type CompiledFunctions = ReturnType<typeof complete>

/** Evaluates all gradients. The first call checks that each function writes its whole gradient. */
function checkFirst(
  { gradient, start }: MinimizationProblem,
  functions: readonly CompiledFunctions[],
): NonlinearProblem['differentiate'] {
  const size = start.length
  let isFirst = true
  return (x, out, rows) => {
    if (isFirst) {
      requireWritten(gradient, out)(x, out)
      for (let k = 0; k < functions.length; k++) {
        const row = rows.subarray(k * size, (k + 1) * size)
        requireWritten(functions[k].gradient, row)(x, row)
      }
      isFirst = false
      return
    }
    gradient(x, out)
    for (let k = 0; k < functions.length; k++)
      functions[k].gradient(x, rows.subarray(k * size, (k + 1) * size))
  }
}

/** Whether functions have second derivatives; some operations of expressions have none. */
function canDifferentiate(
  sums: readonly (HessianSum | undefined)[],
  start: MinimizationProblem['start'],
): boolean {
  const x = Float64Array.from(start)
  const out = new Float64Array(x.length * x.length)
  try {
    for (const add of sums) add?.(x, 0, out)
    return true
  } catch (error) {
    if (error instanceof AntigradError) return false
    throw error
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
 * @param solver a solver for the sizes of the program
 */
export function moveToLinear(program: NonlinearProblem, start: Float64Array, solver: ConvexSolver): void {
  const { size, count, min, max, isLinear } = program
  for (let i = 0; i < size; i++) start[i] = start[i] < min[i] ? min[i] : start[i] > max[i] ? max[i] : start[i]
  if (!isLinear.includes(1)) return
  const values = new Float64Array(count)
  const rows = new Float64Array(count * size)
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
