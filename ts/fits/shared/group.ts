/** One group of a fit with shared parameters. */

import { OptionError } from '../../ground/errors.js'
import { mapped, recordOf } from '../../ground/given.js'
import { type Column, numbersOf } from '../../many/data.js'
import { readOption, readOptions } from '../../options/read.js'
import { type BandOptions, bandAbout, bandTable, predicted, quantileOf, symmetric } from '../bands.js'
import { keptBy } from '../curve.js'
import { errorOf, type Found } from '../found.js'
import { probability } from '../level.js'
import { correlationOf, triangle } from '../linear.js'
import { type ColumnsAsked, followedAt } from '../linearise.js'
import type { Problem } from '../problem.js'
import { type FitReason, fitReasons } from '../reasons.js'
import type { Original } from '../refitted.js'
import { covarianceAt, type Ended, HELD, UNDETERMINED } from './ending.js'
import { numberAt } from './family.js'
import type { Label } from './groups.js'
import type { Numbers } from './numbers.js'
import type { Profiled, SharedProfile, SharedProfileOptions } from './profile.js'
import { profiledAsync, profiledSync, sharedProfiled } from './profiled.js'
import type { SharedRun } from './run.js'

/** Programs of what follows from others, by name: they take longer to make than a group. */
export const followersOf = keptBy((problem: Problem) =>
  recordOf([...problem.derived.keys()], (name) => followedAt(problem, name)),
)

/** A group as if it were fitted alone, by one of the values of its model. */
export type Alone = Original<string>['of']

/** By value of the model. */
export let aloneOf: (group: SharedGroup) => Alone[]

/** One group of a fit with shared parameters. */
export class SharedGroup {
  readonly label: Label
  /** Of all its parameters by name: own, shared and fixed ones, and those that follow from others. */
  readonly values: Numbers
  /** Standard errors: 0 where a parameter is fixed. */
  readonly errors: Numbers
  /** Parameters in the order of the covariance: its own, and then shared ones. */
  readonly free: readonly string[]
  /** What its rows cost. */
  readonly chiSquared: number
  readonly rows: number
  /** Why the fit of all groups has ended. */
  readonly reason: FitReason
  readonly #run: SharedRun
  readonly #ended: Ended
  readonly #family: number
  readonly #at: number
  /** Where it is, as results of single fits have it. */
  readonly #found: Pick<Found, 'free' | 'errors' | 'covariance' | 'held'>

  static {
    aloneOf = (group) => group.#alone()
  }

  /** @internal */
  constructor(label: Label, run: SharedRun, ended: Ended, f: number, at: number) {
    this.#run = run
    this.#ended = ended
    this.#family = f
    this.#at = at
    const family = run.arrow.families[f]
    const { values, costs } = ended
    this.label = label
    this.free = family.free.map(({ name }) => name)
    const shared = family.places.map((place) => values.shared[numberAt(place, at)])
    const point = [...values.own[f].map((column) => column[at]), ...shared]
    const covariance = this.covariance
    const held = this.held.reduce((bits, name) => bits | (1 << this.free.indexOf(name)), 0)
    this.#found = {
      free: point.map(one),
      errors: point.map((_, i) => one(Math.sqrt(covariance[i][i]))),
      covariance: triangle(point.length, (i, j) => one(covariance[i][j])),
      held: [Uint32Array.of(held)],
    }
    const { parameters, constants } = run.read.families[f]
    const group = family.groups[at]
    const { problem } = family.outputs[0].compiled
    const told = parameters.map(({ name, start, expr }): readonly [string, number, number] => {
      const i = this.free.indexOf(name)
      if (i >= 0) return [name, point[i], this.#found.errors[i][0]]
      if (expr === null) return [name, constants.get(name)?.[group] ?? (start as number), 0]
      const fixed = problem.fixed.map((other) => constants.get(other)?.[group] as number)
      const [value, ...slopes] = followersOf(problem)[name]([...point, ...fixed])
      return [name, value, errorOf(this.#found, 0, slopes)]
    })
    this.values = Object.fromEntries(told.map(([name, value]) => [name, value]))
    this.errors = Object.fromEntries(told.map(([name, , error]) => [name, error]))
    this.chiSquared = costs[f][at]
    this.rows = family.rows[at]
    this.reason = fitReasons[ended.reason] as FitReason
  }

  /** Parameters in `free` that a bound holds. */
  get held(): string[] {
    return this.#in(HELD)
  }

  /** Those that the data do not determine. */
  get undetermined(): string[] {
    return this.#in(UNDETERMINED)
  }

  #in(state: number): string[] {
    const { own, places } = this.#run.arrow.families[this.#family]
    const { ownStates, sharedStates } = this.#ended
    return this.free.filter((_, i) => {
      if (i < own) return ownStates[this.#family][i][this.#at] === state
      return sharedStates[numberAt(places[i - own], this.#at)] === state
    })
  }

  /** By rows and columns, of the parameters in `free`. */
  get covariance(): number[][] {
    return covarianceAt(this.#run.arrow.families[this.#family], this.#family, this.#at, this.#ended)
  }

  get correlation(): number[][] {
    return correlationOf(this.covariance)
  }

  /** As {@link SharedFit.profile} has it, of one of its parameters in `free`, while those of all groups follow. */
  async profile(name: string, options: SharedProfileOptions = {}): Promise<SharedProfile> {
    return profiledAsync(this.#run, this.#ended, this.#profiled(name), options)
  }

  /** `profile` without a promise. */
  profileSync(name: string, options: SharedProfileOptions = {}): SharedProfile {
    return profiledSync(this.#run, this.#ended, this.#profiled(name), options)
  }

  #profiled(name: string): Profiled {
    const i = this.free.indexOf(name)
    if (i < 0) throw new OptionError('name', `one of ${this.free.join(', ')}`, name)
    const [family, at] = [this.#family, this.#at]
    const { own, places, free } = this.#run.arrow.families[family]
    if (i >= own) {
      const place = places[i - own]
      return sharedProfiled(this.#run, this.#ended, numberAt(place, at))
    }
    const parameter = free[i]
    const factor = parameter.isLogarithmic ? this.values[name] : 1
    return {
      held: { shared: null, own: { family, parameter: i, at } },
      ...{ parameter, error: this.errors[name] / factor, state: this.#ended.ownStates[family][i][at] },
    }
  }

  /**
   * Within which a parameter is with a probability, as of a single fit, with the degrees of freedom of all groups together.
   */
  intervals(level = 0.95): Readonly<Record<string, readonly [low: number, high: number]>> {
    readOption('level', probability, level)
    const t = quantileOf(this.#run.isAbsolute, this.#ended.freedom, level)
    const { parameters } = this.#run.read.families[this.#family]
    const positive = parameters.filter(({ isLogarithmic }) => isLogarithmic).map(({ name }) => name)
    return mapped(this.values, (value, name) =>
      symmetric(value, t * this.errors[name], positive.includes(name)),
    )
  }

  /**
   * The model of this group.
   *
   * @param at columns of the model, of one length, null and NaN where one is missing; by default those that were given,
   * with rows that are left out. Of several values one list is behind the other.
   * @throws OptionError where it is none, or one is missing or no numbers
   */
  predict(at?: ColumnsAsked): Float64Array {
    return joined(this.#alone().map((of) => predicted(of, 0, at)))
  }

  /** Lower and upper ends of a band about `predict(at)`: what is known of shared parameters by all groups is in it. */
  band(
    at?: ColumnsAsked,
    options: BandOptions = {},
  ): { readonly low: Float64Array; readonly high: Float64Array } {
    const { level, kind } = readOptions('options', options, bandTable)
    const t = quantileOf(this.#run.isAbsolute, this.#ended.freedom, level)
    const bands = this.#alone().map((of) => bandAbout(of, 0, at, kind, t, this.#ended.variance))
    return { low: joined(bands.map(({ low }) => low)), high: joined(bands.map(({ high }) => high)) }
  }

  /** y − f by row that was given, without weights; of several values one list behind the other. */
  get residuals(): Float64Array {
    const measured = this.#alone().map(({ problem, given }) => numbersOf(given.get(problem.y) as Column, 0))
    const f = this.predict()
    return joined(measured).map((y, row) => y - f[row])
  }

  #alone(): Alone[] {
    const { given, constants, weighs } = this.#run.read.families[this.#family]
    const { groups, outputs } = this.#run.arrow.families[this.#family]
    const { rows, freedom, stop, reason } = this.#ended
    const group = groups[this.#at]
    const own = (columns: ReadonlyMap<string, Column>) =>
      new Map([...columns].map(([name, by]) => [name, { numbers: numbersOf(by, group), offsets: null }]))
    const starts = new Map([...constants].map(([name, by]) => [name, one(by[group])]))
    const found = { ...this.#found, cost: one(this.chiSquared), reason: Uint8Array.of(reason) }
    return outputs.map((output, k) => ({
      ...{ problem: output.compiled.problem, found, starts, rows: output.rows.slice(group, group + 1) },
      ...{ isAbsolute: this.#run.isAbsolute, weightAt: weighs[k], whitened: null },
      ...{ given: own(given[k]), columns: own(output.columns) },
      whole: { rows, cost: stop.cost, freedom },
    }))
  }
}

const one = (x: number) => Float64Array.of(x)

const joined = (lists: readonly Float64Array[]) => Float64Array.from(lists.flatMap((list) => [...list]))
