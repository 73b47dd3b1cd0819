/** Fits of single groups, one per lane: the local parameters at given shared parameters, or all parameters. */

import type { FloatArray } from '../../core/numbers.js'
import { pickRuns, putRuns } from '../../many/batch/data.js'
import { runsPerBatch } from '../../many/batch/layout.js'
import type { EngineCall } from '../../many/engines/execute.js'
import { exp, log } from '../../functions/index.js'
import type { Parameter } from '../problem/parameters.js'
import { scaleParameters } from '../problem/problem.js'
import { fromInternalInterval } from '../programs/internal-parameters.js'
import { loadPrograms, type ModelPrograms } from '../programs/program-cache.js'
import { Iterations, MAX_RUNS } from '../solve/iterations.js'
import { type GroupBatch, getIndex } from './group-batch.js'

/** Fits of groups of one batch, as columns with one number per fit. */
export interface GroupFits {
  /** Index in the batch of the group of each fit. */
  readonly groups: Uint32Array
  /** Internal values of the parameters. */
  readonly x: readonly Float64Array[]
}

export interface SolvedGroupFits extends GroupFits {
  readonly cost: Float64Array
  readonly reason: Uint8Array
}

/** Marks a parameter that has one value per group. */
const PER_GROUP = new Float64Array(0)

export class LocalFits {
  readonly #batch: GroupBatch
  readonly #constants: ReadonlyMap<string, Float64Array>
  readonly #threads: number
  readonly #compiled: ModelPrograms
  readonly #iterations: Iterations
  /** Whether the fits use the logarithm of a local parameter of which the joint fit uses the value. */
  readonly #isScale: readonly boolean[]

  /** @param isLocal whether the shared parameters stay fixed */
  constructor(
    batch: GroupBatch,
    constants: ReadonlyMap<string, Float64Array>,
    threads: number,
    isLocal: boolean,
  ) {
    this.#batch = batch
    this.#constants = constants
    this.#threads = threads
    const [{ compiled }] = batch.outputs
    const joint = batch.free.slice(batch.local)
    const scales = isLocal ? scaleParameters(compiled.problem) : []
    const isScale = ({ name, max, isLogarithmic }: Parameter) =>
      scales.includes(name) && max > 0 && !isLogarithmic
    this.#isScale = batch.free.slice(0, isLocal ? batch.local : 0).map(isScale)
    const parameters = compiled.parameters.map((parameter) => {
      if (joint.some(({ name }) => name === parameter.name))
        return { ...parameter, isFixed: true, isLogarithmic: false, start: PER_GROUP }
      const isLogarithmic = parameter.isLogarithmic || (!parameter.isFixed && isScale(parameter))
      return { ...parameter, isLogarithmic, min: isLogarithmic ? Math.max(parameter.min, 0) : parameter.min }
    })
    this.#compiled = isLocal ? loadPrograms(compiled.model, parameters, compiled.settings) : compiled
    this.#iterations = new Iterations(this.#compiled, this.#threads)
  }

  /** Minimizes the cost of each group, at most as many evaluations as given. */
  *minimize(
    { groups, x }: GroupFits,
    shared: Float64Array,
    maxEvaluations: number,
  ): Generator<EngineCall, SolvedGroupFits> {
    const { outputs, rows } = this.#batch
    const data = [...outputs[0].columns.values()]
    const solved = {
      groups,
      x: x.map((column) => new Float64Array(column.length)),
      cost: new Float64Array(groups.length),
      reason: new Uint8Array(groups.length),
    }
    const { iteration, state } = this.#compiled.byNormalEquations
    for (const fits of partition(groups, rows)) {
      const runs = pickRuns(this.#batch.groups, pickRuns(groups, fits))
      const most = runsPerBatch(data, runs[0], 8, MAX_RUNS)
      for (let from = 0; from < fits.length; from += most) {
        const some = fits.subarray(from, from + most)
        const starts = x.map((column, i) => {
          const picked = pickRuns(column, some)
          return this.#isScale[i] ? picked.map(log) : picked
        })
        const columns = [...starts, ...this.#fixed(groups, some, shared)]
        const rest = state.starts.slice(columns.length) as readonly number[]
        const begin: (FloatArray | number)[] = [...columns, ...rest]
        const ended = yield* this.#iterations.run(
          iteration,
          runs.subarray(from, from + most),
          data,
          begin,
          maxEvaluations,
        )
        for (const [i, at] of state.best.entries()) {
          const column = ended.x[at]
          putRuns(solved.x[i], some, this.#isScale[i] ? column.map(exp) : column)
        }
        putRuns(solved.cost, some, ended.x[state.cost])
        putRuns(solved.reason, some, Uint8Array.from(ended.reason))
      }
    }
    return solved
  }

  /** Columns of the parameters that a fit does not change. */
  #fixed(groups: Uint32Array, fits: Uint32Array, shared: Float64Array): Float64Array[] {
    const { free, local, sharedPlaces, groups: indices } = this.#batch
    return this.#compiled.problem.fixed.map((name) => {
      const constants = this.#constants.get(name)
      if (constants !== undefined) return Float64Array.from(fits, (fit) => constants[indices[groups[fit]]])
      const k = free.findIndex((parameter, i) => i >= local && parameter.name === name)
      const toExternal = fromInternalInterval(free[k])
      const place = sharedPlaces[k - local]
      return Float64Array.from(fits, (fit) => toExternal(shared[getIndex(place, groups[fit])]))
    })
  }

  /** Releases the memory of all lanes. No engine may still use the memory. */
  release(): void {
    this.#iterations.release()
  }
}

/** Positions of the fits, in lists of equal row counts. */
function partition(groups: Uint32Array, rows: Uint32Array): Uint32Array[] {
  const lists = new Map<number, number[]>()
  for (const [fit, at] of groups.entries()) {
    const list = lists.get(rows[at])
    if (list === undefined) lists.set(rows[at], [fit])
    else list.push(fit)
  }
  return [...lists.values()].map((list) => Uint32Array.from(list))
}
