/** Fits with shared parameters under way. */

import type { Choice } from '../../engines/choice.js'
import { log } from '../../functions/index.js'
import { OptionError } from '../../ground/errors.js'
import { type Advancer, chooseAdvancer } from '../../many/engines.js'
import { readOptions } from '../../options/read.js'
import type { Call } from '../drive.js'
import type { Parameter } from '../parameters.js'
import { Arrow, type Point } from './arrow.js'
import { type Ended, ending } from './ending.js'
import { Family } from './family.js'
import { type SharedValues, table } from './options.js'
import { readShared, rowsOfGroup, type SharedRead } from './read.js'

export class SharedRun {
  readonly choice: Choice<Advancer>
  readonly options: SharedValues
  readonly read: SharedRead
  readonly arrow: Arrow
  readonly isAbsolute: boolean
  readonly #tolerance: number

  constructor(model: unknown, data: unknown, given: object) {
    this.options = readOptions('options', given, table)
    const { absoluteSigma, loss, tolerance = 1e-10 } = this.options
    this.isAbsolute = absoluteSigma ?? loss === 'poisson'
    this.read = readShared(model, data, this.options)
    for (const { free, guess, x, given: columns } of this.read.families) {
      const open = free.find(({ start }) => start === null)
      if (open === undefined || (guess !== undefined && columns[0].has(x))) continue
      throw new OptionError(`start: ${open.name}`, 'a number, or one for each group', undefined)
    }
    this.choice = chooseAdvancer({ ...this.options, workers: undefined })
    this.#tolerance = tolerance
    this.arrow = this.makeArrow()
  }

  /** One by itself, as profiles want it: two may be under way at once. */
  makeArrow(): Arrow {
    const families = this.read.families.map((family) => new Family(family, this.choice.runner))
    const shared = this.read.shared.map(({ parameter }) => parameter)
    return new Arrow(families, shared, this.#tolerance)
  }

  get most(): number {
    return this.options.maxIterations ?? 1000
  }

  *calls(): Generator<Call, Ended> {
    const start = yield* this.#start()
    const { onProgress } = this.options
    const stop = yield* this.arrow.solve(start, this.most)
    const ended = yield* ending(this.arrow, stop, this.isAbsolute, this.options.loss)
    onProgress?.(1, 1)
    return ended
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
      const columns = free.map(({ start }) =>
        typeof start === 'number' || start === null
          ? new Float64Array(groups.length).fill(start ?? NaN)
          : family.of(start),
      )
      const { guess, x } = read[f]
      const open = free.map(({ start }) => start === null)
      if (guess !== undefined && open.includes(true)) {
        for (const [at, group] of groups.entries()) {
          const [xs, ys] = [x, problem.y].map((name) => rowsOfGroup(outputs[0], name, group))
          const steps = guess(xs, ys)
          let step = steps.next()
          for (; !step.done; step = steps.next()) yield
          for (const [i, { name }] of free.entries()) if (open[i]) columns[i][at] = step.value[name]
          yield
        }
      }
      for (const [i, parameter] of free.entries()) {
        for (const [at, x] of columns[i].entries()) columns[i][at] = toStep(parameter, x)
      }
      for (const [k, place] of places.entries()) {
        for (const [at, x] of columns[family.own + k].entries()) {
          guesses[typeof place === 'number' ? place : place[at]].push(x)
        }
      }
      own.push(columns.slice(0, family.own))
    }
    const { min, max } = this.arrow
    const point = Float64Array.from(guesses, (of, k) => {
      const start =
        of.length > 0 ? median(of) : toStep(shared[k].parameter, shared[k].parameter.start as number)
      return Math.min(Math.max(start, min[k]), max[k])
    })
    return { shared: point, own }
  }
}

/** Inside of its bounds, and as steps have it. */
function toStep({ min, max, isLogarithmic }: Parameter, x: number): number {
  const guess = isLogarithmic ? Math.abs(x) || 1 : x
  const inside = Math.min(Math.max(guess, min), max)
  return isLogarithmic ? log(inside) : inside
}

/** The lower one of two in the middle. */
function median(numbers: readonly number[]): number {
  const sorted = Float64Array.from(numbers).sort()
  return sorted[(sorted.length - 1) >> 1]
}
