/**
 * Profiles of derived quantities. The quantity q takes the place of the parameter x_j on which it depends most, so that
 * the profile of the parameter at this place is the profile of q. The derivatives of x_j(q, others) follow from the
 * implicit function theorem.
 */

import { memoizeBy } from '../../core/memoization.js'
import { differentiate, secondDerivatives } from '../../expressions/differentiate.js'
import { compile } from '../../expressions/program.js'
import { ProgramRunner } from '../../expressions/run.js'
import { triangleIndex } from '../programs/ldlt.js'
import { hasBit, standardError } from '../solve/fit-context.js'
import { evaluateParameter } from '../uncertainty/estimates.js'
import {
  errorOrGuess,
  isUsableEnd,
  type PathPoint,
  type ProfiledProblem,
  type ProfileOrigin,
  type ProfilePath,
  profileSettings,
} from './endpoint.js'
import { type HessianAlgebra, minimizeNewton, type SecondOrderEvaluation } from './newton.js'
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

/** A problem in which a quantity can take the place of a parameter. */
export interface ReplaceableProblem<Hessian> {
  /** Places in the vector of the problem of the parameters of the fit to which the quantity belongs. */
  readonly own: readonly number[]
  readonly problem: ProfiledProblem<Hessian>
  /** The algebra and the evaluation in the coordinates in which the quantity replaces the parameter `own[j]`. */
  replace(j: number): {
    readonly algebra: HessianAlgebra<Hessian>
    readonly evaluate: (x: Float64Array, q: SecondOrderEvaluation) => SecondOrderEvaluation<Hessian>
  }
}

/** The problem of a single fit. */
export const replaceableProblem = (
  problem: ProfiledProblem<Float64Array>,
): ReplaceableProblem<Float64Array> => ({
  own: [...problem.min.keys()],
  problem,
  replace: (j) => ({
    algebra: problem.algebra,
    evaluate: (x, q) => substituted(problem.evaluate(x), q, j),
  }),
})

/** The profile of a derived quantity; null if the quantity depends on no parameter that the data determine. */
export function derivedPath<Hessian>(
  replaceable: ReplaceableProblem<Hessian>,
  source: LikelihoodSource,
  name: string,
  { best, minimum, error }: ProfileOrigin,
): ProfilePath | null {
  const { own } = replaceable
  const ofOwn = createQuantity(source, name)
  const quantity = (x: Float64Array) => ofOwn(own.map((place) => x[place]))
  const center = quantity(best)
  const shares = own.map((_, j) => shareOf(source, j, center))
  const order = [...own.keys()].filter((j) => shares[j] > 0).sort((a, b) => shares[b] - shares[a])
  if (order.length === 0 || !(shares[order[0]] < Infinity)) return null
  const search = new DerivedSearch(replaceable, quantity, order)
  return {
    center: center.value,
    min: -Infinity,
    max: Infinity,
    error: errorOrGuess(error, center.value),
    best,
    minimum,
    at: (value, from) => search.at(value, from),
  }
}

/** Part of the standard error of a quantity that comes from a parameter; 0 if the parameter cannot move. */
function shareOf({ run, fit }: LikelihoodSource, j: number, { gradient }: SecondOrderEvaluation): number {
  const { solutions, likelihood } = run
  const deviation = Math.sqrt(solutions.covariance[triangleIndex(j, j)][fit])
  const unit = likelihood.inSteps.isLogarithm[j] ? deviation / solutions.free[j][fit] : deviation
  return hasBit(solutions.atBound, fit, j) || !(unit < Infinity) ? 0 : Math.abs(gradient[j]) * unit
}

/** A point of the profile of a quantity, and whether Newton's method has converged. */
interface DerivedPathPoint extends PathPoint {
  readonly hasConverged: boolean
}

/**
 * Points of the profile of a quantity. If the parameter whose place the quantity takes runs into a bound, the next
 * parameter in the order takes its role.
 */
class DerivedSearch<Hessian> {
  readonly #replaceable: ReplaceableProblem<Hessian>
  readonly #quantity: (x: Float64Array) => SecondOrderEvaluation
  readonly #order: readonly number[]
  readonly #replaced = new Map<number, ReturnType<ReplaceableProblem<Hessian>['replace']>>()

  constructor(
    replaceable: ReplaceableProblem<Hessian>,
    quantity: (x: Float64Array) => SecondOrderEvaluation,
    order: readonly number[],
  ) {
    this.#replaceable = replaceable
    this.#quantity = quantity
    this.#order = order
  }

  at(value: number, from: Float64Array): PathPoint {
    const found = this.#solve(0, value, from, new Set())
    if (found?.isUsable) return found
    // The largest value within the bounds may be closer than the requested one.
    const { value: limit } = this.#quantity(this.#corner(this.#order, value, from))
    const none = { x: from, value: NaN, slope: NaN, end: value, isUsable: false }
    return Number.isFinite(limit) ? { ...none, limit } : none
  }

  /** @param held places of parameters that remain at a bound */
  #solve(k: number, value: number, from: Float64Array, held: ReadonlySet<number>): DerivedPathPoint | null {
    const j = this.#order[k]
    const first = this.#minimize(j, value, from, held)
    if (first.hasConverged || k + 1 === this.#order.length) return first
    const place = this.#replaceable.own[j]
    const corner = this.#corner([j], value, from)
    const second = this.#solve(k + 1, value, corner, new Set([...held, place]))
    if (!second?.isUsable) return first
    // The parameter may leave the bound if the other parameters have moved.
    const again = this.#minimize(j, value, second.x, held)
    return again.hasConverged && again.value < second.value ? again : second
  }

  /** The point at which some parameters are at the bounds in whose direction the quantity comes closer to a value. */
  #corner(some: readonly number[], value: number, from: Float64Array): Float64Array {
    const { own, problem } = this.#replaceable
    const { value: current, gradient } = this.#quantity(from)
    const to = from.slice()
    for (const j of some) {
      const way = (value - current) * gradient[j]
      if (way !== 0) to[own[j]] = (way > 0 ? problem.max : problem.min)[own[j]]
    }
    return to
  }

  #minimize(j: number, value: number, start: Float64Array, held: ReadonlySet<number>): DerivedPathPoint {
    const { own, problem } = this.#replaceable
    const place = own[j]
    const replaced = this.#replaced.get(j) ?? this.#replaceable.replace(j)
    this.#replaced.set(j, replaced)
    const limits: readonly [number, number] = [problem.min[place], problem.max[place]]
    let from = start[place]
    const solved = (y: Float64Array) => solveFor(this.#quantity, y, { j, place }, from, limits)
    const evaluate = (y: Float64Array) => {
      const found = solved(y)
      // Newton's method reads no derivatives of a value that is not finite.
      if (found === null) return { value: NaN, gradient: y, hessian: undefined as Hessian }
      from = found.x[place]
      return replaced.evaluate(found.x, found.at)
    }
    const replace = (list: readonly number[], own: number) =>
      list.map((x, i) => (i === place ? own : held.has(i) ? start[i] : x))
    const moved = {
      algebra: replaced.algebra,
      evaluate,
      min: replace(problem.min, -Infinity),
      max: replace(problem.max, Infinity),
    }
    const begin = start.slice()
    begin[place] = value
    const found = minimizeNewton({ ...moved, ...profileSettings, fixed: place }, begin)
    const x = solved(found.x)?.x ?? found.x
    return {
      ...{ x, value: found.value, slope: found.gradient[place], end: value },
      isUsable: isUsableEnd(found),
      hasConverged: found.status === 'converged',
    }
  }
}

/** Solves q(x) = y for the parameter at a place within its limits, for the other values; null without a solution. */
function solveFor(
  quantity: (x: Float64Array) => SecondOrderEvaluation,
  y: Float64Array,
  { j, place }: { readonly j: number; readonly place: number },
  start: number,
  [min, max]: readonly [number, number],
) {
  let from = start
  const goal = y[place]
  const x = y.slice()
  x[place] = from
  const scale = Math.abs(goal)
  let [at, best] = [quantity(x), Infinity]
  for (let step = 0; step < MAX_STEPS; step++) {
    const rest = at.value - goal
    if (!(Math.abs(rest) < best)) {
      // A step that does not come closer is halved.
      if (best <= 1e3 * TOLERANCE * scale) break
      x[place] = (x[place] + from) / 2
    } else {
      best = Math.abs(rest)
      from = x[place]
      if (best <= TOLERANCE * scale) break
      x[place] = Math.min(Math.max(x[place] - rest / at.gradient[j], min), max)
    }
    if (x[place] === from) break
    at = quantity(x)
  }
  x[place] = from
  at = quantity(x)
  return Math.abs(at.value - goal) <= 1e-9 * Math.max(scale, Number.MIN_VALUE) ? { x, at } : null
}

/** Derivatives of −2 log L in the coordinates in which q replaces x_j. */
export function substituted(
  at: SecondOrderEvaluation,
  q: SecondOrderEvaluation,
  j: number,
): SecondOrderEvaluation {
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
