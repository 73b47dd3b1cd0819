/** Fits with shared parameters under way. */

import type { Choice } from '../../engines/choice.js'
import { log } from '../../functions/index.js'
import { OptionError } from '../../ground/errors.js'
import type { Call } from '../../many/drive.js'
import { type Advancer, chooseAdvancer } from '../../many/engines.js'
import { readOptions } from '../../options/read.js'
import { samples } from '../multi-start.js'
import type { Parameter } from '../parameters.js'
import { CONVERGED, isSomewhere, MAX_ITERATIONS, NOT_FINITE } from '../reasons.js'
import { firstOf, SAME } from '../solver.js'
import { ROUNDS } from '../weighing.js'
import { Arrow, NONE, type Point, type Stop } from './arrow.js'
import { type Ended, ending, type Unweighed } from './ending.js'
import { Family, type FamilyGiven, numberAt } from './family.js'
import { hasBounds } from './look.js'
import { type SharedValues, table } from './options.js'
import { NEAR_BY } from './profile.js'
import { nameOf, readShared, rowsOfGroup, type SharedRead } from './read.js'
import { isSettled, isWeighed, setWeights } from './weights.js'

export class SharedRun {
  readonly choice: Choice<Advancer>
  readonly options: SharedValues
  readonly read: SharedRead
  /** Of weights by the model, that of the last round. */
  arrow: Arrow
  readonly isAbsolute: boolean
  readonly #tolerance: number
  /** Other starts of what is shared, a column for each. */
  readonly #samples: readonly Float64Array[]

  constructor(model: unknown, data: unknown, given: object) {
    this.options = readOptions('options', given, table)
    const { absoluteSigma, loss, tolerance = 1e-10 } = this.options
    this.isAbsolute = absoluteSigma ?? loss === 'poisson'
    this.read = readShared(model, data, this.options)
    for (const { free, guess, x, others, given: columns } of this.read.families) {
      const open = free.find(({ start }) => start === null)
      if (open === undefined || (guess !== undefined && [x, ...others].every((name) => columns[0].has(name))))
        continue
      throw new OptionError(`start: ${open.name}`, 'a number, or one for each group', undefined)
    }
    const origin = this.read.families
      .flatMap(({ parameters }) => parameters)
      .find(({ isFixed, expr, start }) => isFixed && expr === null && start === null)
    // One of each group's own data would be another for each.
    if (origin !== undefined) throw new OptionError(`start: ${origin.name}`, 'a number', undefined)
    this.choice = chooseAdvancer({ ...this.options, workers: undefined })
    this.#tolerance = tolerance
    this.arrow = this.makeArrow()
    const { shared } = this.read
    const [min, max] = [this.arrow.min, this.arrow.max].map((limits) => [...limits])
    const said = (['min', 'max'] as const).map((end) => shared.map(({ parameter }) => parameter[end]))
    this.#samples = samples(
      { min: said[0], max: said[1] },
      { free: shared.map(nameOf), min, max },
      this.options.multiStart,
    )
  }

  /** One by itself, as profiles want it: two may be under way at once; or of other data. */
  makeArrow(of: readonly FamilyGiven[] = this.read.families): Arrow {
    const isBounded = of.some(({ outputs }) => hasBounds(outputs[0].compiled.steps))
    const { runner } = this.choice
    const families = of.map((family) => new Family(family, isBounded, runner))
    const shared = this.read.shared.map(({ parameter }) => parameter)
    return new Arrow(families, shared, this.#tolerance)
  }

  get most(): number {
    return this.options.maxIterations ?? 1000
  }

  *calls(): Generator<Call, Ended> {
    const start = yield* this.#start()
    const { onProgress, multiStart } = this.options
    const isAlone = multiStart.count === 1
    // Starts of several begin once.
    const first = isAlone && this.arrow.isPartlyLinear ? firstOf(this.most) : this.most
    const stop = yield* this.arrow.solve(start, first)
    const ended = yield* this.#ended(isAlone ? stop : yield* this.#best(start, stop))
    const again = isAlone && ended.reason !== CONVERGED ? yield* this.#again(start, ended) : null
    const found = yield* this.#weighed(again ?? ended)
    onProgress?.(1, 1)
    return found
  }

  /** Where weights are made of the model, fits with those that the last one has found, until these settle. */
  *#weighed(first: Ended): Generator<Call, Ended> {
    const { families } = this.read
    let ended = first
    for (let round = 0; isWeighed(families) && round <= ROUNDS; round++) {
      if (!isSomewhere(ended.reason)) return ended
      const unweighed = setWeights(families, this.arrow.families, ended.values)
      if (unweighed !== null) return nowhere(ended, unweighed)
      this.arrow.leave()
      this.arrow = this.makeArrow()
      const stop = yield* this.arrow.solve(ended.stop.point, this.most, NONE, NEAR_BY)
      const evaluations = ended.stop.evaluations + stop.evaluations
      const now = yield* this.#ended({ ...stop, evaluations })
      if (isSettled(this.arrow, ended, now, this.#tolerance)) return now
      ended = now
    }
    return isWeighed(families) ? { ...ended, reason: MAX_ITERATIONS } : ended
  }

  /** The best end of all starts, where lanes are put then. */
  *#best({ own }: Point, first: Stop): Generator<Call, Stop> {
    let [best, { evaluations }] = [first, first]
    for (let k = 1; k < this.options.multiStart.count; k++) {
      const shared = Float64Array.from(this.#samples, (column) => column[k - 1])
      const stop = yield* this.arrow.solve({ shared, own }, this.most)
      evaluations += stop.evaluations
      if (stop.cost < best.cost || !Number.isFinite(best.cost)) best = stop
    }
    this.arrow.put(best.point.own, NONE, 'weight')
    return { ...best, evaluations, end: null }
  }

  *#ended(stop: Stop): Generator<Call, Ended> {
    return yield* ending(this.arrow, stop, this.isAbsolute, this.options.loss)
  }

  /** From the start again, with turns, as `Solver` has it; null where that is no better. */
  *#again(start: Point, { reason, stop }: Ended): Generator<Call, Ended | null> {
    const left = this.most - stop.evaluations
    if (!this.arrow.isPartlyLinear || reason === NOT_FINITE || left <= 0) return null
    const other = yield* this.arrow.solve(start, left, NONE, { isNear: false, alternates: true })
    const evaluations = stop.evaluations + other.evaluations
    const ended = yield* this.#ended({ ...other, evaluations })
    return ended.reason === CONVERGED && other.cost <= SAME * stop.cost ? ended : null
  }

  leave(): void {
    this.arrow.leave()
  }

  /** Where steps start: as it was said, or guessed group by group; what is shared at the median of guesses. */
  *#start(): Generator<Call, Point> {
    const { families: read, shared } = this.read
    const guesses = shared.map((): number[] => [])
    const own: Float64Array[][] = []
    for (const [f, family] of this.arrow.families.entries()) {
      const { free, groups, outputs, problem, places } = family
      const begin = ({ start }: Parameter) =>
        typeof start === 'object' && start !== null
          ? family.of(start)
          : new Float64Array(groups.length).fill(start ?? NaN)
      const columns = free.map(begin)
      const { guess, x, others } = read[f]
      const open = [...free.keys()].filter((i) => free[i].start === null)
      if (guess !== undefined && open.length > 0) {
        for (const [at, group] of groups.entries()) {
          const of = (name: string) => rowsOfGroup(outputs[0], name, group)
          const steps = guess(of(x), of(problem.y), ...others.map(of))
          let step = steps.next()
          for (; !step.done; step = steps.next()) yield
          for (const i of open) columns[i][at] = step.value[free[i].name]
          yield
        }
      }
      for (const [i, column] of columns.entries()) toSteps(free[i], column)
      for (const i of open) {
        const place = places[i - family.own]
        if (place === undefined) continue
        for (const [at, x] of columns[i].entries()) guesses[numberAt(place, at)].push(x)
      }
      own.push(columns.slice(0, family.own))
    }
    const point = Float64Array.from(guesses, (of, k) => {
      const { parameter } = shared[k]
      return of.length > 0 ? median(of) : toSteps(parameter, Float64Array.of(parameter.start as number))[0]
    })
    const { min, max } = this.arrow
    return { shared: point.map((x, k) => Math.min(Math.max(x, min[k]), max[k])), own }
  }
}

/** Of what has ended where a weight is none, nothing is known. */
function nowhere(ended: Ended, unweighed: Unweighed): Ended {
  const none = (numbers: Float64Array) => numbers.map(() => NaN)
  const ownErrors = ended.ownErrors.map((columns) => columns.map(none))
  return {
    ...ended,
    unweighed,
    reason: NOT_FINITE,
    covariance: none(ended.covariance),
    ownErrors,
    variance: NaN,
  }
}

/** Inside of its bounds, and as steps have it; in place. */
function toSteps({ min, max, isLogarithmic }: Parameter, column: Float64Array): Float64Array {
  for (let at = 0; at < column.length; at++) {
    const x = column[at]
    const guess = isLogarithmic ? Math.abs(x) || 1 : x
    const inside = Math.min(Math.max(guess, min), max)
    column[at] = isLogarithmic ? log(inside) : inside
  }
  return column
}

/** The lower one of two in the middle. */
function median(numbers: readonly number[]): number {
  const sorted = Float64Array.from(numbers).sort()
  return sorted[(sorted.length - 1) >> 1]
}
