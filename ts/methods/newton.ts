import { OptionError } from '../core/errors.js'
import type { FloatArray } from '../core/numbers.js'
import { freeNorm } from '../minimize/convergence.js'
import { type MinimizationProblem, method } from '../minimize/method.js'
import { MethodDescent } from '../minimize/method-descent.js'
import { project } from '../objectives/bounds.js'
import { requireWritten } from '../objectives/gradient.js'
import type { Objective } from '../objectives/objective.js'
import { positive, type ValuesOf } from '../options/kinds.js'
import { newtonLanes } from './lanes/newton.js'
import { CHECKED_EVALUATIONS, requireFewParameters } from './newton-limits.js'
import { NewtonRun, type TrialDerivatives } from './newton-run.js'

const options = {
  /** > 0: radius of the first trust region, in units of the largest |xᵢ| at the start or of 1; default 3 */
  radius: positive(3),
}

type NewtonValues = ValuesOf<typeof options>

/** Description of the Newton method; see {@link newton}. */
export interface Newton extends NewtonValues {
  readonly method: 'newton'
}

declare module '../minimize/method.js' {
  interface Methods {
    readonly newton: Newton
  }
}

class NewtonDescent extends MethodDescent {
  readonly params: FloatArray
  readonly grads: FloatArray
  startNorm = NaN
  readonly #problem: MinimizationProblem
  readonly #hessian: NonNullable<Objective['gradient']>
  readonly #run: NewtonRun
  readonly #gradientOut: FloatArray
  readonly #hessianOut: FloatArray
  #evaluated = 0

  constructor({ radius }: NewtonValues, problem: MinimizationProblem) {
    super()
    requireFewParameters(problem.start.length)
    const hessian = problem.hessian()
    if (hessian === undefined) {
      const expected =
        'an expression or { value, gradient, hessian } with newton() (lbfgs() needs no hessian)'
      throw new OptionError('objective', expected, 'an objective without gradient or hessian')
    }
    const start = problem.start.slice()
    if (problem.box !== null) project(start, problem.box)
    this.#problem = problem
    this.#hessian = hessian
    this.#run = new NewtonRun(start, radius, problem)
    this.params = this.#run.best
    this.grads = this.#run.gradient
    this.#gradientOut = start.slice()
    this.#hessianOut = this.#run.hessian.slice()
  }

  get isStuck(): boolean {
    return this.#run.isStuck
  }

  update(): number {
    const run = this.#run
    if (this.#evaluated === 0) {
      this.#judge()
      this.startNorm = freeNorm(this.params, this.grads, this.decay(), this.#problem.box)
    }
    while (!run.isStuck) {
      run.propose()
      if (!run.isIdle && !run.isStuck && this.#judge()) break
    }
    return run.value
  }

  #judge(): boolean {
    const point = this.#run.trial
    return this.#run.judge(this.#problem.value(point), () => this.#derive(point))
  }

  #derive(point: FloatArray): TrialDerivatives {
    const { gradient, both } = this.#problem
    const out = { gradient: this.#gradientOut, hessian: this.#hessianOut }
    const isChecked = this.#evaluated++ % CHECKED_EVALUATIONS === 0
    if (both) both(point, out.gradient, out.hessian, true)
    else if (isChecked) {
      requireWritten(gradient, out.gradient)(point, out.gradient)
      requireWritten(this.#hessian, out.hessian, 'hessian')(point, out.hessian)
    } else {
      gradient(point, out.gradient)
      this.#hessian(point, out.hessian)
    }
    return out
  }
}

/**
 * Newton's method in a trust region, for {@link minimize}, with exact second derivatives H. The step d solves
 * (H + λ·I)·d = −g. The secular equation determines λ so that the step stays in the trust region (Moré and Sorensen,
 * 1983). The radius of the trust region depends on how well the quadratic approximation predicts the decrease. Each
 * step factorizes one matrix. If the matrix is not positive definite, its factors are modified (Gill, Murray and Wright,
 * 1981). At a saddle point, the run continues along a direction of negative curvature.
 *
 * The objective is an expression, or an object with a method `hessian(x, out)`, which fills n·n numbers row by row. The
 * count of parameters is at most 32. The method takes fewer evaluations than {@link lbfgs}, but an evaluation takes more
 * time. The method runs in TypeScript, in float64, with parameters and derivatives rounded to their dtype. The results
 * are bit-identical everywhere.
 *
 * @throws OptionError if an option is unknown or out of its range
 * @example
 * minimize(expression('(1 - x)^2 + 100*(y - x^2)^2'), [-1.5, 2], newton())
 */
export const newton: (options?: Partial<NewtonValues>) => Newton = method({
  name: 'newton',
  options,
  check() {},
  begin: (values, problem) => new NewtonDescent(values, problem),
  lanes: newtonLanes,
})
