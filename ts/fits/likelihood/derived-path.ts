/**
 * Profiles of derived quantities. The quantity q takes the place of the parameter x_j on which it depends most, so that
 * the profile of the parameter at this place is the profile of q. The derivatives of x_j(q, others) follow from the
 * implicit function theorem.
 */

import { differentiate, secondDerivatives } from '../../expressions/differentiate.js'
import { compile } from '../../expressions/program.js'
import { ProgramRunner } from '../../expressions/run.js'
import { memoizeBy } from '../programs/function-curve.js'
import { triangleIndex } from '../programs/ldlt.js'
import { hasBit, standardError } from '../solve/fit-context.js'
import { evaluateParameter } from '../uncertainty/estimates.js'
import { type ProfiledProblem, type ProfileOrigin, type ProfilePath, parameterPath } from './endpoint.js'
import type { SecondOrderEvaluation } from './newton.js'
import type { LikelihoodProblem } from './problem.js'
import type { LikelihoodSource } from './source.js'

const MAX_STEPS = 60
/** Relative accuracy of the quantity at a solved value of x_j. */
const TOLERANCE = 4 * Number.EPSILON

/** Standard error of a derived quantity. */
export function derivedError({ run, fit }: LikelihoodSource, name: string): number {
  const { likelihood, solutions, starts } = run
  const context = { problem: likelihood.problem, solved: solutions, starts }
  return standardError(solutions, fit, evaluateParameter(context, name, fit).slice(1))
}

const quantityMachines = memoizeBy(({ inSteps }: LikelihoodProblem) => {
  const { graph, derived, free, fixed } = inSteps
  const compileOne = (name: string) => {
    const root = derived.get(name) as number
    const { gradient } = differentiate(graph, root, free, () => false)
    const outputs = [root, ...gradient, ...secondDerivatives(graph, root, free, false)]
    return new ProgramRunner(compile(graph, outputs, [...free, ...fixed], []), 'float64')
  }
  const known = new Map<string, ProgramRunner>()
  return (name: string) => {
    const machine = known.get(name) ?? compileOne(name)
    known.set(name, machine)
    return machine
  }
})

/** Value, gradient and Hessian of a derived quantity at internal values of the free parameters. */
function createQuantity({ run, fit }: LikelihoodSource, name: string) {
  const { likelihood, starts } = run
  const machine = quantityMachines(likelihood)(name)
  const fixed = likelihood.problem.fixed.map((name) => (starts.get(name) as Float64Array)[fit])
  const count = likelihood.inSteps.free.length
  return (x: ArrayLike<number>): SecondOrderEvaluation => {
    machine.run([...Array.from(x), ...fixed], [], 0)
    const all = Float64Array.from(machine.program.outputs, (slot) => machine.slots[slot])
    return { value: all[0], gradient: all.subarray(1, 1 + count), hessian: all.subarray(1 + count) }
  }
}

/** The profile of a derived quantity; null if the quantity depends on no parameter that the data determine. */
export function derivedPath(
  problem: ProfiledProblem<Float64Array>,
  source: LikelihoodSource,
  name: string,
  { best, minimum, error }: ProfileOrigin,
): ProfilePath | null {
  const { run, fit } = source
  const { solutions } = run
  const quantity = createQuantity(source, name)
  const center = quantity(best)
  const share = (i: number) => {
    const deviation = Math.sqrt(solutions.covariance[triangleIndex(i, i)][fit])
    const { isLogarithm } = run.likelihood.inSteps
    const unit = isLogarithm[i] ? deviation / solutions.free[i][fit] : deviation
    return hasBit(solutions.atBound, fit, i) || !(unit < Infinity) ? 0 : Math.abs(center.gradient[i]) * unit
  }
  const shares = Array.from(best, (_, i) => share(i))
  const largest = Math.max(...shares)
  if (!(largest > 0 && largest < Infinity)) return null
  const j = shares.indexOf(largest)
  let from = best[j]
  const evaluate = (y: Float64Array): SecondOrderEvaluation => {
    const solved = solveFor(quantity, y, j, from, [problem.min[j], problem.max[j]])
    if (solved === null) return { ...center, value: NaN }
    from = solved.x[j]
    return substituted(problem.evaluate(solved.x), solved.at, j)
  }
  const replace = (list: readonly number[], value: number) => list.map((x, i) => (i === j ? value : x))
  const moved = {
    ...problem,
    evaluate,
    min: replace(problem.min, -Infinity),
    max: replace(problem.max, Infinity),
  }
  return parameterPath(moved, j, { best: best.with(j, center.value), minimum, error })
}

/** Solves q(x) = y_j for x_j within its limits, for the other values in y; null without a solution. */
function solveFor(
  quantity: (x: Float64Array) => SecondOrderEvaluation,
  y: Float64Array,
  j: number,
  from: number,
  [min, max]: readonly [number, number],
) {
  const x = y.with(j, from)
  const scale = Math.abs(y[j])
  let [at, best] = [quantity(x), Infinity]
  for (let step = 0; step < MAX_STEPS; step++) {
    const rest = at.value - y[j]
    if (!(Math.abs(rest) < best)) {
      // A step that does not come closer is halved.
      if (best <= 1e3 * TOLERANCE * scale) break
      x[j] = (x[j] + from) / 2
    } else {
      best = Math.abs(rest)
      from = x[j]
      if (best <= TOLERANCE * scale) break
      x[j] = Math.min(Math.max(x[j] - rest / at.gradient[j], min), max)
    }
    if (x[j] === from) break
    at = quantity(x)
  }
  x[j] = from
  at = quantity(x)
  return Math.abs(at.value - y[j]) <= 1e-9 * Math.max(scale, Number.MIN_VALUE) ? { x, at } : null
}

/** Derivatives of −2 log L in the coordinates in which q replaces x_j. */
function substituted(at: SecondOrderEvaluation, q: SecondOrderEvaluation, j: number): SecondOrderEvaluation {
  const count = at.gradient.length
  const second = (hessian: Float64Array, a: number, b: number) =>
    hessian[triangleIndex(Math.max(a, b), Math.min(a, b))]
  const slope = q.gradient[j]
  /** First derivatives of x_j. */
  const d = Array.from(q.gradient, (own, i) => (i === j ? 1 : -own) / slope)
  /** Second derivatives of a function of x, except for the part that contains the second derivatives of x_j. */
  const along = (hessian: Float64Array, a: number, b: number) => {
    const own = a === j || b === j ? 0 : second(hessian, a, b)
    const ofA = b === j ? 0 : second(hessian, j, b) * d[a]
    const ofB = a === j ? 0 : second(hessian, j, a) * d[b]
    return own + ofA + ofB + second(hessian, j, j) * d[a] * d[b]
  }
  const gradient = at.gradient.map((own, i) => (i === j ? 0 : own) + at.gradient[j] * d[i])
  const hessian = new Float64Array(at.hessian.length)
  for (let a = 0; a < count; a++)
    for (let b = 0; b <= a; b++) {
      const bend = -along(q.hessian, a, b) / slope
      hessian[triangleIndex(a, b)] = along(at.hessian, a, b) + at.gradient[j] * bend
    }
  return { value: at.value, gradient, hessian }
}
