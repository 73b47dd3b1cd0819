/**
 * −2 log L of a model that computes all rows together with exact derivatives, such as a model of differential equations.
 *
 * With the derivatives f_i of the model, the gradient of a row's part ℓ(f, θ) is ℓ_f·f_i + ℓ_i. Its Hessian is the sum of
 * ℓ_ff·f_i·f_j + ℓ_fi·f_j + ℓ_fj·f_i + ℓ_ij (as in Gauss-Newton) and ℓ_f·f_ij. Such a model has no second derivatives
 * f_ij, so that `observe` measures the last part near the solution, by differences of the exact gradient.
 */

import { memoizeBy } from '../../core/memoization.js'
import { runToEnd, type Slices } from '../../core/slices.js'
import { differentiate, secondDerivatives } from '../../expressions/differentiate.js'
import { compile } from '../../expressions/program.js'
import { ProgramRunner } from '../../expressions/run.js'
import type { BoundFunctionModel, ModelLane } from '../problem/function-model.js'
import type { Problem } from '../problem/problem.js'
import { FunctionCurve, modelColumns } from '../programs/function-curve.js'
import { triangleIndex } from '../programs/ldlt.js'
import type { SecondOrderEvaluation } from './newton.js'
import type { LikelihoodProblem } from './problem.js'

/** Step of the differences, as a fraction of the distance at which −2 log L rises by 1 along a parameter. */
const STEP = 0.05
/** Errors of integrations are nearly the same at two points next to each other. */
const NOISE_PART = 0.01
/** Maximum number of shorter steps if −2 log L is not finite. */
const MAX_TRIES = 4

/** ℓ of a row, its derivatives with respect to the free parameters and f, and the triangle of second derivatives. */
const partsOf = memoizeBy(({ inSteps, cost, columns }: LikelihoodProblem) => {
  const { graph, free, evaluatedExpressions } = inSteps
  const f = evaluatedExpressions[0]
  const names = [...free, f]
  const { gradient } = differentiate(graph, cost, names, () => false)
  const outputs = [cost, ...gradient, ...secondDerivatives(graph, cost, names, false)]
  return new ProgramRunner(compile(graph, outputs, free, [...columns, f]), 'float64')
})

/** @param rows columns of the objective */
function curveOf(
  problem: Problem,
  columns: readonly string[],
  rows: readonly Float64Array[],
  lane?: ModelLane,
): FunctionCurve {
  const column = (name: string) => rows[columns.indexOf(name)]
  return new FunctionCurve(
    problem,
    problem.functionModel as BoundFunctionModel,
    modelColumns(problem).map(column),
    problem.fixed.map((name) => column(name)[0]),
    rows[0].length,
    lane,
  )
}

/** Values of the model in rows of a fit, which the column of row indices identifies. */
export function evaluateModelRows(
  { problem, columns }: LikelihoodProblem,
  point: ArrayLike<number>,
  rows: readonly Float64Array[],
): Float64Array {
  return curveOf(problem, columns, rows).value(Array.from(problem.free, (_, i) => point[i]))
}

/** Evaluates −2 log L of one fit with its derivatives. */
export class ModelEvaluator {
  readonly #likelihood: LikelihoodProblem
  readonly #rows: readonly Float64Array[]
  readonly #curve: FunctionCurve
  /** The model in the lane of the fit, which only `advance` may run. */
  readonly #inLane: FunctionCurve
  /** The result that `advance` has computed. */
  #ready: (SecondOrderEvaluation & { readonly x: Float64Array }) | undefined
  /** The part ℓ_f·f_ij of the Hessian; 0 until it is measured. */
  readonly #correction: Float64Array

  /** @param rows columns of the objective */
  constructor(likelihood: LikelihoodProblem, rows: readonly Float64Array[], lane?: ModelLane) {
    const { inSteps, columns } = likelihood
    this.#likelihood = likelihood
    this.#rows = rows
    this.#curve = curveOf(inSteps, columns, rows)
    this.#inLane = lane === undefined ? this.#curve : curveOf(inSteps, columns, rows, lane)
    this.#correction = new Float64Array(triangleIndex(inSteps.free.length, 0))
  }

  /** Computes the next result of `evaluate` with pauses. */
  *advance(x: Float64Array): Slices<void> {
    this.#ready = { ...(yield* this.#evaluate(x, this.#inLane)), x }
  }

  evaluate(x: Float64Array): SecondOrderEvaluation {
    const ready = this.#ready
    return ready?.x.every((xi, i) => Object.is(xi, x[i])) ? ready : runToEnd(this.#evaluate(x, this.#curve))
  }

  *#evaluate(x: Float64Array, curve: FunctionCurve): Slices<SecondOrderEvaluation> {
    const { min, max, functionModel } = this.#likelihood.inSteps
    const f = yield* curve.evaluate(x)
    const slopes = yield* curve.slopes({ x, f, min, max, sizes: min })
    const [cost, ...parts] = partsOf(this.#likelihood).evaluateRows(x, [...this.#rows, f], f.length)
    const byModel = parts[x.length]
    const value = cost.reduce((sum, part) => sum + part, 0)
    const squares = byModel.reduce((sum, slope, row) => sum + slope * f[row] * (slope * f[row]), 0)
    const gradient = x.map((_, i) =>
      parts[i].reduce((sum, own, row) => sum + (own + byModel[row] * slopes[i][row]), 0),
    )
    const hessian = gaussNewton(parts.slice(x.length + 1), slopes)
    return {
      value,
      gradient,
      hessian: hessian.map((own, k) => own + this.#correction[k]),
      noise: NOISE_PART * (functionModel?.exact?.accuracy ?? 0) * Math.sqrt(squares),
    }
  }

  /**
   * Measures the missing part of the Hessian near a minimum, by differences of fourth order. The part remains 0 for a
   * parameter whose gradient is not finite next to the point.
   */
  *observe(x: Float64Array): Slices<void> {
    const { min, max } = this.#likelihood.inSteps
    this.#correction.fill(0)
    this.#ready = undefined
    yield* this.advance(x)
    const { hessian } = this.evaluate(x)
    const measured: (Float64Array | null)[] = []
    for (let i = 0; i < x.length; i++) {
      const curvature = Math.abs(hessian[triangleIndex(i, i)])
      let step = curvature > 0 && curvature < Infinity ? STEP * Math.sqrt(2 / curvature) : 0
      step = Math.min(step, (max[i] - x[i]) / 2, (x[i] - min[i]) / 2)
      let row: Float64Array | null = null
      for (let k = 0; k < MAX_TRIES && row === null && step > 0; k++, step /= 8)
        row = yield* this.#difference(x, i, step)
      measured.push(row)
    }
    for (let i = 0; i < x.length; i++)
      for (let j = 0; j <= i; j++) {
        const [own, other] = [measured[i]?.[j], measured[j]?.[i]]
        if (own === undefined || other === undefined) continue
        this.#correction[triangleIndex(i, j)] = (own + other) / 2 - hessian[triangleIndex(i, j)]
      }
    this.#ready = undefined
  }

  /** Derivative of the gradient with respect to a parameter; null if it is not finite. */
  *#difference(x: Float64Array, i: number, step: number): Slices<Float64Array | null> {
    const gradients: Float64Array[] = []
    for (const factor of [1, -1, 2, -2]) {
      const at = x.slice()
      at[i] += factor * step
      yield* this.advance(at)
      gradients.push(this.evaluate(at).gradient)
    }
    const [up, down, farUp, farDown] = gradients
    const row = up.map((g, j) => (8 * (g - down[j]) - (farUp[j] - farDown[j])) / (12 * step))
    return row.every(Number.isFinite) ? row : null
  }
}

/** @param second rows of the triangle of second derivatives of ℓ, whose last line belongs to f */
function gaussNewton(second: readonly Float64Array[], slopes: readonly Float64Array[]): Float64Array {
  const count = slopes.length
  const at = (i: number, j: number) => second[triangleIndex(i, j)]
  const bend = at(count, count)
  const hessian = new Float64Array(triangleIndex(count, 0))
  for (let i = 0; i < count; i++)
    for (let j = 0; j <= i; j++) {
      const [direct, mixed, other] = [at(i, j), at(count, i), at(count, j)]
      const [a, b] = [slopes[i], slopes[j]]
      hessian[triangleIndex(i, j)] = direct.reduce(
        (sum, own, row) => sum + (own + mixed[row] * b[row] + a[row] * (other[row] + bend[row] * b[row])),
        0,
      )
    }
  return hessian
}
