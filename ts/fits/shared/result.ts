import { checkIndex } from '../../core/errors.js'
import { joinTexts, toPrintable } from '../../core/text.js'
import { createRecord } from '../../core/untrusted-input.js'
import type { EngineName } from '../../engines/engine.js'
import { copyColumns } from '../problem/function-model.js'
import { type FitReason, fitReasons } from '../problem/reasons.js'
import type { GroupLabel, SharedParameterValues } from '../problem/shared-parameters.js'
import { sharedName } from '../problem/shared-parameters.js'
import type { SharedRun } from '../shared-solve/run.js'
import { AT_BOUND, type SharedStatistics, UNIDENTIFIABLE } from '../shared-solve/shared-statistics.js'
import { type JointFit, jointFits } from '../uncertainty/joint-fit.js'
import { sharedIntervals } from '../uncertainty/shared-intervals.js'
import { informationCriteria, reduceChiSquared } from '../uncertainty/statistics.js'
import { SharedGroup } from './group.js'
import { describeGroups } from './group-message.js'
import { type GroupLocation, type GroupSource, groupSources, sharedSources } from './result-source.js'

/** Result of a fit in which groups of rows share parameters. */
export class SharedFit {
  /** Labels of the groups, in order of appearance. */
  readonly groups: readonly GroupLabel[]
  /** Labels of the subsets of groups that share one value of a parameter, by parameter name. */
  readonly subsetLabels: Readonly<Record<string, readonly GroupLabel[]>>
  readonly values: SharedParameterValues
  /**
   * Standard errors of all parameters. The standard error of a parameter at a bound or of an unidentifiable parameter
   * is NaN.
   */
  readonly errors: SharedParameterValues
  /** Minimum of the sum of the costs of all rows in all groups. */
  readonly chiSquared: number
  readonly reducedChiSquared: number
  readonly aic: number
  readonly bic: number
  /** Count of rows in use in all groups. */
  readonly observations: number
  /** Count of rows that were dropped because of a missing value. */
  readonly droppedRows: number
  /** Count of observations minus count of free parameters that are not at a bound. */
  readonly degreesOfFreedom: number
  /** Number of evaluations of all groups together. */
  readonly evaluations: number
  /**
   * Number of starting points of all groups together. A built-in model adds starting points if the fit has not
   * converged, if a group is doubtful, and for robust losses.
   */
  readonly starts: number
  /**
   * Reason why the fit ended. The reason concerns the shared parameters and all groups that have a minimum. Groups that
   * have no minimum have a `reason` of their own: see {@link SharedFit.at}.
   */
  readonly reason: FitReason
  readonly engine: EngineName
  readonly engineReasons: readonly string[]
  readonly #run: SharedRun
  readonly #statistics: SharedStatistics
  /**
   * Batch of each group, and index of the group in the batch. Two arrays are faster to build than one pair of indices
   * per group.
   */
  readonly #batch: Uint32Array
  readonly #groupAt: Uint32Array

  /**
   * @internal
   * @param labels labels of the groups to use if the data have no labels
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
    this.reducedChiSquared = reduceChiSquared(stop.cost, degreesOfFreedom)
    const criteria = informationCriteria(run.options.loss, stop.cost, observations, degreesOfFreedom)
    this.aic = criteria.aic
    this.bic = criteria.bic
    this.evaluations = stop.evaluations
    this.starts = run.starts
    this.reason = fitReasons[ended.reason] as FitReason
    this.engine = choice.engine
    this.engineReasons = choice.reasons
    sharedSources.set(this, {
      run,
      statistics: ended,
      locate: (group) => this.#locate(group),
      toValues: (shared, local) => this.#toValues(shared, local),
    })
    jointFits.set(this, () => this.#joint())
  }

  /** Count of groups in the fit. */
  get length(): number {
    return this.groups.length
  }

  /**
   * Names of the shared parameters, in the order of `covariance`. The name of a parameter of a subset is followed by
   * the label of the subset in brackets.
   */
  get shared(): string[] {
    return this.#run.parsed.shared.map(sharedName)
  }

  /** Covariance matrix of the shared parameters, as an array of rows. */
  get covariance(): number[][] {
    const { shared } = this.#run.parsed
    return shared.map((_, i) => shared.map((_, j) => this.#covariance(i, j)))
  }

  /** Names of the parameters that ended at a bound. All other results treat parameters at a bound as fixed. */
  get atBound(): string[] {
    return this.#namesInState(AT_BOUND)
  }

  /**
   * Names of the parameters that the data do not determine. Unidentifiable parameters keep their values. If a shared
   * parameter is unidentifiable, the reason of the fit is 'singular'. If only local parameters are unidentifiable, the
   * reasons of their groups are 'singular'.
   */
  get unidentifiable(): string[] {
    return this.#namesInState(UNIDENTIFIABLE)
  }

  /**
   * Explanation of `reason`, and warnings about the results. The message is empty if the fit has converged without
   * warnings.
   */
  get message(): string {
    const held = this.atBound
    const { sharedStates } = this.#statistics
    const open = this.shared.filter((_, k) => sharedStates[k] === UNIDENTIFIABLE)
    const list = (names: readonly string[]) => {
      const first = names.slice(0, 5).map(toPrintable).join(', ')
      return names.length <= 5 ? first : `${first} and ${names.length - 5} more`
    }
    const words: Readonly<Record<string, string>> = {
      stalled: 'no step lowers χ², but this is no minimum; try other starts or bounds',
      'max-iterations': 'no minimum within the limit of evaluations; try other starts',
      'not-finite': this.#nonFinite(),
      'too-few-points': 'no group has enough rows',
      singular: open.length > 0 ? `the data do not determine ${list(open)}` : '',
    }
    return joinTexts(
      words[this.reason] ?? '',
      held.length > 0 ? `${list(held)} held at a bound, and counted as fixed` : '',
      this.droppedRows > 0 ? `${this.droppedRows} rows with missing values left out` : '',
      this.degreesOfFreedom <= 0 && !this.#run.isAbsolute ? 'no degree of freedom is left for errors' : '',
      describeGroups(
        this.groups,
        (k) => this.#locate(k),
        (k) => this.at(k).values,
      ),
      this.#remark(),
      this.#run.isImproved ? `best of ${this.starts} starts` : '',
    )
  }

  /** First remark of a model on the estimates of a group, with the label of the group. */
  #remark(): string {
    const { parsed, solver } = this.#run
    if (this.reason === 'not-finite') return ''
    if (parsed.batches.every(({ remarks }) => remarks.every((remark) => remark === null))) return ''
    for (const [k, label] of this.groups.entries()) {
      const { remarks } = parsed.batches[this.#batch[k]]
      const { outputs } = solver.batches[this.#batch[k]]
      // With 100,000 groups, computing the parameter values would dominate the run time, so remarks request values on
      // demand.
      const said = remarks.map((remark, i) => remark?.(() => this.at(k).values, outputs[i].columns, k))
      const first = said.find((text) => text)
      if (first) return `group ${toPrintable(String(label))}: ${first}`
    }
    return ''
  }

  /**
   * Result of one group of the shared fit.
   *
   * @param group index of the group in `groups`
   */
  at(group: number): SharedGroup {
    checkIndex('group', group, this.length)
    return new SharedGroup(this.groups[group], this.#locate(group))
  }

  /**
   * Lower and upper endpoints of the confidence intervals of all parameters at the given level, computed as in {@link
   * SharedGroup.intervals}.
   */
  intervals(level = 0.95): { readonly low: SharedParameterValues; readonly high: SharedParameterValues } {
    const { values, errors, degreesOfFreedom } = this
    const { isAbsolute, parsed } = this.#run
    const { parameters } = parsed
    return sharedIntervals(values, errors, { isAbsolute, degreesOfFreedom, parameters }, level)
  }

  #joint(): JointFit {
    const groups = this.groups.map((_, k) => {
      const group = this.at(k)
      const { contexts } = groupSources.get(group) as GroupSource
      return { values: group.values, parts: contexts().map((context) => ({ context, index: 0 })) }
    })
    const { values } = this
    return {
      result: this,
      parts: groups.flatMap(({ parts }) => parts),
      groups,
      local: new Set(Object.keys(values.local)),
      shared: new Set(Object.keys({ ...values.shared, ...values.sharedBy })),
    }
  }

  #locate(group: number): GroupLocation {
    const [run, statistics] = [this.#run, this.#statistics]
    return { run, statistics, batch: this.#batch[group], index: this.#groupAt[group] }
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
      return `the model-based weight is ${invalidWeight.value} in group ${called(invalidWeight.group)}`
    const { batches } = this.#run.solver
    const groups = batches.flatMap(({ groups, active }, f) =>
      [...groups.subarray(0, active)].filter((_, at) => !Number.isFinite(this.#statistics.costs[f][at])),
    )
    const first = groups.reduce((first, group) => Math.min(first, group), Infinity)
    if (groups.length === 0) return 'χ² or a derivative is not finite where the fit starts'
    const why = this.#whyNotFinite(first)
    return `χ² or a derivative is not finite where the fit starts, in group ${called(first)}${why && `: ${why}`}`
  }

  /** The reason why a model with exact derivatives has no value in a group, or ''. */
  #whyNotFinite(group: number): string {
    const { functionModel } = this.#run.solver.batches[this.#batch[group]].outputs[0].compiled.problem
    const columns = functionModel?.exact && copyColumns(functionModel.data, group)
    return (columns && functionModel?.exact?.remark(this.at(group).values, columns)) ?? ''
  }
}
