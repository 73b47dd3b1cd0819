/** Newton's method for one run, in TypeScript: refines solutions, and computes profiles and fits of groups. */

import { runToEnd, type Slices } from '../../core/slices.js'

/** Value, gradient, and the Hessian in the form that the linear algebra reads. */
export interface SecondOrderEvaluation<Hessian = Float64Array> {
  readonly value: number
  readonly gradient: Float64Array
  readonly hessian: Hessian
  /** Error of the value, if it is larger than rounding errors. */
  readonly noise?: number | undefined
}

/** A Newton step of the free parameters, with the decrease that the quadratic approximation predicts. */
export interface NewtonStep {
  readonly step: ArrayLike<number>
  readonly decrement: number
  readonly damping: number
}

/** Linear algebra of the Hessian. */
export interface HessianAlgebra<Hessian> {
  isFinite(hessian: Hessian): boolean
  diagonal(hessian: Hessian, i: number): number
  /** Solves (H + damping·D)·step = −g for the free parameters; null if the matrix is not positive definite. */
  solve(at: SecondOrderEvaluation<Hessian>, free: readonly number[], damping: number): NewtonStep | null
}

export interface NewtonProblem<Hessian = Float64Array> {
  readonly evaluate: (x: Float64Array) => SecondOrderEvaluation<Hessian>
  /** Prepares `evaluate` at a point with pauses. */
  readonly advance?: ((x: Float64Array) => Slices<void>) | undefined
  readonly algebra: HessianAlgebra<Hessian>
  readonly min: readonly number[]
  readonly max: readonly number[]
  /** Index of the parameter that keeps its value, or −1. */
  readonly fixed: number
  /** Predicted decrease below which the run has converged. */
  readonly tolerance: number
  readonly maxIterations: number
}

export interface NewtonResult<Hessian = Float64Array> extends SecondOrderEvaluation<Hessian> {
  readonly x: Float64Array
  /** Decrease of the value that the quadratic approximation still predicts; NaN if the Hessian is singular. */
  readonly decrement: number
  readonly evaluations: number
  readonly status: 'converged' | 'stalled' | 'max-iterations' | 'not-finite' | 'singular'
}

const MAX_HALVINGS = 20
const FIRST_DAMPING = 1e-3
const MAX_DAMPING = 1e12
/** Values that differ by at most this fraction may be equal. */
export const NOISE = 64 * Number.EPSILON
const noiseOf = ({ value, noise }: SecondOrderEvaluation<unknown>) => noise ?? NOISE * Math.abs(value)
/** A run whose value no longer decreases has converged if the predicted decrease is below this limit. */
const MAX_NOISE_DECREMENT = 1e-6
/** Maximum number of further steps of such a run, if the values of the model have errors. */
const MAX_NOISY_STEPS = 3

/** Minimizes from a start within the bounds. */
export const minimizeNewton = <Hessian>(
  problem: NewtonProblem<Hessian>,
  start: Float64Array,
): NewtonResult<Hessian> => runToEnd(newtonSteps(problem, start))

/** Minimizes from a start within the bounds, with a pause before each step. */
export function* newtonSteps<Hessian>(
  problem: NewtonProblem<Hessian>,
  start: Float64Array,
): Slices<NewtonResult<Hessian>> {
  const { evaluate, algebra, tolerance, maxIterations } = problem
  let x = start
  if (problem.advance) yield* problem.advance(x)
  let at = evaluate(x)
  let damping = 0
  let evaluations = 1
  let mayEscape = true
  let noisySteps = 0
  const end = (status: NewtonResult['status'], decrement: number) => {
    const { value, gradient, hessian, noise } = at
    return { x, value, gradient, hessian, noise, decrement, evaluations, status }
  }
  if (!isUsable(problem, at)) return end('not-finite', NaN)
  for (;;) {
    yield
    const free = freeIndices(problem, x, at)
    const exact = algebra.solve(at, free, 0)
    const decrement = exact === null ? NaN : exact.decrement
    if (decrement <= tolerance) {
      const polished = exact === null ? null : yield* tryStep(problem, x, at, free, exact.step)
      if (polished?.isLess || polished?.isNoise) ({ x, at } = polished)
      return end('converged', decrement)
    }
    if (evaluations >= maxIterations) return end('max-iterations', decrement)
    // At a point of negative curvature, such as σ = 0 in σ², a gradient of 0 hides a lower value.
    const escaped: Escape<Hessian> =
      exact === null && mayEscape ? yield* findEscape(problem, x, at, free) : null
    mayEscape = escaped !== null
    if (escaped !== null) {
      evaluations++
      ;({ x, at } = escaped)
      continue
    }
    const solved =
      damping === 0 && exact !== null ? exact : damped(problem, at, free, Math.max(damping, FIRST_DAMPING))
    if (solved === null) return end('singular', NaN)
    const next = yield* tryStep(problem, x, at, free, solved.step)
    evaluations++
    if (next !== null && (next.isLess || next.isNoise)) {
      // Gradients of a model with errors are more accurate than its values.
      const mayGoOn = at.noise !== undefined && !next.isLess && noisySteps++ < MAX_NOISY_STEPS
      if (!next.isLess && decrement <= MAX_NOISE_DECREMENT && !mayGoOn) return end('converged', decrement)
      ;({ x, at } = next)
      mayEscape = true
      damping = solved.damping < FIRST_DAMPING ? 0 : solved.damping / 10
    } else {
      // The value differs from the best value only by rounding errors.
      if (decrement <= noiseOf(at)) return end('converged', decrement)
      damping = Math.max(4 * solved.damping, FIRST_DAMPING)
      if (damping > MAX_DAMPING) return end(exact === null ? 'singular' : 'stalled', decrement)
    }
  }
}

const isUsable = <Hessian>(
  { algebra }: NewtonProblem<Hessian>,
  { value, gradient, hessian }: SecondOrderEvaluation<Hessian>,
) => Number.isFinite(value) && gradient.every(Number.isFinite) && algebra.isFinite(hessian)

/** The parameters that may move: not fixed, and not pushed against a bound. */
export function freeIndices(
  { min, max, fixed }: Pick<NewtonProblem<unknown>, 'min' | 'max' | 'fixed'>,
  x: ArrayLike<number>,
  { gradient }: Pick<SecondOrderEvaluation<unknown>, 'gradient'>,
): number[] {
  const free: number[] = []
  for (let i = 0; i < x.length; i++) {
    const isHeld = (x[i] <= min[i] && gradient[i] >= 0) || (x[i] >= max[i] && gradient[i] <= 0)
    if (i !== fixed && min[i] < max[i] && !(isHeld && gradient[i] !== 0)) free.push(i)
  }
  return free
}

function* tryStep<Hessian>(
  problem: NewtonProblem<Hessian>,
  x: Float64Array,
  at: SecondOrderEvaluation<Hessian>,
  free: readonly number[],
  step: ArrayLike<number>,
): Slices<ComparedPoint<Hessian> | null> {
  const { evaluate, min, max } = problem
  const to = x.slice()
  for (const [k, i] of free.entries()) to[i] = Math.min(Math.max(x[i] + step[k], min[i]), max[i])
  if (to.every((xi, i) => xi === x[i])) return null
  if (problem.advance) yield* problem.advance(to)
  const next = evaluate(to)
  if (!isUsable(problem, next)) return null
  const isNoise = Math.abs(next.value - at.value) <= noiseOf(at)
  return { x: to, at: next, isLess: next.value < at.value && !isNoise, isNoise }
}

/** A point after a step, compared with the point before. */
interface ComparedPoint<Hessian> {
  readonly x: Float64Array
  readonly at: SecondOrderEvaluation<Hessian>
  readonly isLess: boolean
  readonly isNoise: boolean
}

/** A point with a lower value, if one was found. */
type Escape<Hessian> = { readonly x: Float64Array; readonly at: SecondOrderEvaluation<Hessian> } | null

/** Moves a parameter with negative curvature and a negligible gradient, to a point with a lower value. */
function* findEscape<Hessian>(
  problem: NewtonProblem<Hessian>,
  x: Float64Array,
  at: SecondOrderEvaluation<Hessian>,
  free: readonly number[],
): Slices<Escape<Hessian>> {
  for (const i of free) {
    const curvature = problem.algebra.diagonal(at.hessian, i)
    if (!(curvature < 0) || Math.abs(at.gradient[i]) > 1e-3 * Math.sqrt(-curvature)) continue
    for (const sign of [1, -1]) {
      let reach = sign / Math.sqrt(-curvature)
      for (let k = 0; k < MAX_HALVINGS; k++, reach /= 2) {
        const next = yield* tryStep(problem, x, at, [i], [reach])
        if (next?.isLess) return next
      }
    }
  }
  return null
}

/** The Newton step with the smallest sufficient damping. */
function damped<Hessian>(
  { algebra }: NewtonProblem<Hessian>,
  at: SecondOrderEvaluation<Hessian>,
  free: readonly number[],
  from: number,
) {
  for (let damping = from; damping <= MAX_DAMPING; damping *= 8) {
    const solved = algebra.solve(at, free, damping)
    if (solved !== null) return solved
  }
  return null
}
