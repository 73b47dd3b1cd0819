import { ArgumentError, OptionError } from '../../core/errors.js'
import { toPrintable } from '../../core/text.js'
import { createRecord, mapRecord } from '../../core/untrusted-input.js'
import type { EngineName } from '../../engines/engine.js'
import { elementary } from '../../functions/index.js'
import { numbersInRun } from '../../many/batch/data.js'
import { CallProgress, type EngineCall, execute, executeSync } from '../../many/engines/execute.js'
import type { ValuesOf } from '../../options/kinds.js'
import { readOption, readOptions } from '../../options/read.js'
import { probability } from '../problem/confidence-level.js'
import { type FitReason, fitReasons } from '../problem/reasons.js'
import { getIndex } from '../shared-solve/group-batch.js'
import type { GroupLabel } from '../shared-solve/groups.js'
import type { ProfiledParameter, SharedProfile, SharedProfileOptions } from '../shared-solve/profile.js'
import { sharedName } from '../shared-solve/read.js'
import type { SharedRun } from '../shared-solve/run.js'
import { AT_BOUND, type SharedStatistics, UNIDENTIFIABLE } from '../shared-solve/shared-statistics.js'
import { confidenceQuantile, symmetricInterval } from '../uncertainty/bands.js'
import {
  type BootstrapManyOptions,
  bootstrapManyTable,
  unavailableBecause,
} from '../uncertainty/bootstrap.js'
import { Bootstrap } from '../uncertainty/bootstrap-result.js'
import { type JointFit, jointFits } from '../uncertainty/joint-fit.js'
import { checkRefits, runSharedBootstrap, type SharedReplicates } from './bootstrap.js'
import { SharedBootstrap } from './bootstrap-result.js'
import { derivedNames, getSingleFitContext, SharedGroup, type SingleFitContext } from './group.js'
import type { NamedColumns, SharedParameterValues } from './parameter-values.js'
import { createSharedProfiles, profileAsync, profileSync } from './profile-result.js'
import { RowContributions } from './row-contributions.js'

const { log } = elementary('float64')

/** A fit of many groups of rows that share parameters. */
export class SharedFit {
  /** What groups are called, in the order in which they came. */
  readonly groups: readonly GroupLabel[]
  /** Labels of subsets, by parameter. */
  readonly subsetLabels: Readonly<Record<string, readonly GroupLabel[]>>
  readonly values: SharedParameterValues
  /** Standard errors: NaN where a bound holds a parameter, or nothing is known of it. */
  readonly errors: SharedParameterValues
  /** The least sum of what rows cost, of all groups. */
  readonly chiSquared: number
  readonly reducedChiSquared: number
  readonly aic: number
  readonly bic: number
  /** Rows that count. */
  readonly observations: number
  /** Rows that are left out because something is missing. */
  readonly droppedRows: number
  /** How many more rows count than there are parameters that vary and no bound holds. */
  readonly degreesOfFreedom: number
  readonly evaluations: number
  readonly reason: FitReason
  readonly engine: EngineName
  readonly engineReasons: readonly string[]
  readonly #run: SharedRun
  readonly #statistics: SharedStatistics
  /** Of each group, its family and its place there: columns, as a pair for each takes longer to make. */
  readonly #batch: Uint32Array
  readonly #groupAt: Uint32Array

  /**
   * @internal
   * @param labels what groups are called, where data do not say it
   */
  constructor(run: SharedRun, ended: SharedStatistics, labels: readonly GroupLabel[] = run.parsed.labels) {
    this.#run = run
    this.#statistics = ended
    const { parsed, solver, choice } = run
    const { stop, observations, degreesOfFreedom } = ended
    this.groups = labels
    this.subsetLabels = Object.fromEntries(parsed.sharedBy)
    this.#batch = new Uint32Array(labels.length)
    this.#groupAt = new Uint32Array(labels.length)
    for (const [f, { groups }] of solver.batches.entries()) {
      for (let at = 0; at < groups.length; at++) {
        this.#batch[groups[at]] = f
        this.#groupAt[groups[at]] = at
      }
    }
    const errors = parsed.shared.map((_, k) => Math.sqrt(this.#covariance(k, k)))
    this.values = this.#toValues(ended.values.shared, ended.values.local)
    this.errors = this.#toValues(errors, ended.localErrors)
    this.chiSquared = stop.cost
    this.observations = observations
    this.droppedRows = parsed.batches.reduce((all, { droppedRows }) => all + droppedRows, 0)
    this.degreesOfFreedom = degreesOfFreedom
    this.reducedChiSquared = degreesOfFreedom > 0 ? stop.cost / degreesOfFreedom : NaN
    const criterion =
      run.options.loss === 'poisson' ? stop.cost : observations * log(stop.cost / observations)
    this.aic = criterion + 2 * (observations - degreesOfFreedom)
    this.bic = criterion + log(observations) * (observations - degreesOfFreedom)
    this.evaluations = stop.evaluations
    this.reason = fitReasons[ended.reason] as FitReason
    this.engine = choice.engine
    this.engineReasons = choice.reasons
    jointFits.set(this, () => this.#joint())
  }

  /** How many groups there are. */
  get length(): number {
    return this.groups.length
  }

  /** Names of shared parameters in the order of `covariance`, with a label in brackets where it is of a subset. */
  get shared(): string[] {
    return this.#run.parsed.shared.map(sharedName)
  }

  /** Of shared parameters, by rows and columns. */
  get covariance(): number[][] {
    const { shared } = this.#run.parsed
    return shared.map((_, i) => shared.map((_, j) => this.#covariance(i, j)))
  }

  /** Parameters that a bound holds: all else is that of a fit in which they are fixed there. */
  get atBound(): string[] {
    return this.#namesInState(AT_BOUND)
  }

  /** Parameters that the data do not determine; the fit is 'singular' then, and they stay where they are. */
  get unidentifiable(): string[] {
    return this.#namesInState(UNIDENTIFIABLE)
  }

  /** Why it ended as `reason` says, in words; empty if it has converged and nothing has to be said. */
  get message(): string {
    const [held, open] = [this.atBound, this.unidentifiable]
    const list = (names: readonly string[]) => {
      const first = names.slice(0, 5).map(toPrintable).join(', ')
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
      this.droppedRows > 0 ? `${this.droppedRows} rows left out, as something is missing` : '',
      this.degreesOfFreedom <= 0 && !this.#run.isAbsolute ? 'no degree of freedom is left for errors' : '',
      this.#remark(),
    ]
      .filter((text) => text !== '')
      .join('; ')
  }

  /** What the model says of the first group of which it says anything. */
  #remark(): string {
    const { parsed, solver } = this.#run
    if (this.reason === 'not-finite') return ''
    if (parsed.batches.every(({ remarks }) => remarks.every(({ remark }) => remark === undefined))) return ''
    for (const [k, label] of this.groups.entries()) {
      const f = this.#batch[k]
      const { groups, outputs } = solver.batches[f]
      const said = parsed.batches[f].remarks.flatMap(({ remark, x, extraColumns }, i) => {
        const { columns, compiled } = outputs[i]
        const [first, y, ...rest] = [x, compiled.problem.y, ...extraColumns].map((name) => {
          const column = columns.get(name)
          return column && numbersInRun(column, groups[this.#groupAt[k]])
        })
        if (!remark || !first || !y || rest.includes(undefined)) return []
        // Of 100,000 groups values take longer to make than all else.
        return remark(() => this.at(k).values, first, y, ...(rest as Float64Array[])) || []
      })
      if (said.length > 0) return `group ${toPrintable(String(label))}: ${said[0]}`
    }
    return ''
  }

  /** A group, by its place in `groups`. */
  at(group: number): SharedGroup {
    if (!Number.isInteger(group) || group < 0 || group >= this.length)
      throw new ArgumentError('group', `an integer from 0 to ${this.length - 1}`, group)
    const [f, at] = this.#locateGroup(group)
    return new SharedGroup(this.groups[group], this.#run, this.#statistics, f, at)
  }

  /**
   * Within which parameters are with a probability: lower and upper ends, as {@link SharedGroup.intervals} has them of a
   * group.
   */
  intervals(level = 0.95): { readonly low: SharedParameterValues; readonly high: SharedParameterValues } {
    readOption('level', probability, level)
    const t = confidenceQuantile(this.#run.isAbsolute, this.degreesOfFreedom, level)
    const { parameters } = this.#run.parsed
    const positive = new Set(
      parameters.filter((parameter) => parameter.isLogarithmic).map(({ name }) => name),
    )
    const ends = (end: 0 | 1): SharedParameterValues => {
      const compute = (name: string, x: number, error: number) =>
        symmetricInterval(x, t * error, positive.has(name))[end]
      const columns = (values: NamedColumns, errors: NamedColumns) =>
        mapRecord(values, (column, name) => column.map((x, k) => compute(name, x, errors[name][k])))
      const { values, errors } = this
      return {
        shared: mapRecord(values.shared, (x, name) => compute(name, x, errors.shared[name])),
        sharedBy: columns(values.sharedBy, errors.sharedBy),
        local: columns(values.local, errors.local),
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
    return profileAsync(this.#run, this.#statistics, this.#toProfile(name), options)
  }

  /** `profile` without a promise. */
  profileSync(name: string, options: SharedProfileOptions = {}): SharedProfile {
    return profileSync(this.#run, this.#statistics, this.#toProfile(name), options)
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
    const read = this.#readBootstrap(options)
    const progress = new CallProgress(read.onProgress)
    const calls = this.#runBootstrap(read, progress)
    return execute(this.#run.choice, calls, read.signal, () => {}, progress.repeat)
  }

  /** `bootstrap` without a promise. */
  bootstrapSync(options: BootstrapManyOptions = {}): SharedBootstrap {
    const read = this.#readBootstrap(options)
    return executeSync(this.#run.choice, this.#runBootstrap(read, new CallProgress(read.onProgress)))
  }

  #joint(): JointFit {
    const { observations, degreesOfFreedom, chiSquared, reducedChiSquared, reason, atBound, values } = this
    const groups = this.groups.map((_, k) => {
      const group = this.at(k)
      return {
        values: group.values,
        context: getSingleFitContext(group).map((context) => ({ context, index: 0 })),
      }
    })
    return {
      observations,
      degreesOfFreedom,
      chiSquared,
      reducedChiSquared,
      reason,
      atBound,
      groups,
      context: groups.flatMap(({ context }) => context),
      local: new Set(Object.keys(values.local)),
      shared: new Set(Object.keys({ ...values.shared, ...values.sharedBy })),
    }
  }

  #readBootstrap(options: BootstrapManyOptions) {
    const read = readOptions('options', options, bootstrapManyTable)
    checkRefits(this.#run, read)
    return read
  }

  *#runBootstrap(
    options: ValuesOf<typeof bootstrapManyTable>,
    progress: CallProgress,
  ): Generator<EngineCall, SharedBootstrap> {
    const alone: (readonly SingleFitContext[])[] = []
    const [first] = getSingleFitContext(this.at(0))
    const isPossible = unavailableBecause(first, 0, options) === ''
    for (let group = 0; isPossible && group < this.groups.length; group++) {
      alone.push(getSingleFitContext(this.at(group)))
      yield
    }
    const refits = yield* runSharedBootstrap(this.#run, this.#statistics, alone, options, progress)
    return this.#bootstrapped(refits, options, alone)
  }

  #bootstrapped(
    { reason, shared, local }: SharedReplicates,
    options: ValuesOf<typeof bootstrapManyTable>,
    alone: readonly (readonly SingleFitContext[])[],
  ): SharedBootstrap {
    const [run, ended] = [this.#run, this.#statistics]
    let parts: RowContributions | undefined
    const at = (k: number) => {
      const group = this.at(k)
      const [f, at] = this.#locateGroup(k)
      const family = run.solver.batches[f]
      const { length: count } = reason
      const free = family.free.map(({ name }, i): readonly [string, Float64Array] => {
        if (i >= family.local) return [name, shared[getIndex(family.sharedPlaces[i - family.local], at)]]
        return [name, local[f][i].subarray(at * count, (at + 1) * count)]
      })
      const [context] = alone[k] ?? getSingleFitContext(group)
      const fixed = context.problem.fixed.map((name) => context.starts.get(name)?.[0] as number)
      const derived = Object.entries(derivedNames(context.problem)).map(([name, follow]) => {
        const value = (_: number, r: number) => follow([...free.map(([, column]) => column[r]), ...fixed])[0]
        return [name, new Float64Array(count).map(value)] as const
      })
      const original = {
        context,
        fit: 0,
        values: group.values,
        contributions: (slopes: readonly number[]) => {
          parts ??= new RowContributions(
            run,
            ended,
            alone,
            alone.map((_, group) => this.#locateGroup(group)),
          )
          return parts.contributionsOf(k, [f, at], slopes)
        },
      }
      return new Bootstrap(original, { values: Object.fromEntries([...free, ...derived]), reason }, options)
    }
    return new SharedBootstrap(reason, this.length, at, (compute) => this.#gatherGroups(compute))
  }

  #locateGroup(group: number): readonly [family: number, at: number] {
    return [this.#batch[group], this.#groupAt[group]]
  }

  /** What groups say of their parameters, in the places of these. */
  #gatherGroups(compute: (group: number) => Readonly<Record<string, number>>): SharedParameterValues {
    const { batches, size } = this.#run.solver
    const shared = new Float64Array(size)
    const own = batches.map(({ local, groups }) =>
      Array.from({ length: local }, () => new Float64Array(groups.length)),
    )
    for (const group of this.groups.keys()) {
      const [f, at] = this.#locateGroup(group)
      const numbers = compute(group)
      for (const [i, { name }] of batches[f].free.entries()) {
        if (i < batches[f].local) own[f][i][at] = numbers[name]
        else shared[getIndex(batches[f].sharedPlaces[i - batches[f].local], at)] = numbers[name]
      }
    }
    return this.#toValues(shared, own)
  }

  #toProfile(name: string): ProfiledParameter {
    const at = this.shared.indexOf(name)
    if (at < 0) throw new OptionError('name', `one of ${this.shared.join(', ')}`, name)
    return createSharedProfiles(this.#run, this.#statistics, at)
  }

  #covariance(i: number, j: number): number {
    const { covariance, values, step } = this.#statistics
    const factor = (k: number) => (this.#run.parsed.shared[k].parameter.isLogarithmic ? values.shared[k] : 1)
    return covariance[i * step.dense.size + j] * factor(i) * factor(j)
  }

  #toValues(shared: ArrayLike<number>, own: readonly (readonly Float64Array[])[]): SharedParameterValues {
    const { parsed, solver } = this.#run
    const places = [...parsed.shared.entries()]
    const joint = places.filter(([, { label }]) => label === null)
    const columns = createRecord(parsed.local, () => new Float64Array(this.groups.length).fill(NaN))
    for (const [f, { free, groups }] of solver.batches.entries()) {
      for (const [i, column] of own[f].entries()) {
        const to = columns[free[i].name]
        for (let at = 0; at < groups.length; at++) to[groups[at]] = column[at]
      }
    }
    return {
      shared: Object.fromEntries(joint.map(([k, { parameter }]) => [parameter.name, shared[k]])),
      sharedBy: createRecord([...parsed.sharedBy.keys()], (name) =>
        Float64Array.from(
          places.filter(([, { parameter, label }]) => parameter.name === name && label !== null),
          ([k]) => shared[k],
        ),
      ),
      local: columns,
    }
  }

  #namesInState(state: number): string[] {
    const { parsed, solver } = this.#run
    const { sharedStates, localStates } = this.#statistics
    const own: [group: number, name: string][] = []
    for (const [f, { free, groups }] of solver.batches.entries()) {
      for (const [i, states] of localStates[f].entries()) {
        for (const [at, is] of states.entries()) {
          if (is === state) own.push([groups[at], `${free[i].name}[${this.groups[groups[at]]}]`])
        }
      }
    }
    own.sort(([a], [b]) => a - b)
    return [
      ...parsed.shared.filter((_, k) => sharedStates[k] === state).map(sharedName),
      ...own.map(([, name]) => name),
    ]
  }

  #nonFinite(): string {
    const { invalidWeight } = this.#statistics
    const called = (group: number) => toPrintable(`${this.groups[group]}`)
    if (invalidWeight !== null)
      return `the weight by the model is ${invalidWeight.value}, as in group ${called(invalidWeight.group)}`
    const { batches } = this.#run.solver
    const groups = batches.flatMap(({ groups }, f) =>
      [...groups].filter((_, at) => !Number.isFinite(this.#statistics.costs[f][at])),
    )
    const first = groups.reduce((first, group) => Math.min(first, group), Infinity)
    const where = groups.length === 0 ? '' : `, as in group ${called(first)}`
    return `χ² or a derivative is not finite where the fit starts${where}`
  }
}
