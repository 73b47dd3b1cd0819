/** The programs of a problem. To make them takes longer than a fit, so the last ones are kept. */

import type { Program } from '../../expressions/program.js'
import type { BoundFunctionModel } from '../problem/function-model.js'
import type { Parameter } from '../problem/parameters.js'
import { MAX_COMPILED_PARAMETERS, makeProblem, type Problem, scaleParameters } from '../problem/problem.js'
import { compileDiagnostics } from './diagnostics.js'
import { slopeNodes } from './function-curve.js'
import { compileScales, givensQr } from './givens-qr.js'
import {
  compileIteration,
  findLinearParameters,
  type IterationMode,
  type IterationState,
  iterationState,
} from './levenberg-marquardt.js'
import { byNormalEquations, byQr } from './local-model.js'
import { squares } from './normal-equations.js'
import type { StepEquations } from './step-equations.js'
import { traceStep } from './trace-program.js'

/** What programs depend on, beside the model and its parameters. */
export interface ProgramSettings extends Pick<Problem, 'columns' | 'y' | 'weight' | 'loss' | 'scale'> {
  readonly tolerance: number
  readonly isAbsolute: boolean
}

const MAX_CACHED = 8
/** At such a tolerance all digits are wanted. */
const THOROUGH_TOLERANCE = 1e-14

/** Programs that are made once somebody wants them. */
export class FitPrograms {
  readonly problem: Problem
  readonly state: IterationState
  /** Whether it looks at what the others are in doubt of. */
  readonly isCloser: boolean
  readonly #algebra: StepEquations
  readonly #settings: ProgramSettings
  readonly #programs = new Map<string, Program>()

  constructor(problem: Problem, algebra: StepEquations, settings: ProgramSettings, isCloser: boolean) {
    this.problem = problem
    this.state = iterationState(problem, algebra)
    this.isCloser = isCloser
    this.#algebra = algebra
    this.#settings = settings
  }

  get iteration(): Program {
    return this.#iteration(this.#settings.tolerance, 'weight')
  }

  /** An iteration with second derivatives as errors have them. */
  get last(): Program {
    return this.#iteration(0, 'curvature')
  }

  get summary(): Program {
    const { isAbsolute, tolerance } = this.#settings
    return this.#once('summary', () =>
      compileDiagnostics(this.problem, this.#algebra, isAbsolute, tolerance, this.isCloser),
    )
  }

  /** What measures units. */
  get measuring(): Program {
    return this.#once('measuring', () => compileScales(this.problem, slopeNodes(this.problem)))
  }

  #iteration(tolerance: number, second: IterationMode['second']): Program {
    const way = { algebra: this.#algebra, second, alternates: this.isCloser && second === 'weight' }
    return this.#once(second, () => compileIteration(this.problem, this.state, tolerance, way))
  }

  #once(name: string, make: () => Program): Program {
    const program = this.#programs.get(name) ?? make()
    this.#programs.set(name, program)
    return program
  }
}

export class ModelPrograms {
  readonly problem: Problem
  /** The same as steps have it: with logarithms, where some parameters are positive. */
  readonly problemInSteps: Problem
  readonly settings: ProgramSettings
  /** Whether steps are no programs: the model is a function, or has too many parameters. */
  readonly isDense: boolean
  /** Whether the model is linear in some parameters, and not in others. */
  readonly isPartlyLinear: boolean
  /** Whether the tolerance wants all digits that there are. */
  readonly isThorough: boolean
  readonly #make: () => FitPrograms
  #normalEquations: FitPrograms | null = null
  #qr: FitPrograms | null = null
  readonly #makeOther: () => Problem
  readonly #traces = new Map<string, Program>()
  readonly #fixParameter: (name: string, most: number, signs: readonly number[]) => ModelPrograms
  readonly #fixedPrograms = new Map<string, ModelPrograms>()
  #scales: ReadonlySet<string> | null = null
  #linear: readonly boolean[] | null = null
  readonly #positive: readonly string[]

  constructor(
    model: string | BoundFunctionModel,
    parameters: readonly Parameter[],
    settings: ProgramSettings,
  ) {
    const { tolerance, isAbsolute, ...data } = settings
    this.settings = settings
    this.problem = makeProblem(model, parameters, data, false)
    const makeSteps = () => makeProblem(model, parameters, data, true)
    this.problemInSteps = parameters.some(({ isLogarithmic }) => isLogarithmic) ? makeSteps() : this.problem
    this.isThorough = tolerance <= THOROUGH_TOLERANCE
    const { graph, free, functionModel } = this.problemInSteps
    this.isDense = functionModel !== null || free.length > MAX_COMPILED_PARAMETERS
    this.isPartlyLinear =
      !this.isDense && findLinearParameters(graph, slopeNodes(this.problemInSteps), free).includes(true)
    // In a graph of its own: it has many nodes.
    this.#make = () => new FitPrograms(makeSteps(), givensQr, settings, true)
    this.#makeOther = () => makeProblem(model, parameters, data, false)
    this.#positive = parameters.filter(({ isLogarithmic }) => isLogarithmic).map(({ name }) => name)
    this.#fixParameter = (name, most, signs) => {
      const others = parameters.map((parameter) => {
        const { min, max } = parameter
        if (parameter.name === name) return { ...parameter, start: null, isFixed: true, isLogarithmic: false }
        const { [free.indexOf(parameter.name)]: sign = 0 } = signs
        if (sign > 0) return { ...parameter, min: Math.max(min, 0) }
        if (sign < 0) return { ...parameter, max: Math.min(max, 0) }
        if (!this.scales.has(parameter.name)) return parameter
        return { ...parameter, isLogarithmic: true, min: Math.max(min, 1 / most), max: Math.min(max, most) }
      })
      return new ModelPrograms(model, others, settings)
    }
  }

  /** What nearly all fits are done by. */
  get byNormalEquations(): FitPrograms {
    this.#normalEquations ??= new FitPrograms(this.problemInSteps, squares, this.settings, false)
    return this.#normalEquations
  }

  /** For those that lose digits by squares, or have not arrived. */
  get byQr(): FitPrograms {
    this.#qr ??= this.#make()
    return this.#qr
  }

  /**
   * From a fit's point to where χ² has risen to a limit, by parameters, or by what is derived.
   *
   * @param derived names of it, or of parameters that vary
   * @param isSure by what loses no digits
   */
  traceProgram(isSure: boolean, derived: readonly string[]): Program {
    const key = [isSure, ...derived].join()
    const make = () => {
      // In a graph of its own, as above.
      const problem = isSure ? this.#makeOther() : this.problem
      const nodes = derived.map((name) => problem.derived.get(name) ?? problem.graph.name(name))
      return traceStep(problem, isSure ? byQr : byNormalEquations, nodes)
    }
    const made = this.#traces.get(key) ?? make()
    this.#traces.set(key, made)
    return made
  }

  /** Parameters that vary above 0, as somebody says or the model wants. */
  get scales(): ReadonlySet<string> {
    this.#scales ??= new Set([...this.#positive, ...scaleParameters(this.problem)])
    return this.#scales
  }

  /** Whether a parameter that varies is above 0, or the model is linear in others and not in it. */
  isNonlinear(i: number): boolean {
    const { graph, free } = this.problem
    this.#linear ??= findLinearParameters(graph, slopeNodes(this.problem), free)
    return this.#linear[i] || this.scales.has(free[i])
  }

  /**
   * The same with a parameter held, by fit, and steps by the logarithms of {@link scales}.
   *
   * @param most what scales are at most; they are as far above 0
   * @param signs of parameters that vary, which others than scales are to keep; 0 for any
   */
  withFixedParameter(name: string, most: number, signs: readonly number[]): ModelPrograms {
    const key = [name, most, ...signs].join()
    const made = this.#fixedPrograms.get(key) ?? this.#fixParameter(name, most, signs)
    this.#fixedPrograms.set(key, made)
    return made
  }
}

/** By what they are made of; the one that was used last is the last one. */
const cachedPrograms = new Map<string, ModelPrograms>()

export function loadPrograms(
  model: string | BoundFunctionModel,
  parameters: readonly Parameter[],
  settings: ProgramSettings,
): ModelPrograms {
  // Functions are not compared; to compile them is quick.
  if (typeof model !== 'string') return new ModelPrograms(model, parameters, settings)
  // Where parameters start is in no program, unless they stay there.
  const parts = parameters.flatMap((parameter) => {
    const { start, isFixed } = parameter
    const kept = !isFixed ? null : typeof start === 'number' ? start : 'by fit'
    return Object.values({ ...parameter, start: kept })
  })
  const exactly = (part: unknown) =>
    typeof part === 'number' ? (Object.is(part, -0) ? '-0' : `${part}`) : part
  const key = JSON.stringify([model, ...parts, ...Object.values(settings)].map(exactly))
  const made = cachedPrograms.get(key) ?? new ModelPrograms(model, parameters, settings)
  cachedPrograms.delete(key)
  cachedPrograms.set(key, made)
  const [oldest] = cachedPrograms.keys()
  if (cachedPrograms.size > MAX_CACHED) cachedPrograms.delete(oldest)
  return made
}
