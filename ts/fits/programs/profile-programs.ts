/** The programs of profiles: steps along a profile, and fits with a parameter held. */

import type { Program } from '../../expressions/program.js'
import { scaleParameters } from '../problem/problem.js'
import { slopeNodes } from './function-curve.js'
import { findLinearParameters } from './levenberg-marquardt.js'
import { byNormalEquations, byQr } from './local-model.js'
import { ModelPrograms } from './program-cache.js'
import { traceStep } from './trace-program.js'

/** Compiled once each, on demand. Fits do without them. */
export class ProfilePrograms {
  /** Parameters that vary above 0, as the user says or the model requires. */
  readonly scales: ReadonlySet<string>
  readonly #compiled: ModelPrograms
  #linear: readonly boolean[] | null = null
  readonly #traces = new Map<string, Program>()
  readonly #fixed = new Map<string, ModelPrograms>()

  constructor(compiled: ModelPrograms) {
    const { problem, parameters } = compiled
    const positive = parameters.filter(({ isLogarithmic }) => isLogarithmic).map(({ name }) => name)
    this.scales = new Set([...positive, ...scaleParameters(problem)])
    this.#compiled = compiled
  }

  /** Whether a parameter that varies is above 0, or the model is linear in others and not in it. */
  isNonlinear(i: number): boolean {
    const { problem } = this.#compiled
    this.#linear ??= findLinearParameters(problem.graph, slopeNodes(problem), problem.free)
    return this.#linear[i] || this.scales.has(problem.free[i])
  }

  /**
   * A step from a fit's point to where χ² has risen to a limit, along parameters or derived quantities.
   *
   * @param isAccurate whether it works by rotations, which lose fewer digits than normal equations
   * @param derived names of derived quantities, or of parameters that vary
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
   * Programs of fits in which one parameter is held, by fit, and steps are those of the logarithms of {@link scales}.
   *
   * @param most the limit of scales: they lie between it and its reciprocal
   * @param signs by parameter that varies, the sign that it has to keep; 0 for any
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
