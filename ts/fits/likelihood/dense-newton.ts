/** Newton's method for one run with few parameters, in TypeScript: refines solutions and computes profiles. */

import { triangleIndex } from '../programs/ldlt.js'

/** Value, gradient, and lower triangle of the Hessian. */
export interface SecondOrderEvaluation {
  readonly value: number
  readonly gradient: Float64Array
  readonly hessian: Float64Array
}

export interface NewtonProblem {
  readonly evaluate: (x: Float64Array) => SecondOrderEvaluation
  readonly min: readonly number[]
  readonly max: readonly number[]
  /** Index of the parameter that keeps its value, or −1. */
  readonly fixed: number
  /** Predicted decrease below which the run has converged. */
  readonly tolerance: number
  readonly maxIterations: number
}

export interface NewtonResult extends SecondOrderEvaluation {
  readonly x: Float64Array
  /** Decrease of the value that the quadratic approximation still predicts; NaN if the Hessian is singular. */
  readonly decrement: number
  readonly evaluations: number
  readonly status: 'converged' | 'stalled' | 'max-iterations' | 'not-finite' | 'singular'
}

/** A pivot of the scaled matrix below this limit counts as 0. */
const MIN_PIVOT = 1e-11
const MAX_HALVINGS = 20
const FIRST_DAMPING = 1e-3
const MAX_DAMPING = 1e12
/** Values that differ by at most this fraction may be equal. */
const NOISE = 64 * Number.EPSILON
/** A run whose value no longer decreases has converged if the predicted decrease is below this limit. */
const MAX_NOISE_DECREMENT = 1e-6

/** Minimizes from a start within the bounds. */
export function minimizeDense(problem: NewtonProblem, start: Float64Array): NewtonResult {
  const { evaluate, tolerance, maxIterations } = problem
  let x = start
  let at = evaluate(x)
  let damping = 0
  let evaluations = 1
  let mayEscape = true
  const end = (status: NewtonResult['status'], decrement: number) => {
    return { ...at, x, decrement, evaluations, status }
  }
  if (!isUsable(at)) return end('not-finite', NaN)
  for (;;) {
    const free = freeIndices(problem, x, at)
    const exact = solveNewton(at, free, 0)
    const decrement = exact === null ? NaN : exact.decrement
    if (decrement <= tolerance) {
      const polished = exact === null ? null : tryStep(problem, x, at, free, exact.step)
      if (polished?.isLess || polished?.isNoise) ({ x, at } = polished)
      return end('converged', decrement)
    }
    if (evaluations >= maxIterations) return end('max-iterations', decrement)
    // At a point of negative curvature, such as σ = 0 in σ², a gradient of 0 hides a lower value.
    const escaped: Escape = exact === null && mayEscape ? findEscape(problem, x, at, free) : null
    mayEscape = escaped !== null
    if (escaped !== null) {
      evaluations++
      ;({ x, at } = escaped)
      continue
    }
    const solved =
      damping === 0 && exact !== null ? exact : damped(at, free, Math.max(damping, FIRST_DAMPING))
    if (solved === null) return end('singular', NaN)
    const next = tryStep(problem, x, at, free, solved.step)
    evaluations++
    if (next !== null && (next.isLess || next.isNoise)) {
      if (!next.isLess && decrement <= MAX_NOISE_DECREMENT) return end('converged', decrement)
      ;({ x, at } = next)
      mayEscape = true
      damping = solved.damping < FIRST_DAMPING ? 0 : solved.damping / 10
    } else {
      // The value differs from the best value only by rounding errors.
      if (decrement <= NOISE * Math.abs(at.value)) return end('converged', decrement)
      damping = Math.max(4 * solved.damping, FIRST_DAMPING)
      if (damping > MAX_DAMPING) return end(exact === null ? 'singular' : 'stalled', decrement)
    }
  }
}

const isUsable = ({ value, gradient, hessian }: SecondOrderEvaluation) =>
  Number.isFinite(value) && gradient.every(Number.isFinite) && hessian.every(Number.isFinite)

/** The parameters that may move: not fixed, and not pushed against a bound. */
export function freeIndices(
  { min, max, fixed }: Pick<NewtonProblem, 'min' | 'max' | 'fixed'>,
  x: ArrayLike<number>,
  { gradient }: Pick<SecondOrderEvaluation, 'gradient'>,
): number[] {
  const free: number[] = []
  for (let i = 0; i < x.length; i++) {
    const isHeld = (x[i] <= min[i] && gradient[i] >= 0) || (x[i] >= max[i] && gradient[i] <= 0)
    if (i !== fixed && min[i] < max[i] && !(isHeld && gradient[i] !== 0)) free.push(i)
  }
  return free
}

function tryStep(
  { evaluate, min, max }: NewtonProblem,
  x: Float64Array,
  at: SecondOrderEvaluation,
  free: readonly number[],
  step: readonly number[],
) {
  const to = x.slice()
  for (const [k, i] of free.entries()) to[i] = Math.min(Math.max(x[i] + step[k], min[i]), max[i])
  if (to.every((xi, i) => xi === x[i])) return null
  const next = evaluate(to)
  if (!isUsable(next)) return null
  const isNoise = Math.abs(next.value - at.value) <= NOISE * Math.abs(at.value)
  return { x: to, at: next, isLess: next.value < at.value && !isNoise, isNoise }
}

/** A point with a lower value, if one was found. */
type Escape = { readonly x: Float64Array; readonly at: SecondOrderEvaluation } | null

/** Moves a parameter with negative curvature and a negligible gradient, to a point with a lower value. */
function findEscape(
  problem: NewtonProblem,
  x: Float64Array,
  at: SecondOrderEvaluation,
  free: readonly number[],
): Escape {
  for (const i of free) {
    const curvature = at.hessian[triangleIndex(i, i)]
    if (!(curvature < 0) || Math.abs(at.gradient[i]) > 1e-3 * Math.sqrt(-curvature)) continue
    for (const sign of [1, -1]) {
      let reach = sign / Math.sqrt(-curvature)
      for (let k = 0; k < MAX_HALVINGS; k++, reach /= 2) {
        const next = tryStep(problem, x, at, [i], [reach])
        if (next?.isLess) return next
      }
    }
  }
  return null
}

/** The Newton step with the smallest sufficient damping. */
function damped(at: SecondOrderEvaluation, free: readonly number[], from: number) {
  for (let damping = from; damping <= MAX_DAMPING; damping *= 8) {
    const solved = solveNewton(at, free, damping)
    if (solved !== null) return solved
  }
  return null
}

/** Solves (H + damping·D)·step = −g for the free parameters; null if the matrix is not positive definite. */
function solveNewton({ gradient, hessian }: SecondOrderEvaluation, free: readonly number[], damping: number) {
  const scale = scales(hessian, free)
  const factors = cholesky(hessian, free, scale, damping)
  if (factors === null) return null
  const right = free.map((i, k) => -gradient[i] / scale[k])
  const scaled = solveCholesky(factors, right)
  const decrement = right.reduce((sum, r, k) => sum + r * scaled[k], 0) / 2
  return { step: scaled.map((s, k) => s / scale[k]), decrement, damping }
}

/** Square roots of the diagonal, which equilibrate the matrix. */
const scales = (hessian: Float64Array, free: readonly number[]) =>
  free.map((i) => Math.sqrt(Math.abs(hessian[triangleIndex(i, i)])) || 1)

function cholesky(
  hessian: Float64Array,
  free: readonly number[],
  scale: readonly number[],
  damping: number,
): number[][] | null {
  const lower: number[][] = []
  for (let i = 0; i < free.length; i++) {
    const row: number[] = []
    for (let j = 0; j <= i; j++) {
      let rest = hessian[triangleIndex(free[i], free[j])] / scale[i] / scale[j] + (i === j ? damping : 0)
      for (let k = 0; k < j; k++) rest -= row[k] * (i === j ? row[k] : lower[j][k])
      if (j < i) row.push(rest / lower[j][j])
      else if (rest > MIN_PIVOT) row.push(Math.sqrt(rest))
      else return null
    }
    lower.push(row)
  }
  return lower
}

function solveCholesky(lower: readonly (readonly number[])[], right: readonly number[]): number[] {
  const x = [...right]
  for (let i = 0; i < x.length; i++) {
    for (let k = 0; k < i; k++) x[i] -= lower[i][k] * x[k]
    x[i] /= lower[i][i]
  }
  for (let i = x.length - 1; i >= 0; i--) {
    for (let k = i + 1; k < x.length; k++) x[i] -= lower[k][i] * x[k]
    x[i] /= lower[i][i]
  }
  return x
}

/** The inverse of the Hessian of the free parameters; null if it is singular or indefinite. */
export function invertHessian(hessian: Float64Array, free: readonly number[]): number[][] | null {
  const scale = scales(hessian, free)
  const factors = cholesky(hessian, free, scale, 0)
  if (factors === null) return null
  const columns = free.map((_, j) =>
    solveCholesky(
      factors,
      free.map((_, i) => (i === j ? 1 : 0)),
    ),
  )
  return free.map((_, i) => free.map((_, j) => columns[j][i] / scale[i] / scale[j]))
}
