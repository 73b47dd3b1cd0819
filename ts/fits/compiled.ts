/** The programs of a problem. To make them takes longer than a fit, so the last ones are kept. */

import type { Region } from '../arena/memory.js'
import type { Program } from '../expressions/program.js'
import { iteration, type State, stateOf, summary } from './levenberg-marquardt.js'
import type { Parameter } from './parameters.js'
import { makeProblem, type Problem } from './problem.js'
import { ray } from './ray.js'

/** What programs depend on, beside the model and its parameters. */
export interface Settings extends Pick<Problem, 'columns' | 'y' | 'weight' | 'loss' | 'scale'> {
  readonly tolerance: number
  readonly isAbsolute: boolean
}

const MOST = 8
/** Bytes of a region that is worth keeping: those of a few fits. */
const SMALL = 1 << 22

export class Compiled {
  readonly problem: Problem
  /** The same as steps have it: with logarithms, where some parameters are positive. */
  readonly steps: Problem
  readonly state: State
  readonly iteration: Program
  readonly summary: Program
  readonly #isAbsolute: boolean
  readonly #tolerance: number
  #last: Program | null = null
  #closer: Program | null = null
  readonly #rays = new Map<string | undefined, Program>()
  /** What small batches have left, for those that come. */
  readonly #regions = new Map<Program, Region>()

  constructor(text: string, parameters: readonly Parameter[], settings: Settings) {
    const { tolerance, isAbsolute, ...data } = settings
    this.problem = makeProblem(text, parameters, data, false)
    this.steps = parameters.some(({ isLogarithmic }) => isLogarithmic)
      ? makeProblem(text, parameters, data, true)
      : this.problem
    this.state = stateOf(this.steps)
    this.iteration = iteration(this.steps, this.state, tolerance)
    this.summary = summary(this.steps, isAbsolute, tolerance, false)
    this.#isAbsolute = isAbsolute
    this.#tolerance = tolerance
  }

  /** An iteration with second derivatives as errors have them. */
  get last(): Program {
    this.#last ??= iteration(this.steps, this.state, 0, 'curvature')
    return this.#last
  }

  /** The summary of what it is in doubt of. */
  get closer(): Program {
    this.#closer ??= summary(this.steps, this.#isAbsolute, this.#tolerance, true)
    return this.#closer
  }

  /** From a fit's point to where χ² has risen to a limit, by parameters, or by what is derived. */
  ray(derived?: string): Program {
    const made = this.#rays.get(derived) ?? ray(this.problem, this.problem.derived.get(derived as string))
    this.#rays.set(derived, made)
    return made
  }

  /** Who takes it has it alone. */
  take(program: Program): Region | undefined {
    const region = this.#regions.get(program)
    this.#regions.delete(program)
    return region
  }

  /** Gives back what nobody reads any more. */
  leave(program: Program, region: Region): void {
    if (region.byteLength <= SMALL) this.#regions.set(program, region)
  }
}

/** By what they are made of; the one that was used last is the last one. */
const kept = new Map<string, Compiled>()

export function compiled(text: string, parameters: readonly Parameter[], settings: Settings): Compiled {
  // Where parameters start is in no program, unless they stay there.
  const parts = parameters.map(({ start, ...rest }) => ({
    ...rest,
    start: !rest.isFixed ? null : typeof start === 'number' ? start : 'by fit',
  }))
  const key = JSON.stringify([text, parts, settings], (_, part: unknown) =>
    typeof part === 'number' ? (Object.is(part, -0) ? '-0' : `${part}`) : part,
  )
  const made = kept.get(key) ?? new Compiled(text, parameters, settings)
  kept.delete(key)
  kept.set(key, made)
  const [oldest] = kept.keys()
  if (kept.size > MOST) kept.delete(oldest)
  return made
}
