import type { EngineName } from '../../engines/engine.js'
import { elementary } from '../../functions/index.js'
import { ArgumentError, OptionError } from '../../ground/errors.js'
import { mapped, recordOf } from '../../ground/given.js'
import { printable } from '../../ground/text.js'
import { numbersOf } from '../../many/data.js'
import { drive, driveSync } from '../../many/drive.js'
import type { ValuesOf } from '../../options/kinds.js'
import { readOption, readOptions } from '../../options/read.js'
import { quantileOf, symmetric } from '../bands.js'
import { type BootstrapManyOptions, bootstrapManyTable, obstacle } from '../bootstrap.js'
import { type Joint, joints } from '../joint.js'
import { probability } from '../level.js'
import { type FitReason, fitReasons } from '../reasons.js'
import { Bootstrap } from '../refitted.js'
import { checkRefits, refitShared, type SharedRefits } from './bootstrap.js'
import { type Ended, HELD, UNDETERMINED } from './ending.js'
import { numberAt } from './family.js'
import { type Alone, aloneOf, followersOf, SharedGroup } from './group.js'
import type { Label } from './groups.js'
import type { Columns, SharedNumbers } from './numbers.js'
import { Parts } from './parts.js'
import type { Profiled, SharedProfile, SharedProfileOptions } from './profile.js'
import { profiledAsync, profiledSync, sharedProfiled } from './profiled.js'
import { nameOf } from './read.js'
import { SharedBootstrap } from './refitted.js'
import type { SharedRun } from './run.js'

const { log } = elementary('float64')

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
  /** Of each group, its family and its place there: columns, as a pair for each takes longer to make. */
  readonly #family: Uint32Array
  readonly #at: Uint32Array

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
    this.#family = new Uint32Array(labels.length)
    this.#at = new Uint32Array(labels.length)
    for (const [f, { groups }] of arrow.families.entries()) {
      for (let at = 0; at < groups.length; at++) {
        this.#family[groups[at]] = f
        this.#at[groups[at]] = at
      }
    }
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
    joints.set(this, () => this.#joint())
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
      'not-finite': this.#nonFinite(),
      singular: `the data do not determine ${list(open)}`,
    }
    return [
      words[this.reason] ?? '',
      held.length > 0 ? `${list(held)} held at a bound, and counted as fixed` : '',
      this.missing > 0 ? `${this.missing} rows left out, as something is missing` : '',
      this.freedom <= 0 && !this.#run.isAbsolute ? 'no degree of freedom is left for errors' : '',
      this.#remark(),
    ]
      .filter((text) => text !== '')
      .join('; ')
  }

  /** What the model says of the first group of which it says anything. */
  #remark(): string {
    const { read, arrow } = this.#run
    if (this.reason === 'not-finite') return ''
    if (read.families.every(({ remarks }) => remarks.every(({ remark }) => remark === undefined))) return ''
    for (const [k, label] of this.groups.entries()) {
      const f = this.#family[k]
      const { groups, outputs } = arrow.families[f]
      const said = read.families[f].remarks.flatMap(({ remark, x, others }, i) => {
        const { columns, compiled } = outputs[i]
        const [first, y, ...rest] = [x, compiled.problem.y, ...others].map((name) => {
          const column = columns.get(name)
          return column && numbersOf(column, groups[this.#at[k]])
        })
        if (!remark || !first || !y || rest.includes(undefined)) return []
        // Of 100,000 groups values take longer to make than all else.
        return remark(() => this.at(k).values, first, y, ...(rest as Float64Array[])) || []
      })
      if (said.length > 0) return `group ${printable(String(label))}: ${said[0]}`
    }
    return ''
  }

  /** A group, by its place in `groups`. */
  at(group: number): SharedGroup {
    if (!Number.isInteger(group) || group < 0 || group >= this.length)
      throw new ArgumentError('group', `a whole number from 0 to ${this.length - 1}`, group)
    const [f, at] = this.#placeOf(group)
    return new SharedGroup(this.groups[group], this.#run, this.#ended, f, at)
  }

  /**
   * Within which parameters are with a probability: lower and upper ends, as {@link SharedGroup.intervals} has them of a
   * group.
   */
  intervals(level = 0.95): { readonly low: SharedNumbers; readonly high: SharedNumbers } {
    readOption('level', probability, level)
    const t = quantileOf(this.#run.isAbsolute, this.freedom, level)
    const { parameters } = this.#run.read
    const positive = new Set(parameters.filter((of) => of.isLogarithmic).map(({ name }) => name))
    const ends = (end: 0 | 1): SharedNumbers => {
      const of = (name: string, x: number, error: number) => symmetric(x, t * error, positive.has(name))[end]
      const columns = (values: Columns, errors: Columns) =>
        mapped(values, (column, name) => column.map((x, k) => of(name, x, errors[name][k])))
      const { values, errors } = this
      return {
        shared: mapped(values.shared, (x, name) => of(name, x, errors.shared[name])),
        subsets: columns(values.subsets, errors.subsets),
        own: columns(values.own, errors.own),
      }
    }
    return { low: ends(0), high: ends(1) }
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

  /**
   * The bootstrap, as {@link Fit.bootstrap} has it: rows are drawn, or residuals, within each group, and all groups are
   * fitted together again. Numbers are drawn by seed, group and refit. The event loop stays free where the native engine
   * runs.
   *
   * @throws (rejects with) OptionError where an option is out of its range, residuals are asked of counts, or there would
   * be more than 2²⁷ numbers; the signal's reason
   */
  async bootstrap(options: BootstrapManyOptions = {}): Promise<SharedBootstrap> {
    const { read, alone } = this.#readBootstrap(options)
    const refits = refitShared(this.#run, this.#ended, alone, read)
    return this.#bootstrapped(await drive(this.#run.choice, refits, read.signal, () => {}), read, alone)
  }

  /** `bootstrap` without a promise. */
  bootstrapSync(options: BootstrapManyOptions = {}): SharedBootstrap {
    const { read, alone } = this.#readBootstrap(options)
    const refits = refitShared(this.#run, this.#ended, alone, read)
    return this.#bootstrapped(driveSync(this.#run.choice, refits), read, alone)
  }

  #joint(): Joint {
    const { rows, freedom, chiSquared, reducedChiSquared, reason, held, values } = this
    const groups = this.groups.map((_, k) => {
      const group = this.at(k)
      return { values: group.values, of: aloneOf(group).map((of) => ({ of, at: 0 })) }
    })
    return {
      ...{ rows, freedom, chiSquared, reducedChiSquared, reason, held, groups },
      of: groups.flatMap(({ of }) => of),
      own: new Set(Object.keys(values.own)),
      shared: new Set(Object.keys({ ...values.shared, ...values.subsets })),
    }
  }

  #readBootstrap(options: BootstrapManyOptions) {
    const read = readOptions('options', options, bootstrapManyTable)
    checkRefits(this.#run, read)
    const [first] = aloneOf(this.at(0))
    const isPossible = obstacle(first, 0, read) === ''
    return { read, alone: isPossible ? this.groups.map((_, group) => aloneOf(this.at(group))) : [] }
  }

  #bootstrapped(
    { reason, shared, own }: SharedRefits,
    options: ValuesOf<typeof bootstrapManyTable>,
    alone: readonly (readonly Alone[])[],
  ): SharedBootstrap {
    const [run, ended] = [this.#run, this.#ended]
    let parts: Parts | undefined
    const at = (k: number) => {
      const group = this.at(k)
      const [f, at] = this.#placeOf(k)
      const family = run.arrow.families[f]
      const { length: count } = reason
      const free = family.free.map(({ name }, i): readonly [string, Float64Array] => {
        if (i >= family.own) return [name, shared[numberAt(family.places[i - family.own], at)]]
        return [name, own[f][i].subarray(at * count, (at + 1) * count)]
      })
      const [of] = alone[k] ?? aloneOf(group)
      const fixed = of.problem.fixed.map((name) => of.starts.get(name)?.[0] as number)
      const derived = Object.entries(followersOf(of.problem)).map(([name, follow]) => {
        const value = (_: number, r: number) => follow([...free.map(([, column]) => column[r]), ...fixed])[0]
        return [name, new Float64Array(count).map(value)] as const
      })
      const original = {
        ...{ of, fit: 0, values: group.values },
        parts: (slopes: readonly number[]) => {
          parts ??= new Parts(
            run,
            ended,
            alone,
            alone.map((_, group) => this.#placeOf(group)),
          )
          return parts.of(k, [f, at], slopes)
        },
      }
      return new Bootstrap(original, { values: Object.fromEntries([...free, ...derived]), reason }, options)
    }
    return new SharedBootstrap(reason, this.length, at, (of) => this.#gathered(of))
  }

  #placeOf(group: number): readonly [family: number, at: number] {
    return [this.#family[group], this.#at[group]]
  }

  /** What groups say of their parameters, in the places of these. */
  #gathered(of: (group: number) => Readonly<Record<string, number>>): SharedNumbers {
    const { families, size } = this.#run.arrow
    const shared = new Float64Array(size)
    const own = families.map(({ own, groups }) =>
      Array.from({ length: own }, () => new Float64Array(groups.length)),
    )
    for (const group of this.groups.keys()) {
      const [f, at] = this.#placeOf(group)
      const numbers = of(group)
      for (const [i, { name }] of families[f].free.entries()) {
        if (i < families[f].own) own[f][i][at] = numbers[name]
        else shared[numberAt(families[f].places[i - families[f].own], at)] = numbers[name]
      }
    }
    return this.#numbers(shared, own)
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

  #nonFinite(): string {
    const { unweighed } = this.#ended
    const called = (group: number) => printable(`${this.groups[group]}`)
    if (unweighed !== null)
      return `the weight by the model is ${unweighed.value}, as in group ${called(unweighed.group)}`
    const { families } = this.#run.arrow
    const groups = families.flatMap(({ groups }, f) =>
      [...groups].filter((_, at) => !Number.isFinite(this.#ended.costs[f][at])),
    )
    const first = groups.reduce((first, group) => Math.min(first, group), Infinity)
    const where = groups.length === 0 ? '' : `, as in group ${called(first)}`
    return `χ² or a derivative is not finite where the fit starts${where}`
  }
}
