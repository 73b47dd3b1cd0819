/** Programs of profiles: trace steps, and fits with one parameter fixed. */

import type { Program } from '../../expressions/program.js'
import { scaleParameters } from '../problem/problem.js'
import { slopeNodes } from './function-curve.js'
import { findNonlinearParameters } from './levenberg-marquardt.js'
import { byNormalEquations, byQr } from './local-model.js'
import { ModelPrograms } from './program-cache.js'
import { traceStep } from './trace-program.js'

/** Compiles each profile program once, on demand. Fits without profiles compile no profile programs. */
export class ProfilePrograms {
  /** Free parameters that are positive by the user's choice or by the requirements of the model. */
  readonly scales: ReadonlySet<string>
  readonly #compiled: ModelPrograms
  #nonlinear: readonly boolean[] | null = null
  readonly #traces = new Map<string, Program>()
  readonly #fixed = new Map<string, ModelPrograms>()

  constructor(compiled: ModelPrograms) {
    const { problem, parameters } = compiled
    const positive = parameters.filter(({ isLogarithmic }) => isLogarithmic).map(({ name }) => name)
    this.scales = new Set([...positive, ...scaleParameters(problem)])
    this.#compiled = compiled
  }

  /**
   * Whether a free parameter is positive, or the model is nonlinear in the parameter and linear in other parameters.
   */
  isNonlinear(i: number): boolean {
    const { problem } = this.#compiled
    this.#nonlinear ??= findNonlinearParameters(problem.graph, slopeNodes(problem), problem.free)
    return this.#nonlinear[i] || this.scales.has(problem.free[i])
  }

  /**
   * Compiles one step of a profile trace. A trace leads from the fit toward the threshold of χ². The trace follows
   * parameters or derived quantities.
   *
   * @param isAccurate whether the step uses QR, which loses fewer digits than normal equations
   * @param derived names of derived quantities, or of free parameters
   */
  trace(isAccurate: boolean, derived: readonly string[]): Program {
    const key = [isAccurate, ...derived].join()
    const compile = () => {
      const problem = isAccurate ? this.#compiled.copyProblem() : this.#compiled.problem
      const nodes = derived.map((name) => problem.derived.get(name) ?? problem.graph.name(name))
      return traceStep(problem, isAccurate ? byQr : byNormalEquations, nodes)
    }
    const program = this.#traces.get(key) ?? compile()
    this.#traces.set(key, program)
    return program
  }

  /**
   * Programs of fits in which one parameter is fixed per fit. Steps use the logarithms of the positive parameters
   * ({@link scales}).
   *
   * @param most upper limit of positive parameters, whose reciprocal is the lower limit
   * @param signs sign that each free parameter must keep, or 0 for any sign
   */
  withFixedParameter(name: string, most: number, signs: readonly number[]): ModelPrograms {
    const key = [name, most, ...signs].join()
    const made = this.#fixed.get(key) ?? this.#fixParameter(name, most, signs)
    this.#fixed.set(key, made)
    return made
  }

  #fixParameter(name: string, most: number, signs: readonly number[]): ModelPrograms {
    const { model, parameters, settings, problem } = this.#compiled
    const others = parameters.map((parameter) => {
      const { min, max } = parameter
      if (parameter.name === name) return { ...parameter, start: null, isFixed: true, isLogarithmic: false }
      const { [problem.free.indexOf(parameter.name)]: sign = 0 } = signs
      if (sign > 0) return { ...parameter, min: Math.max(min, 0) }
      if (sign < 0) return { ...parameter, max: Math.min(max, 0) }
      if (!this.scales.has(parameter.name)) return parameter
      return { ...parameter, isLogarithmic: true, min: Math.max(min, 1 / most), max: Math.min(max, most) }
    })
    return new ModelPrograms(model, others, settings)
  }
}

const cached = new WeakMap<ModelPrograms, ProfilePrograms>()

export function loadProfilePrograms(compiled: ModelPrograms): ProfilePrograms {
  const programs = cached.get(compiled) ?? new ProfilePrograms(compiled)
  cached.set(compiled, programs)
  return programs
}
