/** The programs of a problem. To make them takes longer than a fit, so the last ones are kept. */

import type { Program } from '../expressions/program.js'
import type { Algebra } from './algebra.js'
import type { Bound } from './called.js'
import { slopesOf } from './curve.js'
import { iteration, type State, stateOf, type Way, waiting } from './levenberg-marquardt.js'
import type { Parameter } from './parameters.js'
import { MOST_IN_PROGRAMS, makeProblem, type Problem, scalesIn } from './problem.js'
import { ray } from './ray.js'
import { measuring, rotations } from './rotations.js'
import { squares } from './squares.js'
import { summary } from './summary.js'
import { byRotations, bySquares } from './valley.js'

/** What programs depend on, beside the model and its parameters. */
export interface Settings extends Pick<Problem, 'columns' | 'y' | 'weight' | 'loss' | 'scale'> {
  readonly tolerance: number
  readonly isAbsolute: boolean
}

const KEPT = 8
/** At such a tolerance all digits are wanted. */
const THOROUGH = 1e-14

/** Programs that are made once somebody wants them. */
export class Programs {
  readonly problem: Problem
  readonly state: State
  /** Whether it looks at what the others are in doubt of. */
  readonly isCloser: boolean
  readonly #algebra: Algebra
  readonly #settings: Settings
  readonly #made = new Map<string, Program>()

  constructor(problem: Problem, algebra: Algebra, settings: Settings, isCloser: boolean) {
    this.problem = problem
    this.state = stateOf(problem, algebra)
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
      summary(this.problem, this.#algebra, isAbsolute, tolerance, this.isCloser),
    )
  }

  /** What measures units. */
  get measuring(): Program {
    return this.#once('measuring', () => measuring(this.problem, slopesOf(this.problem)))
  }

  #iteration(tolerance: number, second: Way['second']): Program {
    const way = { algebra: this.#algebra, second, alternates: this.isCloser && second === 'weight' }
    return this.#once(second, () => iteration(this.problem, this.state, tolerance, way))
  }

  #once(name: string, make: () => Program): Program {
    const program = this.#made.get(name) ?? make()
    this.#made.set(name, program)
    return program
  }
}

export class Compiled {
  readonly problem: Problem
  /** The same as steps have it: with logarithms, where some parameters are positive. */
  readonly steps: Problem
  readonly settings: Settings
  /** Whether steps are no programs: the model is a function, or has too many parameters. */
  readonly isDense: boolean
  /** Whether the model is linear in some parameters, and not in others. */
  readonly isPartlyLinear: boolean
  /** Whether the tolerance wants all digits that there are. */
  readonly isThorough: boolean
  readonly #make: () => Programs
  #quick: Programs | null = null
  #sure: Programs | null = null
  readonly #makeOther: () => Problem
  readonly #rays = new Map<string, Program>()
  readonly #hold: (name: string, most: number, signs: readonly number[]) => Compiled
  readonly #held = new Map<string, Compiled>()
  #scales: ReadonlySet<string> | null = null
  #waits: readonly boolean[] | null = null
  readonly #positive: readonly string[]

  constructor(model: string | Bound, parameters: readonly Parameter[], settings: Settings) {
    const { tolerance, isAbsolute, ...data } = settings
    this.settings = settings
    this.problem = makeProblem(model, parameters, data, false)
    const makeSteps = () => makeProblem(model, parameters, data, true)
    this.steps = parameters.some(({ isLogarithmic }) => isLogarithmic) ? makeSteps() : this.problem
    this.isThorough = tolerance <= THOROUGH
    const { graph, free, called } = this.steps
    this.isDense = called !== null || free.length > MOST_IN_PROGRAMS
    this.isPartlyLinear = !this.isDense && waiting(graph, slopesOf(this.steps), free).includes(true)
    // In a graph of its own: it has many nodes.
    this.#make = () => new Programs(makeSteps(), rotations, settings, true)
    this.#makeOther = () => makeProblem(model, parameters, data, false)
    this.#positive = parameters.filter(({ isLogarithmic }) => isLogarithmic).map(({ name }) => name)
    this.#hold = (name, most, signs) => {
      const others = parameters.map((parameter) => {
        const { min, max } = parameter
        if (parameter.name === name) return { ...parameter, start: null, isFixed: true, isLogarithmic: false }
        const { [free.indexOf(parameter.name)]: sign = 0 } = signs
        if (sign > 0) return { ...parameter, min: Math.max(min, 0) }
        if (sign < 0) return { ...parameter, max: Math.min(max, 0) }
        if (!this.scales.has(parameter.name)) return parameter
        return { ...parameter, isLogarithmic: true, min: Math.max(min, 1 / most), max: Math.min(max, most) }
      })
      return new Compiled(model, others, settings)
    }
  }

  /** What nearly all fits are done by. */
  get quick(): Programs {
    this.#quick ??= new Programs(this.steps, squares, this.settings, false)
    return this.#quick
  }

  /** For those that lose digits by squares, or have not arrived. */
  get sure(): Programs {
    this.#sure ??= this.#make()
    return this.#sure
  }

  /**
   * From a fit's point to where χ² has risen to a limit, by parameters, or by what is derived.
   *
   * @param derived names of it, or of parameters that vary
   * @param isSure by what loses no digits
   */
  ray(isSure: boolean, derived: readonly string[]): Program {
    const key = [isSure, ...derived].join()
    const make = () => {
      // In a graph of its own, as above.
      const problem = isSure ? this.#makeOther() : this.problem
      const nodes = derived.map((name) => problem.derived.get(name) ?? problem.graph.name(name))
      return ray(problem, isSure ? byRotations : bySquares, nodes)
    }
    const made = this.#rays.get(key) ?? make()
    this.#rays.set(key, made)
    return made
  }

  /** Parameters that vary above 0, as somebody says or the model wants. */
  get scales(): ReadonlySet<string> {
    this.#scales ??= new Set([...this.#positive, ...scalesIn(this.problem)])
    return this.#scales
  }

  /** Whether a parameter that varies is above 0, or the model is linear in others and not in it. */
  isBent(i: number): boolean {
    const { graph, free } = this.problem
    this.#waits ??= waiting(graph, slopesOf(this.problem), free)
    return this.#waits[i] || this.scales.has(free[i])
  }

  /**
   * The same with a parameter held, by fit, and steps by the logarithms of {@link scales}.
   *
   * @param most what scales are at most; they are as far above 0
   * @param signs of parameters that vary, which others than scales are to keep; 0 for any
   */
  holding(name: string, most: number, signs: readonly number[]): Compiled {
    const key = [name, most, ...signs].join()
    const made = this.#held.get(key) ?? this.#hold(name, most, signs)
    this.#held.set(key, made)
    return made
  }
}

/** By what they are made of; the one that was used last is the last one. */
const kept = new Map<string, Compiled>()

export function compiled(
  model: string | Bound,
  parameters: readonly Parameter[],
  settings: Settings,
): Compiled {
  // Functions are not compared; to compile them is quick.
  if (typeof model !== 'string') return new Compiled(model, parameters, settings)
  // Where parameters start is in no program, unless they stay there.
  const parts = parameters.flatMap((parameter) => {
    const { start, isFixed } = parameter
    const kept = !isFixed ? null : typeof start === 'number' ? start : 'by fit'
    return Object.values({ ...parameter, start: kept })
  })
  const exactly = (part: unknown) =>
    typeof part === 'number' ? (Object.is(part, -0) ? '-0' : `${part}`) : part
  const key = JSON.stringify([model, ...parts, ...Object.values(settings)].map(exactly))
  const made = kept.get(key) ?? new Compiled(model, parameters, settings)
  kept.delete(key)
  kept.set(key, made)
  const [oldest] = kept.keys()
  if (kept.size > KEPT) kept.delete(oldest)
  return made
}
