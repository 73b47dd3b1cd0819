/** Groups of one model: its programs, and what is known of the groups, a column each. */

import { Builder } from '../../expressions/differentiate.js'
import { compile, type Program } from '../../expressions/program.js'
import type { Column } from '../../many/data.js'
import type { Advancer } from '../../many/engines.js'
import type { Compiled } from '../compiled.js'
import { slopesOf } from '../curve.js'
import type { Call } from '../drive.js'
import { named } from '../levenberg-marquardt.js'
import { inTriangle } from '../linear.js'
import type { Parameter } from '../parameters.js'
import type { Problem } from '../problem.js'
import { sumsOf } from '../squares.js'
import { addTimes, type Size, type Sums } from './elimination.js'
import { Lanes, type Stretch } from './lanes.js'

type Second = 'weight' | 'curvature'

/** What a model is compared with: columns of the rows that count, and how many of these each group has. */
export interface Output {
  readonly compiled: Compiled
  readonly columns: ReadonlyMap<string, Column>
  readonly rows: Uint32Array
  /** Whether a row that counts misses something, by group. */
  readonly isIncomplete: readonly boolean[]
}

export interface FamilyGiven {
  /** Own parameters that vary, and then shared ones. */
  readonly free: readonly Parameter[]
  readonly own: number
  /** Of each shared parameter, where it is among all that are shared: one place, or one for each group. */
  readonly places: readonly (number | Uint32Array)[]
  /** The numbers of its groups. */
  readonly groups: readonly number[]
  /** What it is to meet: more than one, where a model has several values. */
  readonly outputs: readonly Output[]
  /** Constants by group, by name. */
  readonly constants: ReadonlyMap<string, Float64Array>
}

const programs: Record<Second, WeakMap<Problem, Program>> = {
  weight: new WeakMap(),
  curvature: new WeakMap(),
}

/** Sums over the rows of a group; its parameters are those of the model, what is fixed, and the sums themselves. */
function summing(problem: Problem, second: Second): Program {
  const { graph, free, fixed, columns } = problem
  const b = new Builder(graph)
  const { cost, gradient, matrix } = sumsOf(b, problem, slopesOf(problem), second)
  const kept = [...free, ...fixed]
  const sums = [...named('right', gradient.length), ...named('matrix', matrix.length)]
  const outputs = [...kept.map((name) => b.name(name)), cost, ...gradient, ...matrix, b.zero]
  return compile(graph, outputs, [...kept, '@cost', ...sums], columns)
}

function programOf(problem: Problem, second: Second): Program {
  const made = programs[second].get(problem) ?? summing(problem, second)
  programs[second].set(problem, made)
  return made
}

export class Family implements Size {
  readonly free: readonly Parameter[]
  readonly own: number
  readonly shared: number
  readonly places: readonly (number | Uint32Array)[]
  /** Numbers of groups, in the order of all columns: those with equally many rows side by side. */
  readonly groups: Uint32Array
  /** As steps have it. */
  readonly problem: Problem
  readonly outputs: readonly Output[]
  readonly rows: Uint32Array
  readonly #stretches: readonly (readonly Stretch[])[]
  readonly #fixed: readonly Float64Array[]
  /** Places of groups of which nothing can be said: something is missing. */
  readonly #incomplete: readonly number[]
  readonly #runner: Advancer
  readonly #lanes = new Map<Second, Lanes[]>()

  constructor({ free, own, places, groups, outputs, constants }: FamilyGiven, runner: Advancer) {
    this.free = free
    this.own = own
    this.shared = free.length - own
    this.outputs = outputs
    this.problem = outputs[0].compiled.steps
    this.#runner = runner
    const alike = new Map<string, number[]>()
    for (const group of groups) {
      const key = outputs.map(({ rows }) => rows[group]).join()
      const others = alike.get(key)
      if (others === undefined) alike.set(key, [group])
      else others.push(group)
    }
    this.groups = Uint32Array.from([...alike.values()].flat())
    this.places = places.map((place) => (typeof place === 'number' ? place : this.of(place)))
    let at = 0
    const stretches = [...alike.values()].map(({ length }) => {
      const stretch = { groups: this.groups.subarray(at, at + length), at }
      at += length
      return stretch
    })
    // A value of which a group has no row has no part in it.
    this.#stretches = outputs.map(({ rows }) =>
      stretches
        .map((stretch) => ({ ...stretch, rows: rows[stretch.groups[0]] }))
        .filter(({ rows }) => rows > 0),
    )
    this.rows = this.groups.map((group) => outputs.reduce((sum, { rows }) => sum + rows[group], 0))
    this.#incomplete = [...this.groups.keys()].filter((at) =>
      outputs.some(({ isIncomplete }) => isIncomplete[this.groups[at]]),
    )
    this.#fixed = this.problem.fixed.map((name) => this.of(constants.get(name) as Float64Array))
  }

  /** A column in the order of its own. */
  of<T extends Float64Array | Uint32Array>(column: T): T {
    return (column as Float64Array).constructor === Float64Array
      ? (Float64Array.from(this.groups, (group) => column[group]) as T)
      : (Uint32Array.from(this.groups, (group) => column[group]) as T)
  }

  makeSums(): Sums {
    const size = this.free.length
    const make = () => new Float64Array(this.groups.length)
    return {
      cost: make(),
      right: Array.from({ length: size }, make),
      matrix: Array.from({ length: inTriangle(size, 0) }, make),
    }
  }

  /**
   * Sums at a point.
   *
   * @param point a column, or a number for all groups, of each parameter that varies
   */
  *sum(point: readonly (Float64Array | number)[], to: Sums, second: Second): Generator<Call> {
    const inputs = [...point, ...this.#fixed]
    const lanes = this.#lanesOf(second)
    const columns = (of: Sums) => [of.cost, ...of.right, ...of.matrix]
    for (const column of columns(to)) if (lanes.length > 1) column.fill(0)
    const part = lanes.length > 1 ? this.makeSums() : to
    for (const lane of lanes) {
      yield* lane.run(inputs, columns(part))
      if (part === to) continue
      for (const [k, column] of columns(part).entries()) {
        addTimes(columns(to)[k], column, 1)
        column.fill(0)
      }
    }
    // Conditions of a model would take it for a number.
    for (const at of this.#incomplete) to.cost[at] = NaN
  }

  #lanesOf(second: Second): Lanes[] {
    const made =
      this.#lanes.get(second) ??
      this.outputs.map(({ compiled, columns }, k) => {
        const program = programOf(compiled.steps, second)
        const data = program.columns.map((name) => columns.get(name) as Column)
        return new Lanes(program, this.#stretches[k], data, this.#runner)
      })
    this.#lanes.set(second, made)
    return made
  }

  leave(): void {
    for (const lanes of this.#lanes.values()) for (const lane of lanes) lane.leave()
    this.#lanes.clear()
  }
}
