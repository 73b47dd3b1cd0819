import type { EngineName } from '../../engines/engine.js'
import { Machine } from '../../expressions/run.js'
import { elementary } from '../../functions/index.js'
import { ArgumentError, OptionError } from '../../ground/errors.js'
import { recordOf } from '../../ground/given.js'
import { printable } from '../../ground/text.js'
import { type Column, numbersOf } from '../../many/data.js'
import { readOptions } from '../../options/read.js'
import { columnsOfModel, keptBy, programOfModel } from '../curve.js'
import { drive, driveSync } from '../drive.js'
import { followedAt } from '../linearise.js'
import type { Problem } from '../problem.js'
import { profileManyTable } from '../profiled.js'
import { type FitReason, fitReasons } from '../reasons.js'
import { covarianceAt, type Ended, HELD, UNDETERMINED } from './ending.js'
import type { Label } from './groups.js'
import { type Profiled, profileShared, type SharedProfile, type SharedProfileOptions } from './profile.js'
import { nameOf } from './read.js'
import type { SharedRun } from './run.js'

const { log } = elementary('float64')

type Numbers = Readonly<Record<string, number>>
type Columns = Readonly<Record<string, Float64Array>>

/** Numbers of all parameters. */
export interface SharedNumbers {
  /** Of parameters that all groups share. */
  readonly shared: Numbers
  /** Of those that groups of a label share, in the order of `subsets`. */
  readonly subsets: Columns
  /** Of those that each group has for itself, in the order of `groups`; NaN where a group's model has none such. */
  readonly own: Columns
}

/** A fit of many groups of rows that share parameters. */
export class SharedFit {
  /** What groups are called, in the order in which they came. */
  readonly groups: readonly Label[]
  /** Labels of subsets, by parameter. */
  readonly subsets: Readonly<Record<string, readonly Label[]>>
  readonly values: SharedNumbers
  /** Standard errors: NaN where a bound holds a parameter, or nothing is known of it. */
  readonly errors: SharedNumbers
  /** The least sum of what rows cost, of all groups. */
  readonly chiSquared: number
  readonly reducedChiSquared: number
  readonly aic: number
  readonly bic: number
  /** Rows that count. */
  readonly rows: number
  /** Rows that are left out because something is missing. */
  readonly missing: number
  /** How many more rows count than there are parameters that vary and no bound holds. */
  readonly freedom: number
  readonly evaluations: number
  readonly reason: FitReason
  readonly engine: EngineName
  readonly engineReasons: readonly string[]
  readonly #run: SharedRun
  readonly #ended: Ended
  /** Of each group, its family and its place there. */
  readonly #places: readonly (readonly [family: number, at: number])[]

  /**
   * @internal
   * @param labels what groups are called, where data do not say it
   */
  constructor(run: SharedRun, ended: Ended, labels: readonly Label[] = run.read.labels) {
    this.#run = run
    this.#ended = ended
    const { read, arrow, choice } = run
    const { stop, rows, freedom } = ended
    this.groups = labels
    this.subsets = Object.fromEntries(read.subsets)
    const places: [number, number][] = []
    for (const [f, { groups }] of arrow.families.entries()) {
      for (const [at, group] of groups.entries()) places[group] = [f, at]
    }
    this.#places = places
    const errors = read.shared.map((_, k) => Math.sqrt(this.#covariance(k, k)))
    this.values = this.#numbers(ended.values.shared, ended.values.own)
    this.errors = this.#numbers(errors, ended.ownErrors)
    this.chiSquared = stop.cost
    this.rows = rows
    this.missing = read.families.reduce((all, { missing }) => all + missing, 0)
    this.freedom = freedom
    this.reducedChiSquared = freedom > 0 ? stop.cost / freedom : NaN
    const criterion = run.options.loss === 'poisson' ? stop.cost : rows * log(stop.cost / rows)
    this.aic = criterion + 2 * (rows - freedom)
    this.bic = criterion + log(rows) * (rows - freedom)
    this.evaluations = stop.evaluations
    this.reason = fitReasons[ended.reason] as FitReason
    this.engine = choice.engine
    this.engineReasons = choice.reasons
  }

  /** How many groups there are. */
  get length(): number {
    return this.groups.length
  }

  /** Names of shared parameters in the order of `covariance`, with a label in brackets where it is of a subset. */
  get shared(): string[] {
    return this.#run.read.shared.map(nameOf)
  }

  /** Of shared parameters, by rows and columns. */
  get covariance(): number[][] {
    const { shared } = this.#run.read
    return shared.map((_, i) => shared.map((_, j) => this.#covariance(i, j)))
  }

  /** Parameters that a bound holds: all else is that of a fit in which they are fixed there. */
  get held(): string[] {
    return this.#named(HELD)
  }

  /** Parameters that the data do not determine; the fit is 'singular' then, and they stay where they are. */
  get undetermined(): string[] {
    return this.#named(UNDETERMINED)
  }

  /** Why it ended as `reason` says, in words; empty if it has converged and nothing has to be said. */
  get message(): string {
    const [held, open] = [this.held, this.undetermined]
    const list = (names: readonly string[]) => {
      const first = names.slice(0, 5).map(printable).join(', ')
      return names.length <= 5 ? first : `${first} and ${names.length - 5} more`
    }
    const words: Readonly<Record<string, string>> = {
      stalled: 'no step makes χ² less, but this is no minimum; other starts or bounds may help',
      'max-iterations': 'not at a minimum within the limit of evaluations; other starts may help',
      'not-finite': `χ² or a derivative is not finite where the fit starts${this.#firstNonFinite()}`,
      singular: `the data do not determine ${list(open)}`,
    }
    return [
      words[this.reason] ?? '',
      held.length > 0 ? `${list(held)} held at a bound, and counted as fixed` : '',
      this.missing > 0 ? `${this.missing} rows left out, as something is missing` : '',
      this.freedom <= 0 && !this.#run.isAbsolute ? 'no degree of freedom is left for errors' : '',
    ]
      .filter((text) => text !== '')
      .join('; ')
  }

  /** A group, by its place in `groups`. */
  at(group: number): SharedGroup {
    if (!Number.isInteger(group) || group < 0 || group >= this.length)
      throw new ArgumentError('group', `a whole number from 0 to ${this.length - 1}`, group)
    const [f, at] = this.#places[group]
    return new SharedGroup(this.groups[group], this.#run, this.#ended, f, at)
  }

  /**
   * The profile of a shared parameter, one of `shared`: how far it may go while all others follow, until χ² has risen as
   * much as the level allows. The event loop stays free where the native engine runs.
   *
   * @throws (rejects with) OptionError where the name is none, or the level no probability; the signal's reason
   */
  async profile(name: string, options: SharedProfileOptions = {}): Promise<SharedProfile> {
    return profiledAsync(this.#run, this.#ended, this.#profiled(name), options)
  }

  /** `profile` without a promise. */
  profileSync(name: string, options: SharedProfileOptions = {}): SharedProfile {
    return profiledSync(this.#run, this.#ended, this.#profiled(name), options)
  }

  #profiled(name: string): Profiled {
    const at = this.shared.indexOf(name)
    if (at < 0) throw new OptionError('name', `one of ${this.shared.join(', ')}`, name)
    return sharedProfiled(this.#run, this.#ended, at)
  }

  #covariance(i: number, j: number): number {
    const { covariance, values, step } = this.#ended
    const factor = (k: number) => (this.#run.read.shared[k].parameter.isLogarithmic ? values.shared[k] : 1)
    return covariance[i * step.dense.size + j] * factor(i) * factor(j)
  }

  #numbers(shared: ArrayLike<number>, own: readonly (readonly Float64Array[])[]): SharedNumbers {
    const { read, arrow } = this.#run
    const places = [...read.shared.entries()]
    const joint = places.filter(([, { label }]) => label === null)
    const columns = recordOf(read.own, () => new Float64Array(this.groups.length).fill(NaN))
    for (const [f, { free, groups }] of arrow.families.entries()) {
      for (const [i, column] of own[f].entries()) {
        const to = columns[free[i].name]
        for (let at = 0; at < groups.length; at++) to[groups[at]] = column[at]
      }
    }
    return {
      shared: Object.fromEntries(joint.map(([k, { parameter }]) => [parameter.name, shared[k]])),
      subsets: recordOf([...read.subsets.keys()], (name) =>
        Float64Array.from(
          places.filter(([, { parameter, label }]) => parameter.name === name && label !== null),
          ([k]) => shared[k],
        ),
      ),
      own: columns,
    }
  }

  #named(state: number): string[] {
    const { read, arrow } = this.#run
    const { sharedStates, ownStates } = this.#ended
    const own: [group: number, name: string][] = []
    for (const [f, { free, groups }] of arrow.families.entries()) {
      for (const [i, states] of ownStates[f].entries()) {
        for (const [at, is] of states.entries()) {
          if (is === state) own.push([groups[at], `${free[i].name}[${this.groups[groups[at]]}]`])
        }
      }
    }
    own.sort(([a], [b]) => a - b)
    return [
      ...read.shared.filter((_, k) => sharedStates[k] === state).map(nameOf),
      ...own.map(([, name]) => name),
    ]
  }

  #firstNonFinite(): string {
    const { families } = this.#run.arrow
    const groups = families.flatMap(({ groups }, f) =>
      [...groups].filter((_, at) => !Number.isFinite(this.#ended.costs[f][at])),
    )
    const first = groups.reduce((first, group) => Math.min(first, group), Infinity)
    return groups.length === 0 ? '' : `, as in group ${printable(`${this.groups[first]}`)}`
  }
}

/** Programs of what follows from others, by name: they take longer to make than a group. */
const followersOf = keptBy((problem: Problem) =>
  recordOf([...problem.derived.keys()], (name) => followedAt(problem, name)),
)

/** What has no slope has no part, nor has what a bound holds: it counts as fixed. */
function varianceOf(
  slopes: readonly number[],
  covariance: readonly (readonly number[])[],
  isHeld: (i: number) => boolean,
): number {
  const moves = slopes.map((slope, i) => slope !== 0 && !isHeld(i))
  let sum = 0
  for (const [i, a] of slopes.entries()) {
    for (const [j, b] of slopes.entries()) if (moves[i] && moves[j]) sum += a * b * covariance[i][j]
  }
  return sum
}

function sharedProfiled(
  { read }: SharedRun,
  { covariance, step, sharedStates }: Ended,
  at: number,
): Profiled {
  const error = Math.sqrt(covariance[at * step.dense.size + at])
  return {
    held: { shared: at, own: null },
    parameter: read.shared[at].parameter,
    error,
    state: sharedStates[at],
  }
}

async function profiledAsync(run: SharedRun, ended: Ended, of: Profiled, options: SharedProfileOptions) {
  const { level, signal } = readOptions('options', options, profileManyTable)
  const arrow = run.makeArrow()
  const calls = profileShared(arrow, ended, of, level, run.isAbsolute, run.most)
  const profile = await drive(run.choice, calls, signal, () => arrow.leave())
  arrow.leave()
  return profile
}

function profiledSync(run: SharedRun, ended: Ended, of: Profiled, options: SharedProfileOptions) {
  const { level } = readOptions('options', options, profileManyTable)
  const arrow = run.makeArrow()
  const profile = driveSync(run.choice, profileShared(arrow, ended, of, level, run.isAbsolute, run.most))
  arrow.leave()
  return profile
}

/** One group of such a fit. */
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
  readonly #run: SharedRun
  readonly #ended: Ended
  readonly #family: number
  readonly #at: number

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
    const shared = family.places.map((place) => values.shared[typeof place === 'number' ? place : place[at]])
    const point = [...values.own[f].map((column) => column[at]), ...shared]
    const covariance = this.covariance
    const { parameters, constants } = run.read.families[f]
    const group = family.groups[at]
    const { problem } = family.outputs[0].compiled
    const told = parameters.map(({ name, start, expr }): readonly [string, number, number] => {
      const i = this.free.indexOf(name)
      if (i >= 0) return [name, point[i], Math.sqrt(covariance[i][i])]
      if (expr === null) return [name, constants.get(name)?.[group] ?? (start as number), 0]
      const fixed = problem.fixed.map((other) => constants.get(other)?.[group] as number)
      const [value, ...slopes] = followersOf(problem)[name]([...point, ...fixed])
      return [name, value, Math.sqrt(varianceOf(slopes, covariance, (i) => this.#isHeld(i)))]
    })
    this.values = Object.fromEntries(told.map(([name, value]) => [name, value]))
    this.errors = Object.fromEntries(told.map(([name, , error]) => [name, error]))
    this.chiSquared = costs[f][at]
    this.rows = family.rows[at]
  }

  #isHeld(i: number): boolean {
    const { own, places } = this.#run.arrow.families[this.#family]
    if (i < own) return this.#ended.ownStates[this.#family][i][this.#at] === HELD
    const place = places[i - own]
    return this.#ended.sharedStates[typeof place === 'number' ? place : place[this.#at]] === HELD
  }

  /** By rows and columns, of the parameters in `free`. */
  get covariance(): number[][] {
    return covarianceAt(this.#run.arrow.families[this.#family], this.#family, this.#at, this.#ended)
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
      return sharedProfiled(this.#run, this.#ended, typeof place === 'number' ? place : place[at])
    }
    const parameter = free[i]
    const factor = parameter.isLogarithmic ? this.values[name] : 1
    return {
      held: { shared: null, own: { family, parameter: i, at } },
      ...{ parameter, error: this.errors[name] / factor, state: this.#ended.ownStates[family][i][at] },
    }
  }

  /** y − f by row that was given, without weights; of several values one list behind the other. */
  get residuals(): Float64Array {
    const family = this.#run.arrow.families[this.#family]
    const group = family.groups[this.#at]
    const lists = family.outputs.map(({ compiled: { problem } }, k) => {
      const given = this.#run.read.families[this.#family].given[k]
      const columns = columnsOfModel(problem).map((name) => numbersOf(given.get(name) as Column, group))
      const y = numbersOf(given.get(problem.y) as Column, group)
      const machine = new Machine(programOfModel(problem), 'float64')
      const fixed = problem.fixed.map(
        (name) => this.#run.read.families[this.#family].constants.get(name)?.[group] ?? NaN,
      )
      const point = [...this.free.map((name) => this.values[name]), ...fixed]
      return y.map((measured, row) => {
        const numbers = columns.map((column) => column[row])
        // Conditions would take it for a number.
        if (numbers.some(Number.isNaN)) return NaN
        machine.run([...point, ...numbers], [], 0)
        return measured - machine.slots[machine.program.outputs[0]]
      })
    })
    return Float64Array.from(lists.flatMap((list) => [...list]))
  }
}
