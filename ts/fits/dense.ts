/**
 * Levenberg-Marquardt by whole arrays, one fit at a time: for models that are functions, and for more parameters than
 * programs take. Steps are those of MINPACK (Moré, 1978), within a radius that follows what steps have been good for. At a
 * bound that it would leave, a parameter is held.
 *
 * It computes in units, as rotations.ts does: so no square is too small or too large for a number.
 */

import { Graph } from '../expressions/graph.js'
import { compile } from '../expressions/program.js'
import { Machine } from '../expressions/run.js'
import { numbersOf } from '../many/data.js'
import type { Call } from '../many/drive.js'
import type { Compiled } from './compiled.js'
import { CalledCurve, columnsOfModel } from './curve.js'
import { areFinite } from './differences.js'
import { EvaluatedCurve } from './evaluated.js'
import type { Iterations } from './iterations.js'
import { inTriangle } from './linear.js'
import { termsOf } from './loss.js'
import { zeros } from './models/rows.js'
import {
  arrayOf,
  dot,
  inverse,
  lengthOf,
  solved,
  stepWithin,
  type Triangle,
  times,
  triangular,
} from './orthogonal.js'
import type { Problem } from './problem.js'
import { CONVERGED, MAX_ITERATIONS, NOT_FINITE, SINGULAR, STALLED } from './reasons.js'
import { unitOf } from './rotations.js'
import type { Runs, Solved, Stops } from './solver.js'
import { EXACT, FADED, OFFSET } from './summary.js'

/** The first radius, in lengths of the parameters. */
const FIRST = 100
/** A step is taken where it gains this part of what was predicted. */
const TAKEN = 1e-4
/** Of a column, what is no more than rounding of exact derivatives. */
const LEAST_ROUNDING = 1e-14
/** Words of bits. */
const BITS = 32

export class DenseSolver {
  readonly #compiled: Compiled
  readonly #iterations: Iterations

  constructor(compiled: Compiled, iterations: Iterations) {
    this.#compiled = compiled
    this.#iterations = iterations
  }

  *solve(some: Runs, most: number): Generator<Call, Solved> {
    return yield* this.#each(some, (fit, x) => fit.solve(x, most))
  }

  /** What is said of where another method has led runs. */
  *look(some: Runs, { best, iterations, reason }: Stops): Generator<Call, Solved> {
    const solved = yield* this.#each({ ...some, starts: best }, (fit, x) => fit.look(x))
    for (const [run, code] of Array.from(reason).entries()) {
      solved.evaluations[run] += iterations[run]
      if (code !== CONVERGED && code !== STALLED) solved.reason[run] = code
    }
    return solved
  }

  *#each(some: Runs, end: (fit: DenseFit, x: Float64Array) => Generator<Call, End>): Generator<Call, Solved> {
    const problem = this.#compiled.steps
    const size = problem.free.length
    const column = () => new Float64Array(some.runs.length)
    const columns = (count: number) => Array.from({ length: count }, column)
    const words = Math.ceil(size / BITS)
    const free = columns(size)
    const all = {
      free,
      covariance: columns(inTriangle(size, 0)),
      errors: columns(size),
      cost: column(),
      reason: column(),
      evaluations: column(),
      held: columns(words),
      undetermined: columns(words),
      rest: column(),
      stopped: free,
      diagonal: [],
      largest: [],
    }
    for (const run of some.runs.keys()) {
      const fit = new DenseFit(this.#compiled, this.#iterations, some, run)
      const found = yield* end(
        fit,
        Float64Array.from(some.starts, (start) => start[run]),
      )
      for (const name of ['free', 'covariance', 'errors', 'held', 'undetermined'] as const) {
        for (const [k, to] of all[name].entries()) to[run] = found[name][k]
      }
      all.cost[run] = found.cost
      all.reason[run] = found.reason
      all.evaluations[run] = fit.evaluations
      yield
    }
    return all
  }
}

/** What has been found of a run. */
interface End {
  readonly free: Float64Array
  readonly covariance: Float64Array
  readonly errors: Float64Array
  readonly held: readonly number[]
  readonly undetermined: readonly number[]
  readonly cost: number
  readonly reason: number
}

/** A point, and what it costs in units. */
interface Point {
  readonly x: Float64Array
  readonly f: Float64Array
  readonly cost: number
}

/** R of parameters that may move, and which these are, in the order of pivots. */
interface Reduction {
  readonly triangle: Triangle
  readonly places: readonly number[]
}

/** What is known about a point. */
interface Slopes extends Point, Reduction {
  /** Of W^½·J in units, by parameter that varies, with the weights of steps: lengths of columns. */
  readonly lengths: readonly number[]
  readonly moves: readonly boolean[]
  /** J */
  readonly slopes: readonly Float64Array[]
}

class DenseFit {
  readonly #problem: Problem
  readonly #curve: CalledCurve | EvaluatedCurve
  readonly #costs: Costs
  readonly #tolerance: number
  readonly #isAbsolute: boolean
  readonly #freedom: number
  readonly #start: Float64Array
  /** By which residuals, and derivatives by each parameter, are multiplied. */
  #unit = 1
  #units: readonly number[] = []
  /** The largest lengths of columns so far: D. */
  readonly #scale: Float64Array
  /** How large parameters are at least, for differences. */
  readonly #sizes: Float64Array

  constructor(
    { steps, settings }: Compiled,
    iterations: Iterations,
    { runs, data, starts, fixed, freedom }: Runs,
    run: number,
  ) {
    this.#problem = steps
    const columns = new Map(steps.columns.map((name, k) => [name, numbersOf(data[k], runs[run])]))
    const rows = (name: string) => columns.get(name) as Float64Array
    const own = columnsOfModel(steps).map(rows)
    const numbers = fixed.map((column) => column[run])
    const count = rows(steps.y).length
    this.#curve =
      steps.called === null
        ? new EvaluatedCurve(steps, iterations, own, numbers, count)
        : new CalledCurve(steps, steps.called, own, numbers, count)
    this.#costs = new Costs(steps, rows(steps.y), steps.weight === null ? null : rows(steps.weight))
    this.#tolerance = settings.tolerance
    this.#isAbsolute = settings.isAbsolute
    this.#freedom = freedom[run]
    this.#start = Float64Array.from(starts, (start) => start[run])
    this.#scale = new Float64Array(starts.length)
    // Of a logarithm 1 is a factor of e.
    this.#sizes = Float64Array.from(steps.isLogarithm, Number)
  }

  get evaluations(): number {
    return this.#curve.evaluations
  }

  *look(x: Float64Array): Generator<Call, End> {
    const first = yield* this.#begin(x)
    const at = first && (yield* this.#slopesAt(first))
    return at ? this.#say(at, CONVERGED) : this.#nowhere(x)
  }

  *solve(start: Float64Array, most: number): Generator<Call, End> {
    const first = yield* this.#begin(start)
    yield
    const begin = first && (yield* this.#slopesAt(first))
    if (!begin) return this.#nowhere(start)
    let at = begin
    let [radius, damping] = [FIRST * this.#lengthOf(at.x) || FIRST, 0]
    const tolerance = this.#tolerance
    for (let [tries, isFirst] = [1, true]; ; ) {
      const { triangle, places } = at
      const sound = triangle.right.subarray(0, this.#rankOf(at))
      if (dot(sound, sound) <= Math.max(tolerance * at.cost, this.#limitOf(at).least))
        return this.#say(at, CONVERGED)
      const scale = arrayOf(places.length, (k) => this.#scale[places[k]] || 1)
      let next: Slopes | undefined
      while (next === undefined) {
        if (tries >= most) return this.#say(at, MAX_ITERATIONS)
        const made = stepWithin(triangle, scale, radius, damping)
        damping = made.damping
        const x = this.#moved(at, made.step)
        const taken = arrayOf(places.length, (k) => {
          const i = places[k]
          return (x[i] - at.x[i]) / this.#units[i]
        })
        const length = lengthOf(taken, scale)
        const f = yield* this.#curve.at(x)
        tries++
        yield
        const point = { x, f, cost: this.#costs.at(f, this.#unit) }
        const along = times(triangle.columns, taken)
        // Of the linear model: half the derivative at first, and what the step gains in all.
        const slope = dot(along, triangle.right)
        const predicted = -(2 * slope + dot(along, along))
        const actual = point.cost < 100 * at.cost ? at.cost - point.cost : -at.cost
        const ratio = predicted > 0 ? actual / predicted : 0
        if (isFirst) radius = Math.min(radius, length)
        if (ratio <= 0.25) {
          const part = actual >= 0 ? 0.5 : (0.5 * slope) / (slope + 0.5 * actual)
          const by = point.cost < 100 * at.cost && part >= 0.1 ? part : 0.1
          radius = by * Math.min(radius, length / 0.1)
          damping /= by
        } else if (damping === 0 || ratio >= 0.75) {
          radius = length / 0.5
          damping *= 0.5
        }
        if (ratio >= TAKEN) next = yield* this.#slopesAt(point)
        if (next === undefined && ratio >= TAKEN) radius = 0.1 * Math.min(radius, length)
        isFirst = false
        // What is left is rounding, unless a bound was in the way.
        const isOver = radius <= tolerance * this.#lengthOf(at.x) || Math.abs(predicted) <= EPSILON * at.cost
        if (next === undefined && isOver) return this.#say(at, STALLED)
      }
      at = next
    }
  }

  /** Where it starts; undefined where that is not finite. */
  *#begin(x: Float64Array): Generator<Call, Point | undefined> {
    const f = yield* this.#curve.at(x)
    this.#unit = this.#costs.unitAt(f)
    const cost = this.#costs.at(f, this.#unit)
    return cost < Infinity ? { x, f, cost } : undefined
  }

  /** Undefined where derivatives are not finite. */
  *#slopesAt(point: Point): Generator<Call, Slopes | undefined> {
    const { x, f, cost } = point
    const { min, max } = this.#problem
    const slopes = yield* this.#curve.slopes({ x, f, min, max, sizes: this.#sizes })
    if (!slopes.every(areFinite)) return undefined
    if (this.#units.length === 0) {
      this.#units = slopes.map((slope) => {
        let most = 0
        for (let row = 0; row < slope.length; row++) most = Math.max(most, Math.abs(slope[row]))
        return unitOf(most * this.#unit)
      })
    }
    let { right, columns } = this.#weighted(f, slopes, 'weight')
    const lengths = columns.map((column) => Math.sqrt(dot(column, column)))
    if (!lengths.every((length) => length < Infinity)) return undefined
    for (let i = 0; i < lengths.length; i++) {
      const length = lengths[i]
      this.#scale[i] = Math.max(this.#scale[i], length)
      if (this.#problem.isLogarithm[i] || !(length > 0)) continue
      // Far from the data it is no measure of steps.
      const most = 10 * Math.max(Math.abs(x[i]), Math.abs(this.#start[i])) || Infinity
      this.#sizes[i] = Math.min((Math.sqrt(cost) / length) * this.#units[i], most)
    }
    const moves = columns.map((column, i) => {
      const gradient = dot(column, right)
      return lengths[i] > 0 && !this.#leaves(x, i, -gradient)
    })
    // Where others go on, it may be driven out all the same.
    for (;;) {
      const { triangle, places } = reduced(columns, right, moves)
      const step = solved(triangle.columns, triangle.right)
      const held = places.filter((i, k) => this.#leaves(x, i, -step[k]))
      if (held.length === 0) return { x, f, cost, slopes, lengths, moves, triangle, places }
      for (const i of held) moves[i] = false
      ;({ right, columns } = this.#weighted(f, slopes, 'weight'))
    }
  }

  /** Whether a parameter that is at a bound would leave it. */
  #leaves(x: Float64Array, i: number, by: number): boolean {
    const { min, max } = this.#problem
    return (x[i] <= min[i] && by < 0) || (x[i] >= max[i] && by > 0)
  }

  /** W^½·J and the right side in units, by a weight of the rows. */
  #weighted(f: Float64Array, slopes: readonly Float64Array[], second: 'weight' | 'curvature') {
    const { roots, right } = this.#costs.weights(f, this.#unit, second)
    const unit = this.#unit
    const columns = slopes.map((slope, i) => {
      const by = this.#units[i]
      const column = zeros(slope.length)
      for (let row = 0; row < column.length; row++) column[row] = slope[row] * unit * by * roots[row]
      return column
    })
    return { right, columns }
  }

  #moved({ x, places }: Slopes, step: Float64Array): Float64Array {
    const { min, max } = this.#problem
    const to = x.slice()
    for (let k = 0; k < places.length; k++) {
      const i = places[k]
      to[i] = Math.min(Math.max(x[i] + step[k] * this.#units[i], min[i]), max[i])
    }
    return to
  }

  /** ‖D·x‖ in units. */
  #lengthOf(x: Float64Array): number {
    const parts = arrayOf(x.length, (i) => x[i] / this.#units[i])
    return lengthOf(parts, this.#scale)
  }

  /** How many columns have more of their own than rounding. */
  #rankOf({ triangle, places, lengths }: Pick<Slopes, 'triangle' | 'places' | 'lengths'>): number {
    const rounding = Math.max(this.#curve.rounding, LEAST_ROUNDING)
    const none = triangle.columns.findIndex(
      (column, k) => !(Math.abs(column[k]) > rounding * lengths[places[k]]),
    )
    return none < 0 ? places.length : none
  }

  /** Gains that are as good as none: beside the parameters, and beside what is left too. */
  #limitOf({ x, lengths, cost }: Slopes) {
    const parts = arrayOf(x.length, (i) => (x[i] / this.#units[i]) * lengths[i])
    const exact = Math.max(EXACT * EXACT, 4 * this.#tolerance * this.#tolerance)
    const least = exact * dot(parts, parts)
    return { least, most: Math.max(Math.max(OFFSET * OFFSET, 2 * this.#tolerance) * cost, least) }
  }

  /** What is said of where steps have stopped; the step that is left is taken where it is so short that no evaluation tells. */
  #say(at: Slopes, reason: number): End {
    const { x, lengths } = at
    const { least, most } = this.#limitOf(at)
    const { min, max } = this.#problem
    const undetermined = lengths.map((length, i) => {
      // Where there is no other place, differences tell nothing.
      if (min[i] === max[i]) return false
      const size = Math.max(Math.abs(x[i]), Math.abs(this.#start[i])) / this.#units[i]
      const part = length * size
      return length * length <= FADED * this.#scale[i] * this.#scale[i] && part * part <= least
    })
    const held = at.moves.map((is, i) => !is && !undetermined[i])
    const moves = at.moves.map((is, i) => is && !undetermined[i])
    const { triangle, places } = undetermined.includes(true) ? this.#reduced(at, moves, 'weight') : at
    const isSound = this.#rankOf({ triangle, places, lengths }) === places.length
    const gain = dot(triangle.right, triangle.right)
    const isClose = isSound && gain <= Math.max(2 * this.#tolerance * at.cost, least)
    const step = solved(triangle.columns, triangle.right).map((part) => -part)
    const free = isClose ? this.#moved({ ...at, places }, step) : x
    const cost = isClose ? Math.max(at.cost - gain, 0) : at.cost
    const atPoint = gain <= most ? CONVERGED : STALLED
    const verdict = !isSound || undetermined.includes(true) ? SINGULAR : atPoint
    const freedom = this.#freedom + held.filter((is) => is).length
    // Of squares the second derivatives of errors are those of steps.
    const reduction = this.#problem.loss === 'squared' ? { triangle, places } : null
    const { covariance, errors } = this.#errors(at, moves, isSound, cost, freedom, reduction)
    return {
      free,
      cost: cost / this.#unit / this.#unit,
      covariance,
      errors,
      held: bits(held),
      undetermined: bits(undetermined),
      reason: reason === MAX_ITERATIONS ? reason : verdict,
    }
  }

  #reduced({ f, slopes }: Slopes, moves: readonly boolean[], second: 'weight' | 'curvature'): Reduction {
    const { right, columns } = this.#weighted(f, slopes, second)
    return reduced(columns, right, moves)
  }

  #errors(
    at: Slopes,
    moves: readonly boolean[],
    isSound: boolean,
    cost: number,
    freedom: number,
    reduction: Reduction | null,
  ) {
    const size = moves.length
    const covariance = new Float64Array(inTriangle(size, 0)).fill(NaN)
    const errors = new Float64Array(size).fill(NaN)
    if (!isSound) return { covariance, errors }
    const { triangle, places } = reduction ?? this.#reduced(at, moves, 'curvature')
    // The standard deviation of a row, in units.
    const ofRows = this.#isAbsolute ? this.#unit : freedom > 0 ? Math.sqrt(cost / freedom) : NaN
    const factor = (i: number) => this.#units[i] * ofRows
    for (const [a, row] of inverse(triangle.columns).entries()) {
      const i = places[a]
      errors[i] = Math.sqrt(row[a]) * factor(i)
      for (const [b, of] of row.entries()) {
        covariance[inTriangle(i, places[b])] = of * factor(i) * factor(places[b])
      }
    }
    return { covariance, errors }
  }

  /** Of a fit that cannot begin. */
  #nowhere(x: Float64Array): End {
    const none = (count: number) => new Float64Array(count).fill(NaN)
    const words = bits(Array.from(x, () => false))
    return {
      ...{ free: none(x.length), covariance: none(inTriangle(x.length, 0)), errors: none(x.length) },
      ...{ held: words, undetermined: words, cost: NaN, reason: NOT_FINITE },
    }
  }
}

const EPSILON = Number.EPSILON

/** R of those columns that may move; overwrites all. */
function reduced(
  columns: readonly Float64Array[],
  right: Float64Array,
  moves: readonly boolean[],
): Reduction {
  const own = [...columns.keys()].filter((i) => moves[i])
  const triangle = triangular(
    own.map((i) => columns[i]),
    right,
  )
  return { triangle, places: triangle.pivots.map((k) => own[k]) }
}

/** Conditions as bits of words. */
function bits(conditions: readonly boolean[]): number[] {
  const words = new Array<number>(Math.ceil(conditions.length / BITS)).fill(0)
  for (const [i, is] of conditions.entries()) if (is) words[i >> 5] = (words[i >> 5] | (1 << (i & 31))) >>> 0
  return words
}

/** What rows cost, by how far a curve is from them. */
class Costs {
  readonly #problem: Problem
  readonly #y: Float64Array
  readonly #weight: Float64Array | null
  readonly #machine: Machine | null
  /** √ of weights, where these are all that rows have. */
  readonly #roots: Float64Array

  constructor(problem: Problem, y: Float64Array, weight: Float64Array | null) {
    this.#problem = problem
    this.#y = y
    this.#weight = weight
    this.#machine = problem.loss === 'squared' ? null : machineOf(problem)
    this.#roots = zeros(y.length)
    for (let row = 0; row < y.length; row++) this.#roots[row] = weight === null ? 1 : Math.sqrt(weight[row])
  }

  /** A power of 2 by which residuals become about 1. */
  unitAt(f: Float64Array): number {
    if (this.#problem.loss === 'poisson') return 1
    let most = 0
    for (let row = 0; row < f.length; row++) {
      const weight = this.#weight === null ? 1 : this.#weight[row]
      most = Math.max(most, Math.abs(f[row] - this.#y[row]) * Math.sqrt(weight))
    }
    return unitOf(most)
  }

  /** Σ of what rows cost, by the unit's square; ∞ where that is no number. */
  at(f: Float64Array, unit: number): number {
    let sum = 0
    for (let row = 0; row < f.length; row++) {
      const weight = this.#weight === null ? 1 : this.#weight[row]
      if (this.#machine === null) {
        const off = unit * (f[row] - this.#y[row])
        sum += weight * off * off
      } else sum += this.#terms(this.#machine, f[row], row, weight, unit)[0]
    }
    return sum < Infinity ? sum : Infinity
  }

  /** By row √ of half the second derivative, and the first one by it. */
  weights(f: Float64Array, unit: number, second: 'weight' | 'curvature') {
    const right = zeros(f.length)
    const machine = this.#machine
    if (machine === null) {
      const roots = this.#roots
      for (let row = 0; row < f.length; row++) right[row] = roots[row] * unit * (f[row] - this.#y[row])
      return { roots, right }
    }
    const roots = zeros(f.length)
    for (let row = 0; row < f.length; row++) {
      const weight = this.#weight === null ? 1 : this.#weight[row]
      const terms = this.#terms(machine, f[row], row, weight, unit)
      roots[row] = Math.sqrt(terms[second === 'weight' ? 2 : 3])
      right[row] = terms[1] / roots[row]
    }
    return { roots, right }
  }

  #terms(machine: Machine, f: number, row: number, weight: number, unit: number): readonly number[] {
    const { slots, program } = machine
    machine.run([f, this.#y[row], weight, unit], [], 0)
    return program.outputs.map((slot) => slots[slot])
  }
}

/** Of a row: what it costs, half the derivative, and half the second ones of steps and errors. */
function machineOf({ loss, scale }: Problem): Machine {
  const graph = new Graph()
  const [model, , , unit] = ['f', 'y', 'w', 'unit'].map((name) => graph.name(name))
  const of = { graph, model, y: 'y', weight: 'w', loss, scale }
  const { cost, slope, weight, curvature } = termsOf(of, loss === 'poisson' ? undefined : unit)
  return new Machine(compile(graph, [cost, slope, weight, curvature], ['f', 'y', 'w', 'unit'], []), 'float64')
}
