/** How runs of fits are solved: the quick way first, and what loses digits by it or has not arrived by a sure one. */

import type { FloatArray } from '../ground/numbers.js'
import { type Column, pick, put } from '../many/data.js'
import type { Call } from '../many/drive.js'
import type { Compiled, Programs } from './compiled.js'
import type { Iterations } from './iterations.js'
import { inTriangle } from './linear.js'
import { CONVERGED, DOUBTFUL, MAX_ITERATIONS, NOT_FINITE, STALLED } from './reasons.js'
import { unitOf } from './rotations.js'

/** Runs whose data have equally many rows. */
export interface Runs {
  /** The fits whose data they have. */
  readonly runs: Uint32Array
  readonly data: readonly Column[]
  /** Columns of where parameters start, and of what is fixed. */
  readonly starts: readonly FloatArray[]
  readonly fixed: readonly FloatArray[]
  /** Rows that are more than parameters that vary. */
  readonly freedom: FloatArray
}

/** Where a method has led runs, by parameter that varies. */
export interface Stops {
  readonly best: readonly FloatArray[]
  readonly iterations: ArrayLike<number>
  readonly reason: ArrayLike<number>
}

/** From where on a program is iterated. */
interface Beginning {
  readonly free: readonly FloatArray[]
  readonly units: readonly FloatArray[]
  /** What a state has elsewhere than its starts say. */
  readonly others: ReadonlyMap<number, FloatArray | number>
}

/** Columns of what has been found. */
export interface Solved {
  readonly free: readonly FloatArray[]
  readonly cost: FloatArray
  /** The lower triangle. */
  readonly covariance: readonly FloatArray[]
  readonly errors: readonly FloatArray[]
  readonly reason: FloatArray
  /** Bits of parameters, in words of 32. */
  readonly held: readonly FloatArray[]
  readonly undetermined: readonly FloatArray[]
  readonly evaluations: Float64Array
  /** What a step would still gain, where it has been looked closer. */
  readonly rest: FloatArray
  /** Where steps have stopped; diagonals of JᵀWJ there, and the largest ones on the way. */
  readonly stopped: readonly FloatArray[]
  readonly diagonal: readonly FloatArray[]
  readonly largest: readonly FloatArray[]
}

/** So many evaluations a fit has before another way is tried, unless half of those that it may have are more. */
const FEW = 100
/** What only has to find its last digits has so many at least. */
const POLISHING = 16
/** A λ that is less than the least one, and not 0. */
const SLIGHT = 1e-300
/** As often it goes on at most, and by what factor a unit has changed then. */
const [ROUNDS, FAR] = [3, 1.2676506002282294e30]
/** Steps by which what has converged finds its last digits. */
const POLISHES = 3
/** A χ² that is larger by no more than this factor may be of the same minimum. */
export const SAME = 1 + 1e-6
/** Of a diagonal of JᵀWJ that has been larger so many times, nothing may be left but what a step has not quite reached. */
const FADED = 1e-12
/** 2⁻¹⁰¹⁰. Sums of squares below it may have lost digits, as these are near the least numbers that there are. */
const TINY = 9.113902524445497e-305

/** Evaluations of the first way, of all that there are. */
export const firstOf = (most: number) => Math.max(Math.min(most, FEW), Math.ceil(most / 2))

export class Solver {
  readonly #compiled: Compiled
  readonly #iterations: Iterations

  constructor(compiled: Compiled, iterations: Iterations) {
    this.#compiled = compiled
    this.#iterations = iterations
  }

  /**
   * By Levenberg-Marquardt.
   *
   * @param most evaluations of a run, of which what loses digits by squares may have a quarter more
   * @param mayBeginAgain where it has not arrived
   * @param isNear whether it starts near its end
   */
  *solve(some: Runs, most: number, mayBeginAgain: boolean, isNear: boolean): Generator<Call, Solved> {
    const { quick, sure, isPartlyLinear, isThorough } = this.#compiled
    const first = mayBeginAgain && isPartlyLinear ? firstOf(most) : most
    const others = new Map(isNear ? [[quick.state.damping, 0]] : [])
    const from = { free: some.starts, units: [], others }
    const solved = yield* this.#by(quick, some, from, first)
    // What has had all evaluations that it may have is only looked at.
    const isSpent = (reason: number) => first === most && reason === MAX_ITERATIONS
    yield* this.#lookCloser(solved, some, indices(solved.reason, isSpent))
    const isFaint = faint(solved)
    const isDoubtful = (reason: number, run: number) =>
      isThorough || reason !== CONVERGED || isFaint[run] === 1
    const doubtful = indices(solved.reason, (reason, run) => isDoubtful(reason, run) && !isSpent(reason))
    yield* this.#refine(solved, some, doubtful, Math.max(Math.ceil(most / 4), POLISHING))

    const lost = doubtful.filter((run) => solved.reason[run] !== CONVERGED)
    if (first === most || lost.length === 0) return solved
    const rest = pickRuns(some, lost)
    const start = { free: rest.starts, units: yield* this.#units(rest, rest.starts), others: new Map() }
    const again = yield* this.#by(sure, rest, start, most - first)
    const isBetter = (k: number) =>
      again.reason[k] === CONVERGED && !(again.cost[k] > SAME * solved.cost[lost[k]])
    merge(solved, again, lost, isBetter)
    return solved
  }

  /** Goes on from where runs have stopped, by what loses no digits; again where the units are others now. */
  *#refine(solved: Solved, some: Runs, doubtful: Uint32Array, most: number): Generator<Call> {
    const { sure } = this.#compiled
    const pointOf = (runs: Uint32Array) =>
      solved.stopped.map((x, i) =>
        Float64Array.from(runs, (run) => (solved.reason[run] === NOT_FINITE ? some.starts[i] : x)[run]),
      )
    let left = doubtful
    for (let round = 0; round < ROUNDS && left.length > 0; round++) {
      const few = pickRuns(some, left)
      const free = pointOf(left)
      const units = yield* this.#units(few, free)
      const others = new Map<number, FloatArray | number>([[sure.state.damping, SLIGHT]])
      for (const [i, d] of solved.largest.entries()) {
        others.set(sure.state.scale[i], inUnits(pick(d, left), units[1 + i]))
      }
      merge(solved, yield* this.#by(sure, few, { free, units, others }, most), left, () => true)
      const now = yield* this.#units(few, pointOf(left))
      left = left.filter((_, k) => units.some((unit, i) => isFar(unit[k], now[i][k])))
    }
  }

  /** What is said of where another method has led runs. */
  *look(some: Runs, stops: Stops): Generator<Call, Solved> {
    const seen = yield* this.#look(this.#compiled.quick, some, stops, [], null)
    const isFaint = faint(seen)
    const isDoubtful = (reason: number, run: number) => reason === DOUBTFUL || isFaint[run] === 1
    yield* this.#lookCloser(seen, some, indices(seen.reason, isDoubtful))
    return seen
  }

  /** Looks at some of what has been solved by what loses no digits. */
  *#lookCloser(solved: Solved, some: Runs, doubtful: Uint32Array): Generator<Call> {
    if (doubtful.length === 0) return
    const few = pickRuns(some, doubtful)
    const best = solved.stopped.map((x) => pick(x, doubtful))
    const reason = pick(solved.reason, doubtful).map((reason) => (reason === DOUBTFUL ? CONVERGED : reason))
    const stops = { best, iterations: new Float64Array(doubtful.length), reason }
    const units = yield* this.#units(few, best)
    merge(solved, yield* this.#look(this.#compiled.sure, few, stops, units, null), doubtful, () => true)
  }

  /** Units of residuals, and of each parameter's derivatives, at points. */
  *#units({ runs, data, fixed }: Runs, free: readonly FloatArray[]): Generator<Call, Float64Array[]> {
    const { problem, measuring } = this.#compiled.sure
    const none = [problem.y, ...problem.free].map(() => 1)
    const { x } = yield* this.#iterations.run(measuring, runs, data, [...free, ...fixed, ...none], 1)
    return x.slice(free.length + fixed.length).map((largest, k) => {
      if (k === 0 && problem.loss === 'poisson') return new Float64Array(runs.length).fill(1)
      return Float64Array.from(runs, (_, run) => unitOf(largest[run]))
    })
  }

  *#by(programs: Programs, some: Runs, from: Beginning, most: number): Generator<Call, Solved> {
    const { iteration, state } = programs
    const columns = [...from.free, ...some.fixed, ...from.units]
    const rest = state.starts.slice(columns.length) as readonly number[]
    const begin = [...columns, ...rest].map((column, i) => from.others.get(i) ?? column)
    const { x, iterations, reason } = yield* this.#iterations.run(
      iteration,
      some.runs,
      some.data,
      begin,
      most,
    )
    const stops = { best: state.best.map((at) => x[at]), iterations, reason }
    return yield* this.#look(programs, some, stops, from.units, x)
  }

  /** What is said of where runs have stopped, of a program all that it has left. */
  *#look(
    programs: Programs,
    some: Runs,
    { best, iterations, reason }: Stops,
    units: readonly FloatArray[],
    ended: readonly FloatArray[] | null,
  ): Generator<Call, Solved> {
    const { problem, state, last, isCloser } = programs
    const { runs, data, fixed } = some
    // One more look, where steps have not seen what errors are made of.
    const isKnown = ended !== null && (problem.loss === 'squared' || problem.loss === 'poisson')
    const rest = [...fixed, ...units]
    const starts = state.starts.slice(best.length + rest.length) as readonly number[]
    const lookAt = (free: readonly FloatArray[]) =>
      this.#iterations.run(last, runs, data, [...free, ...rest, ...starts], 1)
    const x = isKnown ? ended : (yield* lookAt(best)).x
    const evaluations = new Float64Array(runs.length)
    for (let run = 0; run < runs.length; run++) evaluations[run] = iterations[run]
    const largest = state.scale.map((at) => (isCloser ? (ended ?? x)[at].slice() : (ended ?? x)[at]))
    const solved = { ...(yield* this.#say(programs, some, x, largest, units)), evaluations }
    // The step that is left has not been looked at: where parameters hardly differ in what they do, it may lead far away.
    const isOpen = new Uint8Array(runs.length).fill(isCloser ? 1 : 0)
    let before = solved.rest
    for (let k = 0; k < POLISHES && isOpen.includes(1); k++) {
      const { x: there } = yield* lookAt(solved.free)
      const closer = yield* this.#say(programs, some, there, largest, units)
      const now = closer.rest
      const isLess = (gain: number, run: number) => gain <= before[run]
      const worse = indices(now, (gain, run) => isOpen[run] === 1 && !isLess(gain, run))
      take(
        solved,
        closer,
        indices(now, (gain, run) => isOpen[run] === 1 && isLess(gain, run)),
      )
      for (const [i, column] of solved.free.entries()) put(column, worse, pick(solved.stopped[i], worse))
      for (const run of worse) isOpen[run] = 0
      before = now
    }
    for (let run = 0; run < runs.length; run++) {
      if (reason[run] !== CONVERGED && reason[run] !== STALLED) solved.reason[run] = reason[run]
    }
    return solved
  }

  /** What a summary says of points, by what an iteration there has left. */
  *#say(
    { problem: { free }, state, summary, isCloser }: Programs,
    { runs, starts, freedom }: Runs,
    x: readonly FloatArray[],
    largest: readonly FloatArray[],
    units: readonly FloatArray[],
  ): Generator<Call, Said> {
    const point = [...state.best, state.cost, ...state.right, ...state.matrix].map((at) => x[at])
    const inputs = [...point, freedom, ...(isCloser ? [...largest, ...starts] : []), ...units]
    // Where programs run again, what they have said is copied: other runs will be there.
    const own = (column: FloatArray) => (isCloser ? column.slice() : column)
    const [stopped, diagonal] = [state.best, free.map((_, i) => state.matrix[inTriangle(i, i)])].map(
      (places) => places.map((at) => own(x[at])),
    )
    const { x: said } = yield* this.#iterations.run(summary, runs, [], inputs, 1)
    const [size, end] = [free.length, free.length + 1 + inTriangle(free.length, 0)]
    const all = said.slice(0, end + (isCloser ? 4 + size : 2)).map(own)
    return {
      free: all.slice(0, size),
      cost: all[size],
      covariance: all.slice(size + 1, end),
      reason: all[end],
      held: [all[end + 1]],
      errors: isCloser
        ? all.slice(end + 3, end + 3 + size)
        : free.map((_, i) => roots(all[size + 1 + inTriangle(i, i)])),
      undetermined: [all[end + 2] ?? new Float64Array(runs.length)],
      rest: all[end + 3 + size] ?? all[end],
      stopped,
      diagonal,
      largest,
    }
  }
}

function roots(squares: FloatArray): Float64Array {
  const found = new Float64Array(squares.length)
  for (let k = 0; k < found.length; k++) found[k] = Math.sqrt(squares[k])
  return found
}

/** Whether sums of squares are so small that they may have lost digits, or nothing is left of one: by run. */
function faint({ cost, diagonal, largest }: Solved): Uint8Array {
  const is = new Uint8Array(cost.length)
  for (let run = 0; run < is.length; run++) if (cost[run] < TINY) is[run] = 1
  for (const [i, d] of diagonal.entries()) {
    const most = largest[i]
    for (let run = 0; run < is.length; run++) if (d[run] < TINY || d[run] <= FADED * most[run]) is[run] = 1
  }
  return is
}

/** Whether squares in one unit may be no numbers in the other. */
const isFar = (a: number, b: number) => a > FAR * b || b > FAR * a

/** Diagonals in a unit, as far as they are numbers. */
function inUnits(diagonal: FloatArray, unit: FloatArray): FloatArray {
  return diagonal.map((d, run) => {
    const scaled = d * unit[run] * unit[run]
    return scaled < Infinity ? scaled : 0
  })
}

/** Takes over what others have found, as far as it is better; their evaluations count in any case. */
function merge(into: Solved, from: Solved, runs: Uint32Array, isBetter: (k: number) => boolean): void {
  const better = indices(runs, (_, k) => isBetter(k))
  take(into, from, better, pick(runs, better))
  for (const [k, run] of runs.entries()) into.evaluations[run] += from.evaluations[k]
}

type Said = Omit<Solved, 'evaluations'>

/** Takes over what is said of some runs. */
function take(into: Said, from: Said, runs: Uint32Array, at = runs): void {
  const columns = ({ free, cost, covariance, errors, reason, held, undetermined, stopped }: Said) => [
    ...[...free, cost, ...covariance, ...errors, reason, ...held, ...undetermined, ...stopped],
  ]
  const others = columns(from)
  for (const [i, column] of columns(into).entries()) put(column, at, pick(others[i], runs))
}

function pickRuns({ runs, data, starts, fixed, freedom }: Runs, some: Uint32Array): Runs {
  const picked = (columns: readonly FloatArray[]) => columns.map((column) => pick(column, some))
  return {
    ...{ runs: pick(runs, some), data, starts: picked(starts), fixed: picked(fixed) },
    freedom: pick(freedom, some),
  }
}

/** Where something is so. */
function indices(column: FloatArray | Uint32Array, is: (x: number, k: number) => boolean): Uint32Array {
  const found: number[] = []
  for (let k = 0; k < column.length; k++) if (is(column[k], k)) found.push(k)
  return Uint32Array.from(found)
}
