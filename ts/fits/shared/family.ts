/** Groups that have the same model and parameters: their rows, and looks at all of them at once. */

import type { Column } from '../../many/data.js'
import { numbersOf } from '../../many/data.js'
import type { Call } from '../../many/drive.js'
import type { Advancer } from '../../many/engines.js'
import type { Compiled } from '../compiled.js'
import { inTriangle } from '../linear.js'
import type { Parameter } from '../parameters.js'
import type { Problem } from '../problem.js'
import type { Eliminated, Size } from './elimination.js'
import { Lanes, type Stretch } from './lanes.js'
import {
  type About,
  type Ask,
  type Kept,
  type Look,
  lookOf,
  MEASURED,
  told,
  VALUE,
  WEIGHT,
  waitingOf,
} from './look.js'

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

/** What all groups have together; that of shared parameters by place, matrices in the lower triangle of rows. */
export interface Totals {
  cost: number
  /** −gᵀδ of own parameters. */
  decrement: number
  /** Σ D·δ² and Σ D·x² of own parameters, and what the step was to gain. */
  length: number
  size: number
  gain: number
  /** What own parameters have left of the equations of shared ones. */
  readonly matrix: Float64Array
  readonly right: Float64Array
  /** Half the gradient, and the diagonal of JᵀWJ. */
  readonly gradient: Float64Array
  readonly diagonal: Float64Array
}

export function makeTotals(size: number): Totals {
  const [matrix, right, gradient, diagonal] = [size * size, size, size, size].map((n) => new Float64Array(n))
  return { cost: 0, decrement: 0, length: 0, size: 0, gain: 0, matrix, right, gradient, diagonal }
}

/** Looks by the first of their problems, for both kinds of second derivatives: to make them takes longer than to fit. */
const looks = new WeakMap<
  Problem,
  Map<string, { readonly problems: readonly Problem[]; readonly look: Look }>
>()

function lookFor(problems: readonly Problem[], size: Size, about: About): Look {
  const made = looks.get(problems[0]) ?? new Map()
  looks.set(problems[0], made)
  const { isBounded, second } = about
  const key = [size.own, isBounded, second].join()
  const known = made.get(key)
  if (known?.problems.length === problems.length && problems.every((one, k) => one === known.problems[k]))
    return known.look
  const look = lookOf(problems, size, about)
  made.set(key, { problems, look })
  return look
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
  /** Which parameters wait for those that the model is linear in. */
  readonly waits: readonly boolean[]
  readonly isBounded: boolean
  readonly #stretches: readonly Stretch[]
  readonly #fixed: readonly Float64Array[]
  /** Places of groups of which nothing can be said: something is missing. */
  readonly #incomplete: readonly number[]
  readonly #runner: Advancer
  readonly #lanes = new Map<Second, { readonly lanes: Lanes; readonly look: Look }>()
  /** Where lanes have been told to be. */
  #second: Second = 'weight'

  /** @param isBounded whether parameters of any family have bounds */
  constructor(
    { free, own, places, groups, outputs, constants }: FamilyGiven,
    isBounded: boolean,
    runner: Advancer,
  ) {
    this.free = free
    this.own = own
    this.shared = free.length - own
    this.outputs = outputs
    this.problem = outputs[0].compiled.steps
    this.waits = waitsOf(this.problem, outputs)
    this.isBounded = isBounded
    this.#runner = runner
    const alike = new Map<number, number[]>()
    const rowsOf = (group: number) => outputs.reduce((sum, { rows }) => sum + rows[group], 0)
    for (const group of groups) {
      const others = alike.get(rowsOf(group))
      if (others === undefined) alike.set(rowsOf(group), [group])
      else others.push(group)
    }
    this.groups = new Uint32Array(groups.length)
    let at = 0
    this.#stretches = [...alike].map(([rows, some]) => {
      this.groups.set(some, at)
      const stretch = { groups: this.groups.subarray(at, at + some.length), at, rows }
      at += some.length
      return stretch
    })
    this.places = places.map((place) => (typeof place === 'number' ? place : this.of(place)))
    this.rows = this.groups.map(rowsOf)
    const hasGaps = outputs.some(({ isIncomplete }) => isIncomplete.includes(true))
    this.#incomplete = !hasGaps
      ? []
      : [...this.groups.keys()].filter((at) =>
          outputs.some(({ isIncomplete }) => isIncomplete[this.groups[at]]),
        )
    this.#fixed = this.problem.fixed.map((name) => this.of(constants.get(name) as Float64Array))
  }

  /** A column in the order of its own. */
  of<T extends Float64Array | Uint32Array>(column: T): T {
    const to = new (column.constructor as new (length: number) => T)(this.groups.length)
    for (let at = 0; at < to.length; at++) to[at] = column[this.groups[at]]
    return to
  }

  /**
   * Puts own parameters somewhere, from where looks and steps go on.
   *
   * @param held one of them that stays where it is, in the group at a place
   */
  put(own: readonly Float64Array[], held: Pick<Ownly, 'parameter' | 'at'> | null, second: Second): void {
    this.#second = second
    const { lanes, look } = this.#lanesOf(second)
    for (const [i, parameter] of look.places.base.entries()) lanes.write(parameter, own[i])
    const none = held === null ? 0 : new Float64Array(this.groups.length)
    if (held !== null && typeof none !== 'number') none[held.at] = held.parameter + 1
    lanes.write(look.places.held[0], none)
  }

  /** Looks at all groups, and adds what they have to totals. */
  *look(shared: Float64Array, ask: Ask, to: Totals): Generator<Call> {
    const { lanes, look } = this.#lanesOf(this.#second)
    const { places } = look
    for (const [k, place] of this.places.entries()) {
      for (const [at, numbers] of [
        [places.shared[k], shared],
        [places.delta[k], ask.delta],
      ] as const) {
        if (typeof place === 'number') lanes.write(at, numbers[place])
        else lanes.writeBy(at, place, numbers)
      }
    }
    for (const name of told) lanes.write(places[name][0], ask[name])
    yield* lanes.run()
    // Conditions of a model would take what is missing for a number.
    to.cost += this.#incomplete.length > 0 ? NaN : lanes.sum(places.cost[0])
    for (const name of ['decrement', 'length', 'size', 'gain'] as const)
      for (const at of places[name]) to[name] += lanes.sum(at)
    const { size } = { size: to.right.length }
    for (const [k, place] of this.places.entries()) {
      for (const name of ['right', 'gradient', 'diagonal'] as const) {
        const at = places[name][k]
        if (typeof place === 'number') to[name][place] += lanes.sum(at)
        else lanes.scatter(at, to[name], (g) => place[g])
      }
      for (let l = 0; l <= k; l++) {
        const other = this.places[l]
        const at = places.matrix[inTriangle(k, l)]
        const cell = (a: number, b: number) => Math.max(a, b) * size + Math.min(a, b)
        if (typeof place === 'number' && typeof other === 'number')
          to.matrix[cell(place, other)] += lanes.sum(at)
        else lanes.scatter(at, to.matrix, (g) => cell(numberAt(place, g), numberAt(other, g)))
      }
    }
  }

  /** What lanes have of the last look, as columns. */
  read(of: Kept): Float64Array[] {
    const { lanes, look } = this.#lanesOf(this.#second)
    return look.places[of].map((parameter) => lanes.read(parameter, new Float64Array(this.groups.length)))
  }

  /** Where the step that the last look has told of leads. */
  moved(delta: Float64Array): Float64Array[] {
    const { min, max } = this.problem
    const { step, follow } = this.eliminated()
    return this.read('trial').map((x, i) => {
      const to = step[i]
      for (const [k, place] of this.places.entries()) {
        const along = follow[k][i]
        for (let g = 0; g < to.length; g++) to[g] -= along[g] * delta[numberAt(place, g)]
      }
      for (let g = 0; g < to.length; g++) to[g] = Math.min(Math.max(x[g] + to[g], min[i]), max[i])
      return to
    })
  }

  /** What each group costs. */
  costs(): Float64Array {
    const [cost] = this.read('cost')
    for (const at of this.#incomplete) cost[at] = NaN
    return cost
  }

  eliminated(): Eliminated<Float64Array> {
    const follow = this.read('follow')
    return {
      ...{ lower: this.read('lower'), inverse: this.read('inverse'), step: this.read('step') },
      follow: Array.from({ length: this.shared }, (_, k) => follow.slice(k * this.own, (k + 1) * this.own)),
    }
  }

  #lanesOf(second: Second): { readonly lanes: Lanes; readonly look: Look } {
    const known = this.#lanes.get(second)
    if (known !== undefined) return known
    const problems = this.outputs.map(({ compiled }) => compiled.steps)
    const look = lookFor(problems, this, { waits: this.waits, isBounded: this.isBounded, second })
    const columns = this.outputs.length > 1 ? stacked(this.outputs) : this.outputs[0].columns
    const data = look.program.columns.map((name) => columns.get(name) as Column)
    const lanes = new Lanes(look.program, this.#stretches, data, this.#runner)
    for (const [k, parameter] of look.places.fixed.entries()) lanes.write(parameter, this.#fixed[k])
    const made = { lanes, look }
    this.#lanes.set(second, made)
    return made
  }

  leave(): void {
    for (const { lanes } of this.#lanes.values()) lanes.leave()
    this.#lanes.clear()
  }
}

/** An own parameter of a group, by its place in a family. */
export interface Ownly {
  readonly family: number
  readonly parameter: number
  readonly at: number
}

/** Where a group has its place. */
export const numberAt = (place: number | Uint32Array, group: number) =>
  typeof place === 'number' ? place : place[group]

const waits = new WeakMap<Problem, readonly boolean[]>()

function waitsOf(first: Problem, outputs: readonly Output[]): readonly boolean[] {
  if (outputs.length > 1) return waitingOf(outputs.map(({ compiled }) => compiled.steps))
  const known = waits.get(first) ?? waitingOf([first])
  waits.set(first, known)
  return known
}

/** Rows of several values one behind the other, group by group; 0 in columns that a value has not. */
function stacked(outputs: readonly Output[]): Map<string, Column> {
  const count = outputs[0].rows.length
  const offsets = new Float64Array(count + 1)
  for (let group = 0; group < count; group++) {
    offsets[group + 1] = outputs.reduce((end, { rows }) => end + rows[group], offsets[group])
  }
  const stack = (of: (output: Output, k: number) => Column | number): Column => {
    const numbers = new Float64Array(offsets[count])
    const all = outputs.map(of)
    for (let group = 0; group < count; group++) {
      let at = offsets[group]
      for (const [k, { rows }] of outputs.entries()) {
        const column = all[k]
        if (typeof column === 'number') numbers.fill(column, at, at + rows[group])
        else if (rows[group] > 0) numbers.set(numbersOf(column, group), at)
        at += rows[group]
      }
    }
    return { numbers, offsets }
  }
  const names = new Set(outputs.flatMap(({ columns }) => [...columns.keys()]))
  const made = new Map([...names].map((name) => [name, stack(({ columns }) => columns.get(name) ?? 0)]))
  const column = ({ columns, compiled: { problem } }: Output, name: string | null) =>
    name === null ? 1 : (columns.get(name ?? problem.y) as Column)
  made.set(
    MEASURED,
    stack((output) => column(output, output.compiled.problem.y)),
  )
  made.set(
    WEIGHT,
    stack((output) => column(output, output.compiled.problem.weight)),
  )
  return made.set(
    VALUE,
    stack((_, k) => k),
  )
}
