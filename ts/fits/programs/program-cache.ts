/** The compiled programs of a problem. Compilation takes longer than a fit, so the last few problems are cached. */

import type { Program } from '../../expressions/program.js'
import type { BoundFunctionModel } from '../problem/function-model.js'
import type { Parameter } from '../problem/parameters.js'
import { MAX_COMPILED_PARAMETERS, makeProblem, type Problem } from '../problem/problem.js'
import { compileDiagnostics } from './diagnostics.js'
import { slopeNodes } from './function-curve.js'
import { compileScales, givensQr } from './givens-qr.js'
import {
  compileIteration,
  findNonlinearParameters,
  type IterationMode,
  type IterationState,
  iterationState,
} from './levenberg-marquardt.js'
import { squares } from './normal-equations.js'
import type { StepEquations } from './step-equations.js'

/** Settings on which compiled programs depend, in addition to the model and its parameters. */
export interface ProgramSettings extends Pick<Problem, 'columns' | 'y' | 'weight' | 'loss' | 'scale'> {
  readonly tolerance: number
  readonly isAbsolute: boolean
}

const MAX_CACHED = 8
/** Fits with at most this tolerance are refined to full precision. */
const THOROUGH_TOLERANCE = 1e-14

/** Programs of one solution method, compiled on demand. */
export class FitPrograms {
  declare readonly problem: Problem
  declare readonly state: IterationState
  /** Whether the diagnostics include the refined checks. */
  declare readonly isCloser: boolean
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

  /** Program of an iteration with the second derivatives that standard errors use. */
  get last(): Program {
    return this.#iteration(0, 'curvature')
  }

  get summary(): Program {
    const { isAbsolute, tolerance } = this.#settings
    return this.#once('summary', () =>
      compileDiagnostics(this.problem, this.#algebra, isAbsolute, tolerance, this.isCloser),
    )
  }

  /** The program that measures the scaling units. */
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
  declare readonly model: string | BoundFunctionModel
  declare readonly parameters: readonly Parameter[]
  declare readonly problem: Problem
  /** The problem in internal parameters: logarithms replace positive parameters. */
  declare readonly problemInSteps: Problem
  declare readonly settings: ProgramSettings
  /**
   * Whether array code computes the steps instead of compiled programs, because the model is a function or has too many
   * parameters.
   */
  declare readonly isDense: boolean
  /** Whether the model is linear in some parameters, and nonlinear in others. */
  declare readonly isPartlyLinear: boolean
  /** Whether the tolerance demands full precision. */
  declare readonly isThorough: boolean
  readonly #make: () => FitPrograms
  #normalEquations: FitPrograms | null = null
  #qr: FitPrograms | null = null

  constructor(
    model: string | BoundFunctionModel,
    parameters: readonly Parameter[],
    settings: ProgramSettings,
  ) {
    const { tolerance, isAbsolute, ...data } = settings
    this.model = model
    this.parameters = parameters
    this.settings = settings
    this.problem = makeProblem(model, parameters, data, false)
    const makeSteps = () => makeProblem(model, parameters, data, true)
    this.problemInSteps = parameters.some(({ isLogarithmic }) => isLogarithmic) ? makeSteps() : this.problem
    this.isThorough = tolerance <= THOROUGH_TOLERANCE
    const { graph, free, functionModel } = this.problemInSteps
    this.isDense = functionModel !== null || free.length > MAX_COMPILED_PARAMETERS
    this.isPartlyLinear =
      !this.isDense && findNonlinearParameters(graph, slopeNodes(this.problemInSteps), free).includes(true)
    // QR programs have many nodes, so QR programs use a separate graph.
    this.#make = () => new FitPrograms(makeSteps(), givensQr, settings, true)
  }

  /** A copy of the problem in a separate graph, for programs with many nodes. */
  copyProblem(): Problem {
    const { tolerance, isAbsolute, ...data } = this.settings
    return makeProblem(this.model, this.parameters, data, false)
  }

  /** Programs that solve nearly all fits, by normal equations. */
  get byNormalEquations(): FitPrograms {
    this.#normalEquations ??= new FitPrograms(this.problemInSteps, squares, this.settings, false)
    return this.#normalEquations
  }

  /** Programs that solve fits by QR if the fits lose digits with normal equations or have not converged. */
  get byQr(): FitPrograms {
    this.#qr ??= this.#make()
    return this.#qr
  }
}

/** Cached problems, most recently used first. */
const cachedPrograms: ModelPrograms[] = []

export function loadPrograms(
  model: string | BoundFunctionModel,
  parameters: readonly Parameter[],
  settings: ProgramSettings,
): ModelPrograms {
  // Function models are not cached, because functions cannot be compared, and programs of function models compile
  // quickly.
  if (typeof model !== 'string') return new ModelPrograms(model, parameters, settings)
  const isSame = (made: ModelPrograms) =>
    made.model === model &&
    made.parameters.length === parameters.length &&
    made.parameters.every((parameter, k) => areSameParameters(parameter, parameters[k])) &&
    areSameSettings(made.settings, settings)
  const at = cachedPrograms.findIndex(isSame)
  if (at === 0) return cachedPrograms[0]
  const made = at < 0 ? new ModelPrograms(model, parameters, settings) : cachedPrograms[at]
  cachedPrograms.splice(at < 0 ? MAX_CACHED - 1 : at, 1)
  cachedPrograms.unshift(made)
  return made
}

// Both functions compare field by field, because loops over the names of the fields take several times as long.

/** Whether the same programs serve two parameters. */
function areSameParameters(a: Parameter, b: Parameter): boolean {
  return (
    a.name === b.name &&
    a.expr === b.expr &&
    a.isFixed === b.isFixed &&
    a.isLogarithmic === b.isLogarithmic &&
    a.isDerived === b.isDerived &&
    Object.is(a.min, b.min) &&
    Object.is(a.max, b.max) &&
    // A program contains only the values of fixed parameters, unless the values differ between fits.
    (!a.isFixed ||
      Object.is(a.start, b.start) ||
      (typeof a.start !== 'number' && typeof b.start !== 'number'))
  )
}

/** Whether the same programs serve two settings. */
function areSameSettings(a: ProgramSettings, b: ProgramSettings): boolean {
  return (
    a.y === b.y &&
    a.weight === b.weight &&
    a.loss === b.loss &&
    a.scale === b.scale &&
    a.tolerance === b.tolerance &&
    a.isAbsolute === b.isAbsolute &&
    a.columns.length === b.columns.length &&
    a.columns.every((name, k) => name === b.columns[k])
  )
}
