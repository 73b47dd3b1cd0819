/** One group of a fit with shared parameters. */

import { createRecord, mapRecord } from '../../core/untrusted-input.js'
import { type DataColumn, numbersInRun } from '../../many/batch/data.js'
import { readOption, readOptions } from '../../options/read.js'
import { probability } from '../problem/confidence-level.js'
import type { Problem } from '../problem/problem.js'
import { type FitReason, fitReasons } from '../problem/reasons.js'
import { memoizeBy } from '../programs/function-curve.js'
import { correlationMatrix, triangle } from '../programs/ldlt.js'
import { getIndex } from '../shared-solve/group-batch.js'
import type { GroupLabel } from '../shared-solve/groups.js'
import type { SharedRun } from '../shared-solve/run.js'
import {
  AT_BOUND,
  covarianceEntry,
  type SharedStatistics,
  UNIDENTIFIABLE,
} from '../shared-solve/shared-statistics.js'
import { type SolvedFits, standardError } from '../solve/fit-context.js'
import {
  type BandOptions,
  bandTable,
  computeBand,
  confidenceQuantile,
  predictColumns,
  symmetricInterval,
} from '../uncertainty/bands.js'
import { derivedValue, type RequestedColumns } from '../uncertainty/linearize.js'
import type { NamedValues } from './parameter-values.js'
import { groupSources, type SingleFitContext } from './result-source.js'

/** Programs of what follows from others, by name: they take longer to make than a group. */
export const derivedNames = memoizeBy((problem: Problem) =>
  createRecord([...problem.derived.keys()], (name) => derivedValue(problem, name)),
)

/** One group of a fit with shared parameters. */
export class SharedGroup {
  readonly label: GroupLabel
  /** Of all its parameters by name: own, shared and fixed ones, and those that follow from others. */
  readonly values: NamedValues
  /** Standard errors: 0 where a parameter is fixed. */
  readonly errors: NamedValues
  /** Parameters in the order of the covariance: its own, and then shared ones. */
  readonly free: readonly string[]
  /** What its rows cost. */
  readonly chiSquared: number
  readonly observations: number
  /** Why the fit of all groups has ended. */
  readonly reason: FitReason
  readonly #run: SharedRun
  readonly #statistics: SharedStatistics
  readonly #batch: number
  readonly #index: number
  /** Where it is, as results of single fits have it. */
  readonly #found: Pick<SolvedFits, 'free' | 'errors' | 'covariance' | 'atBound'>

  /** @internal */
  constructor(label: GroupLabel, run: SharedRun, ended: SharedStatistics, f: number, at: number) {
    this.#run = run
    this.#statistics = ended
    this.#batch = f
    this.#index = at
    groupSources.set(this, {
      run,
      statistics: ended,
      batch: f,
      index: at,
      contexts: () => this.#singleFitContext(),
    })
    const family = run.solver.batches[f]
    const { values, costs } = ended
    this.label = label
    this.free = family.free.map(({ name }) => name)
    const shared = family.sharedPlaces.map((place) => values.shared[getIndex(place, at)])
    const point = [...values.local[f].map((column) => column[at]), ...shared]
    const covariance = this.covariance
    const held = this.atBound.reduce((bits, name) => bits | (1 << this.free.indexOf(name)), 0)
    this.#found = {
      free: point.map(one),
      errors: point.map((_, i) => one(Math.sqrt(covariance[i][i]))),
      covariance: triangle(point.length, (i, j) => one(covariance[i][j])),
      atBound: [Uint32Array.of(held)],
    }
    const { parameters, constants } = run.parsed.batches[f]
    const group = family.groups[at]
    const { problem } = family.outputs[0].compiled
    const told = parameters.map(({ name, start, expr }): readonly [string, number, number] => {
      const i = this.free.indexOf(name)
      if (i >= 0) return [name, point[i], this.#found.errors[i][0]]
      if (expr === null) return [name, constants.get(name)?.[group] ?? (start as number), 0]
      const fixed = problem.fixed.map((other) => constants.get(other)?.[group] as number)
      const [value, ...slopes] = derivedNames(problem)[name]([...point, ...fixed])
      return [name, value, standardError(this.#found, 0, slopes)]
    })
    this.values = Object.fromEntries(told.map(([name, value]) => [name, value]))
    this.errors = Object.fromEntries(told.map(([name, , error]) => [name, error]))
    this.chiSquared = costs[f][at]
    this.observations = family.rows[at]
    this.reason = fitReasons[ended.reason] as FitReason
  }

  /** Parameters in `free` that a bound holds. */
  get atBound(): string[] {
    return this.#withState(AT_BOUND)
  }

  /** Those that the data do not determine. */
  get unidentifiable(): string[] {
    return this.#withState(UNIDENTIFIABLE)
  }

  #withState(state: number): string[] {
    const { local, sharedPlaces } = this.#run.solver.batches[this.#batch]
    const { localStates, sharedStates } = this.#statistics
    return this.free.filter((_, i) => {
      if (i < local) return localStates[this.#batch][i][this.#index] === state
      return sharedStates[getIndex(sharedPlaces[i - local], this.#index)] === state
    })
  }

  /** By rows and columns, of the parameters in `free`. */
  get covariance(): number[][] {
    return covarianceEntry(this.#run.solver.batches[this.#batch], this.#batch, this.#index, this.#statistics)
  }

  get correlation(): number[][] {
    return correlationMatrix(this.covariance)
  }

  /**
   * Within which a parameter is with a probability, as of a single fit, with the degrees of freedom of all groups together.
   */
  intervals(level = 0.95): Readonly<Record<string, readonly [low: number, high: number]>> {
    readOption('level', probability, level)
    const t = confidenceQuantile(this.#run.isAbsolute, this.#statistics.degreesOfFreedom, level)
    const { parameters } = this.#run.parsed.batches[this.#batch]
    const positive = parameters.filter(({ isLogarithmic }) => isLogarithmic).map(({ name }) => name)
    return mapRecord(this.values, (value, name) =>
      symmetricInterval(value, t * this.errors[name], positive.includes(name)),
    )
  }

  /**
   * The model of this group.
   *
   * @param at columns of the model, of one length, null and NaN where one is missing; by default those that were given,
   * with rows that are left out. Of several values one list is behind the other.
   * @throws OptionError where it is none, or one is missing or no numbers
   */
  predict(at?: RequestedColumns): Float64Array {
    return concatenate(this.#singleFitContext().map((context) => predictColumns(context, 0, at)))
  }

  /** Lower and upper ends of a band about `predict(at)`: what is known of shared parameters by all groups is in it. */
  band(
    at?: RequestedColumns,
    options: BandOptions = {},
  ): { readonly low: Float64Array; readonly high: Float64Array } {
    const { level, kind } = readOptions('options', options, bandTable)
    const t = confidenceQuantile(this.#run.isAbsolute, this.#statistics.degreesOfFreedom, level)
    const bands = this.#singleFitContext().map((context) =>
      computeBand(context, 0, at, kind, t, this.#statistics.variance),
    )
    return { low: concatenate(bands.map(({ low }) => low)), high: concatenate(bands.map(({ high }) => high)) }
  }

  /** y − f by row that was given, without weights; of several values one list behind the other. */
  get residuals(): Float64Array {
    const measured = this.#singleFitContext().map(({ problem, data }) =>
      numbersInRun(data.get(problem.y) as DataColumn, 0),
    )
    const f = this.predict()
    return concatenate(measured).map((y, row) => y - f[row])
  }

  #singleFitContext(): SingleFitContext[] {
    const { data, constants, hasModelWeights } = this.#run.parsed.batches[this.#batch]
    const { groups, outputs } = this.#run.solver.batches[this.#batch]
    const { observations, degreesOfFreedom, stop, reason } = this.#statistics
    const group = groups[this.#index]
    const own = (columns: ReadonlyMap<string, DataColumn>) =>
      new Map([...columns].map(([name, by]) => [name, { numbers: numbersInRun(by, group), offsets: null }]))
    const starts = new Map([...constants].map(([name, by]) => [name, one(by[group])]))
    const solved = { ...this.#found, cost: one(this.chiSquared), reason: Uint8Array.of(reason) }
    return outputs.map((output, k) => ({
      problem: output.compiled.problem,
      solved,
      starts,
      observations: output.rows.slice(group, group + 1),
      isAbsolute: this.#run.isAbsolute,
      weightAt: hasModelWeights[k],
      whitened: null,
      data: own(data[k]),
      columns: own(output.columns),
      errorScale: { observations, cost: stop.cost, degreesOfFreedom },
    }))
  }
}

const one = (x: number) => Float64Array.of(x)

const concatenate = (lists: readonly Float64Array[]) => Float64Array.from(lists.flatMap((list) => [...list]))
