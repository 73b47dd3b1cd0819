/**
 * Solvers in lanes: programs without branches that advance thousands of runs at once, one run per lane.
 *
 * A pass evaluates the objective at the trial point of each lane. The program then computes the next state from the
 * present state: the lane may accept the trial point, choose a direction, or end with a reason. Each lane decides for
 * itself, so neighboring lanes may be in different phases. A method without branches has a twin in TypeScript, which
 * runs for `minimize` and performs the same operations in the same order.
 */

import type { OptionTable, ValuesOf } from '../../options/kinds.js'
import type { LaneBuilder } from './lines.js'
import type { LaneBox } from './vectors.js'

/** An objective in a graph of its own, the graph's builder, and the settings of the runs. */
export interface LaneProblem {
  readonly b: LaneBuilder
  readonly parameters: readonly string[]
  /** Nodes of the value and of the gradient. */
  readonly value: number
  readonly gradient: readonly number[]
  /** Creates the nodes of the lower triangle of the second derivatives, row by row. */
  readonly second: () => readonly number[]
  readonly tolerance: number
  readonly maxIterations: number
  /** Whether the solver has to respect `min` and `max`. */
  readonly isBounded: boolean
}

/** Initial value of a field in each run: a number, or the start or a bound of a parameter. */
export type InitialValue = number | { readonly from: 'start' | 'min' | 'max'; readonly parameter: number }

/** A solver as nodes of the problem's graph. */
export interface LaneSolver {
  /** The fields that a pass reads and writes. The first fields are the parameters: the trial point. */
  readonly fields: LaneFields
  /** Node of the reason why a run ends, as an index into `minimizeReasons`; 0 while the run continues. */
  readonly reason: number
  /** Names of the fields that contain the results when a run has ended. */
  readonly results: {
    readonly x: readonly string[]
    readonly value: string
    /** The gradient at the last update. */
    readonly gradient: readonly string[]
    readonly maxChange: string
    readonly iterations: string
  }
}

declare module '../../minimize/method.js' {
  interface MethodKind<O extends OptionTable = OptionTable> {
    /** Builds the solver that runs the method in lanes, if the method has one. */
    readonly lanes?: (values: ValuesOf<O>, problem: LaneProblem) => LaneSolver
  }
}

/** The names of a vector's fields. Names begin with `@`, which users' expressions cannot contain. */
export const vectorNames = (name: string, length: number) => Array.from({ length }, (_, i) => `@${name}${i}`)

/** The state of a lane: named fields with an initial value, and the node of each field's next value. */
export class LaneFields {
  readonly names: string[] = []
  readonly initial: InitialValue[] = []
  readonly #problem: LaneProblem
  readonly #b: LaneBuilder
  readonly #next = new Map<string, number>()

  constructor(problem: LaneProblem) {
    this.#problem = problem
    this.#b = problem.b
    for (const [parameter, name] of problem.parameters.entries())
      this.#add(name, { from: 'start', parameter })
  }

  /** Adds a field, and returns the node of its present value. */
  scalar(name: string, initial: InitialValue = 0): number {
    return this.#add(`@${name}`, initial)
  }

  /** Adds one field per element, and returns the nodes of the present values. */
  vector(name: string, length: number, initial: (i: number) => InitialValue = () => 0): number[] {
    return vectorNames(name, length).map((field, i) => this.#add(field, initial(i)))
  }

  /** Adds the bounds of the parameters, which never change; null if the runs have no bounds. */
  box(): LaneBox | null {
    const { isBounded, parameters } = this.#problem
    const limits = (from: 'min' | 'max') =>
      this.vector(from, parameters.length, (parameter) => ({ from, parameter }))
    return isBounded ? { min: limits('min'), max: limits('max') } : null
  }

  /** Sets the next values of scalars and vectors by name. A field without a next value keeps its value. */
  set(next: Readonly<Record<string, number | readonly number[]>>): void {
    for (const [name, nodes] of Object.entries(next)) {
      if (typeof nodes === 'number') this.#next.set(`@${name}`, nodes)
      else for (const [i, field] of vectorNames(name, nodes.length).entries()) this.#next.set(field, nodes[i])
    }
  }

  /** Sets the next trial point. */
  setPoint(next: readonly number[]): void {
    for (const [i, node] of next.entries()) this.#next.set(this.names[i], node)
  }

  /** The node of each field's next value, in the order of the fields. */
  get next(): number[] {
    return this.names.map((name) => this.#next.get(name) ?? this.#b.name(name))
  }

  #add(name: string, initial: InitialValue): number {
    this.names.push(name)
    this.initial.push(initial)
    return this.#b.name(name)
  }
}
