/** One group of a fit with shared parameters. */

import { isObject, mapRecord } from '../../core/untrusted-input.js'
import { type DataColumn, numbersInRun } from '../../many/batch/data.js'
import { BoundFunctionModel } from '../problem/function-model.js'
import type { Problem } from '../problem/problem.js'
import { type FitReason, fitReasons } from '../problem/reasons.js'
import type { GroupLabel } from '../problem/shared-parameters.js'
import { triangle } from '../programs/ldlt.js'
import {
  AT_BOUND,
  groupCovariance,
  groupParameters,
  groupReason,
  UNIDENTIFIABLE,
} from '../shared-solve/shared-statistics.js'
import { parameterColumns } from '../uncertainty/estimates.js'
import { FitView } from '../uncertainty/fit-view.js'
import { type GroupLocation, groupSources, type SingleFitContext } from './result-source.js'

/** One group of a fit with shared parameters. */
export class SharedGroup extends FitView {
  readonly label: GroupLabel
  readonly #states: readonly number[]

  /** @internal */
  constructor(label: GroupLabel, location: GroupLocation) {
    const { run, statistics, batch, index } = location
    const { degreesOfFreedom, variance } = statistics
    const { isAbsolute, parsed, solver } = run
    const { parameters } = parsed.batches[batch]
    const group = solveGroup(location)
    const { solved, starts } = group
    const { free, rows, outputs } = solver.batches[batch]
    const { problem } = outputs[0].compiled
    const reason = groupReason(solver.batches[batch], batch, index, statistics)
    const { values, errors } = parameterColumns({ parameters, problem, solved, starts }, 1)
    const contexts = () => toSingleFits(location, group)
    const estimates = {
      values: mapRecord(values, ([x]) => x),
      errors: mapRecord(errors, ([error]) => error),
      free: free.map(({ name }) => name),
      chiSquared: solved.cost[0],
      observations: rows[index],
      reason: fitReasons[reason] as FitReason,
    }
    super(estimates, {
      covariance: () => groupCovariance(solver.batches[batch], batch, index, statistics),
      distribution: { isAbsolute, degreesOfFreedom, variance, parameters },
      parts: () => contexts().map((context) => ({ context, index: 0 })),
    })
    this.label = label
    this.#states = group.states
    groupSources.set(this, { ...location, contexts })
  }

  /** Parameters in `free` that ended at a bound. */
  get atBound(): string[] {
    return this.free.filter((_, i) => this.#states[i] === AT_BOUND)
  }

  /** Parameters in `free` that the data do not determine. Their errors are NaN. */
  get unidentifiable(): string[] {
    return this.free.filter((_, i) => this.#states[i] === UNIDENTIFIABLE)
  }
}

/** The solution of a group in the form of a single fit: columns that contain one fit. */
function solveGroup({ run, statistics, batch, index }: GroupLocation) {
  const family = run.solver.batches[batch]
  const group = family.groups[index]
  const found = groupParameters(family, batch, index, statistics)
  const covariance = groupCovariance(family, batch, index, statistics, found)
  const atBound = found.reduce((bits, { state }, i) => bits | (Number(state === AT_BOUND) << i), 0)
  const fixed = run.parsed.batches[batch].parameters.slice(found.length)
  return {
    states: found.map(({ state }) => state),
    /** Values of the fixed parameters in the group. */
    starts: new Map(
      fixed.flatMap(({ name, start, expr }) =>
        expr === null ? [[name, one(isObject(start) ? start[group] : (start as number))] as const] : [],
      ),
    ),
    solved: {
      free: found.map(({ value }) => one(value)),
      errors: found.map((_, i) => one(Math.sqrt(covariance[i][i]))),
      covariance: triangle(found.length, (i, j) => one(covariance[i][j])),
      atBound: [Uint32Array.of(atBound)],
      cost: one(statistics.costs[batch][index]),
      reason: Uint8Array.of(groupReason(family, batch, index, statistics)),
    },
  }
}

/** The group as single fits, one fit per output of the group's model. */
function toSingleFits(
  { run, statistics, batch, index }: GroupLocation,
  { solved, starts }: ReturnType<typeof solveGroup>,
): SingleFitContext[] {
  const { data, hasModelWeights } = run.parsed.batches[batch]
  const { groups, outputs } = run.solver.batches[batch]
  const { observations, degreesOfFreedom, stop } = statistics
  const group = groups[index]
  const own = (columns: ReadonlyMap<string, DataColumn>) =>
    new Map([...columns].map(([name, by]) => [name, { numbers: numbersInRun(by, group), offsets: null }]))
  return outputs.map((output, k) => ({
    problem: bindToGroup(output.compiled.problem, own),
    solved,
    starts,
    observations: output.rows.slice(group, group + 1),
    isAbsolute: run.isAbsolute,
    weightAt: hasModelWeights[k],
    whitened: null,
    data: own(data[k]),
    columns: own(output.columns),
    errorScale: { observations, cost: stop.cost, degreesOfFreedom },
  }))
}

/** The problem with a function model that is bound to the rows of one group. */
function bindToGroup(
  problem: Problem,
  select: (columns: ReadonlyMap<string, DataColumn>) => ReadonlyMap<string, DataColumn>,
): Problem {
  const { functionModel } = problem
  return functionModel === null
    ? problem
    : { ...problem, functionModel: new BoundFunctionModel(functionModel, select(functionModel.data)) }
}

const one = (x: number) => Float64Array.of(x)
