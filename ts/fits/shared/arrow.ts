/**
 * Levenberg-Marquardt for groups that share parameters: as ../levenberg-marquardt.ts has it for a single fit, but that
 * all groups move together, and one λ damps them.
 */

import { log } from '../../functions/index.js'
import type { Call } from '../drive.js'
import { inTriangle } from '../linear.js'
import type { Parameter } from '../parameters.js'
import { CONVERGED, MAX_ITERATIONS, NOT_FINITE, STALLED } from '../reasons.js'
import { EXACT, OFFSET } from '../summary.js'
import { type Dense, factorize, solve } from './dense.js'
import {
  addProduct,
  addTimes,
  advance,
  dot,
  type Eliminated,
  eliminate,
  leftOfMatrix,
  leftOfRight,
  makeRoom,
  type Room,
  type Sums,
  sum,
  weighted,
  weightedDistance,
} from './elimination.js'
import type { Family } from './family.js'

/** Where parameters are: those that are shared, and own ones by family. */
export interface Point {
  readonly shared: Float64Array
  readonly own: readonly (readonly Float64Array[])[]
}

/** A parameter that stays where it is: a shared one, or an own one of a group, by its place in the family. */
export interface Held {
  readonly shared: number | null
  readonly own: { readonly family: number; readonly parameter: number; readonly at: number } | null
}

/** All vary. */
export const NONE: Held = { shared: null, own: null }

/** Where all have ended. */
export interface Stop {
  readonly point: Point
  readonly sums: readonly Sums[]
  readonly cost: number
  readonly reason: number
  readonly evaluations: number
}

/** A step, by what each group leaves of the equations. */
export interface Step {
  readonly eliminated: readonly Eliminated[]
  readonly dense: Dense
  readonly shared: Float64Array
  /** Whether parameters may move; undefined where no bound is. */
  readonly movesOwn: readonly (readonly (Float64Array | undefined)[])[]
  readonly movesShared: Uint8Array
  /** −gᵀδ: what a step without λ lowers the cost by, if the model is linear. */
  readonly decrement: number
}

type Scale = Pick<Point, 'shared' | 'own'>

const FIRST_DAMPING = 1e-3
/** A step without λ that has failed is followed by one with so much at least. */
const AGAIN = 1e-6
const MOST_DAMPING = 1e16
/** So often steps are tried without λ that do not lower the cost. */
const CONFIRMATIONS = 4
/** A part of the tolerance: a step that gains so little, beside what errors are made of, is the last one. */
const LAST = 1e-4
const LEAST = 1e-15
/** A gain that is so small a part of the cost is lost in its rounding, which is this part at most. */
const [INVISIBLE, ROUNDING] = [1e-14, 1e-12]
/** So many steps are made that only lower what is lost in rounding. */
const POLISHES = 8
/** Pivots, beside diagonals, below which a step leads anywhere. */
const LOST = 1e-12

export class Arrow {
  readonly families: readonly Family[]
  /** Parameters that are shared, in their places, and how many these are. */
  readonly shared: readonly Parameter[]
  readonly size: number
  /** What these may be. */
  readonly min: Float64Array
  readonly max: Float64Array
  readonly #tolerance: number
  readonly #isBounded: boolean
  readonly #freedom: number

  constructor(families: readonly Family[], shared: readonly Parameter[], tolerance: number) {
    this.families = families
    this.shared = shared
    this.size = shared.length
    this.#tolerance = tolerance
    const limit = (x: number, { isLogarithmic }: Parameter) => (isLogarithmic ? log(x) : x)
    this.min = Float64Array.from(shared, (parameter) => limit(parameter.min, parameter))
    this.max = Float64Array.from(shared, (parameter) => limit(parameter.max, parameter))
    this.#isBounded = families.some(({ problem: { min, max } }) => [...min, ...max].some(Number.isFinite))
    const count = (of: (family: Family) => number) => families.reduce((all, family) => all + of(family), 0)
    const rows = count((family) => family.rows.reduce((all, more) => all + more, 0))
    this.#freedom = Math.max(1, rows - this.size - count(({ own, groups }) => own * groups.length))
  }

  /** Sums at a point, of all families. */
  *sum(point: Point, to: readonly Sums[], second: 'weight' | 'curvature'): Generator<Call> {
    for (const [f, family] of this.families.entries()) {
      yield* family.sum([...point.own[f], ...ofGroups(family, point.shared)], to[f], second)
    }
  }

  /** @param most evaluations */
  *solve(start: Point, most: number, held = NONE): Generator<Call, Stop> {
    let [at, sums] = [start, this.families.map((family) => family.makeSums())]
    let others = this.families.map((family) => family.makeSums())
    yield* this.sum(at, sums, 'weight')
    let cost = costOf(sums)
    let evaluations = 1
    const stop = (reason: number): Stop => ({ point: at, sums, cost, reason, evaluations })
    if (!Number.isFinite(cost)) return stop(NOT_FINITE)
    let scale = this.diagonals(sums)
    const rooms = this.makeRooms()
    const least = Math.max(LAST * this.#tolerance, LEAST)
    let [damping, growth, confirmations, polishes] = [FIRST_DAMPING, 2, 0, 0]
    while (evaluations < most) {
      let step = this.step(at, sums, scale, damping, held, LOST, rooms)
      // With damping any step becomes small: only one without it tells.
      if (damping > 0 && step.decrement <= Math.max(this.#tolerance, INVISIBLE) * cost) {
        if (confirmations++ >= CONFIRMATIONS) return stop(STALLED)
        damping = 0
        // What D was large by may be gone: beside it nothing here would count as determined.
        scale = this.diagonals(sums)
        step = this.step(at, sums, scale, 0, held, LOST, rooms)
      }
      const { decrement } = step
      const isLast = damping === 0 && decrement * this.#freedom <= least * cost
      // Of such a step the cost can no longer tell.
      const isPolish = damping === 0 && decrement <= INVISIBLE * cost
      const moved = this.#move(at, step, scale)
      yield* this.sum(moved.to, others, 'weight')
      evaluations++
      const now = costOf(others)
      const isShort = damping === 0 && moved.length <= least * least * moved.size
      if (now < cost || (isPolish && now <= cost * (1 + ROUNDING))) {
        const predicted = this.#isBounded
          ? this.#gain(at, moved.to, sums)
          : decrement + damping * moved.length
        const off = predicted > 0 ? (2 * (cost - now)) / predicted - 1 : 1
        damping *= Math.max(1 / 3, 1 - off * off * off)
        growth = 2
        at = moved.to
        ;[sums, others] = [others, sums]
        cost = now
        if (isLast || isShort || (isPolish && ++polishes === POLISHES)) return stop(CONVERGED)
        this.#raise(scale, sums)
      } else {
        if (isLast || isShort) return stop(CONVERGED)
        if (damping > MOST_DAMPING) return stop(STALLED)
        const next = Math.max(damping * growth, AGAIN)
        growth = damping > 0 ? 2 * growth : 2
        damping = next
      }
    }
    return stop(MAX_ITERATIONS)
  }

  /** Whether what a step without λ still gains is as good as none, as `summary` has it. */
  isMinimum({ shared, own }: Point, sums: readonly Sums[], gain: number): boolean {
    const scale = this.diagonals(sums)
    const sizes = own.flatMap((columns, f) => columns.map((x, i) => weighted(scale.own[f][i], x)))
    const size = sizes.reduce((all, more) => all + more, weighted(scale.shared, shared))
    const exact = Math.max(EXACT * EXACT, 4 * this.#tolerance * this.#tolerance)
    const part = Math.max(OFFSET * OFFSET, 2 * this.#tolerance)
    return gain <= Math.max(part * costOf(sums), exact * size)
  }

  #raise(scale: Scale, sums: readonly Sums[]): void {
    raise(scale.shared, this.#sharedDiagonal(sums))
    for (const [f, of] of scale.own.entries()) {
      for (const [i, d] of of.entries()) raise(d, sums[f].matrix[inTriangle(i, i)])
    }
  }

  #sharedDiagonal(sums: readonly Sums[]): Float64Array {
    const shared = new Float64Array(this.size)
    for (const [f, { own, places }] of this.families.entries()) {
      for (const [k, place] of places.entries()) {
        scatter(shared, place, sums[f].matrix[inTriangle(own + k, own + k)])
      }
    }
    return shared
  }

  /** The diagonal of JᵀWJ. */
  diagonals(sums: readonly Sums[]): Scale {
    const own = this.families.map((family, f) =>
      Array.from({ length: family.own }, (_, i) => sums[f].matrix[inTriangle(i, i)].slice()),
    )
    return { shared: this.#sharedDiagonal(sums), own }
  }

  /** Room for what is eliminated of each family. */
  makeRooms(): Room[] {
    return this.families.map((family) => makeRoom(family, family.groups.length))
  }

  /**
   * @param least pivots, beside the diagonal, below which nothing is determined
   * @param rooms where it is put
   */
  step(
    at: Point,
    sums: readonly Sums[],
    scale: Scale,
    damping: number,
    held: Held,
    least: number,
    rooms: readonly Room[],
  ): Step {
    const { size } = this
    const [matrix, right, gradient] = [size * size, size, size].map((length) => new Float64Array(length))
    const movesOwn = this.families.map((family, f) => movesOf(family, at.own[f], sums[f], held, f))
    let decrement = 0
    const eliminated = this.families.map((family, f) => {
      const { own, places } = family
      const of = rooms[f]
      eliminate(family, sums[f], scale.own[f], damping, movesOwn[f], least, of)
      for (let i = 0; i < own; i++) decrement -= dot(sums[f].right[i], of.step[i])
      for (const [k, place] of places.entries()) {
        scatter(gradient, place, sums[f].right[own + k])
        scatter(right, place, leftOfRight(family, sums[f], of, k))
        for (let l = 0; l <= k; l++) {
          scatterPair(matrix, size, place, places[l], leftOfMatrix(family, sums[f], of, k, l))
        }
      }
      return of
    })
    const movesShared = Uint8Array.from(gradient, (g, k) =>
      Number(held.shared !== k && mayMove(at.shared[k], g, this.min[k], this.max[k])),
    )
    const dense = factorize(matrix, scale.shared, damping, movesShared, least)
    const shared = solve(
      dense,
      right.map((r) => -r),
    )
    decrement -= dot(right, shared)
    return { eliminated, dense, shared, movesOwn, movesShared, decrement }
  }

  /** Gives memory back, which no engine may have any more. */
  leave(): void {
    for (const family of this.families) family.leave()
  }

  /** Where a step leads, inside of bounds; Σ D·δ², and Σ D·x² there. */
  #move(at: Point, { eliminated, shared: delta }: Step, scale: Scale) {
    const shared = at.shared.map((x, k) => Math.min(Math.max(x + delta[k], this.min[k]), this.max[k]))
    let length = weightedDistance(scale.shared, shared, at.shared)
    let size = weighted(scale.shared, shared)
    const back = shared.map((x, k) => at.shared[k] - x)
    const own = this.families.map((family, f) => {
      const { step, follow } = eliminated[f]
      const { min, max } = family.problem
      const along = ofGroups(family, back)
      return at.own[f].map((x, i) => {
        const to = step[i].slice()
        for (const [k, of] of along.entries()) {
          if (typeof of === 'number') addTimes(to, follow[k][i], of)
          else addProduct(to, follow[k][i], of)
        }
        advance(to, x, min[i], max[i])
        length += weightedDistance(scale.own[f][i], to, x)
        size += weighted(scale.own[f][i], to)
        return to
      })
    })
    return { to: { shared, own }, length, size }
  }

  /** What a step lowers the cost by, if the model is linear. */
  #gain(from: Point, to: Point, sums: readonly Sums[]): number {
    const along = to.shared.map((x, k) => x - from.shared[k])
    let gain = 0
    for (const [f, family] of this.families.entries()) {
      const own = to.own[f].map((column, i) => column.map((x, g) => x - from.own[f][i][g]))
      const taken = [...own, ...columnsOf(family, along)]
      const { right, matrix } = sums[f]
      for (const [i, column] of taken.entries()) {
        const slope = right[i].map((g) => 2 * g)
        for (const [j, other] of taken.entries()) addProduct(slope, matrix[inTriangle(i, j)], other)
        gain -= dot(slope, column)
      }
    }
    return gain
  }
}

/** Of shared parameters, what each group of a family has: a number for all, or a column. */
export function ofGroups({ places }: Family, shared: Float64Array): (Float64Array | number)[] {
  return places.map((place) =>
    typeof place === 'number' ? shared[place] : Float64Array.from(place, (at) => shared[at]),
  )
}

function columnsOf(family: Family, shared: Float64Array): Float64Array[] {
  return ofGroups(family, shared).map((x) =>
    typeof x === 'number' ? new Float64Array(family.groups.length).fill(x) : x,
  )
}

/** NaN or ∞ where derivatives are not finite. */
function costOf(sums: readonly Sums[]): number {
  let [cost, trace] = [0, 0]
  for (const { cost: of, right, matrix } of sums) {
    cost += sum(of)
    for (const i of right.keys()) trace += sum(matrix[inTriangle(i, i)])
  }
  return cost + trace * 0
}

/** Adds up what groups have, to where theirs is. */
function scatter(to: Float64Array, place: number | Uint32Array, column: Float64Array): void {
  if (typeof place === 'number') to[place] += sum(column)
  else for (let g = 0; g < column.length; g++) to[place[g]] += column[g]
}

function scatterPair(
  to: Float64Array,
  size: number,
  row: number | Uint32Array,
  column: number | Uint32Array,
  numbers: Float64Array,
): void {
  const at = (a: number, b: number) => Math.max(a, b) * size + Math.min(a, b)
  if (typeof row === 'number' && typeof column === 'number') {
    to[at(row, column)] += sum(numbers)
    return
  }
  for (let g = 0; g < numbers.length; g++) {
    const a = typeof row === 'number' ? row : row[g]
    to[at(a, typeof column === 'number' ? column : column[g])] += numbers[g]
  }
}

/** A parameter stays at a bound that it would leave. */
const mayMove = (x: number, gradient: number, min: number, max: number) =>
  !((x <= min && gradient > 0) || (x >= max && gradient < 0))

function movesOf(
  { problem: { min, max } }: Family,
  own: Point['own'][number],
  { right }: Sums,
  held: Held,
  f: number,
) {
  return own.map((x, i) => {
    const isHeld = held.own?.family === f && held.own.parameter === i
    if (!isHeld && min[i] === -Infinity && max[i] === Infinity) return undefined
    const moves = x.map((at, g) => Number(mayMove(at, right[i][g], min[i], max[i])))
    if (isHeld) moves[held.own?.at as number] = 0
    return moves
  })
}

/** D may only grow. */
function raise(d: Float64Array, now: Float64Array): void {
  for (let g = 0; g < d.length; g++) if (now[g] > d[g]) d[g] = now[g]
}
