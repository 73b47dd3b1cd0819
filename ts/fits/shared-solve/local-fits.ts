/** Fits of single groups, one per lane: the local parameters at given shared parameters, or all parameters. */

import type { FloatArray } from '../../core/numbers.js'
import { exp, log } from '../../functions/index.js'
import { type DataColumn, pickRuns, putRuns } from '../../many/batch/data.js'
import { runsPerBatch } from '../../many/batch/layout.js'
import type { EngineCall } from '../../many/engines/execute.js'
import type { Parameter } from '../problem/parameters.js'
import { scaleParameters } from '../problem/problem.js'
import { CONVERGED, SINGULAR } from '../problem/reasons.js'
import { fromInternalInterval } from '../programs/internal-parameters.js'
import { loadPrograms, type ModelPrograms } from '../programs/program-cache.js'
import { Iterations, MAX_RUNS } from '../solve/iterations.js'
import { Solver } from '../solve/solver.js'
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

/** Fits of one batch of lanes, whose groups have equal row counts. */
interface LaneBatch {
  readonly groups: Uint32Array
  readonly runs: Uint32Array
  readonly data: readonly DataColumn[]
  readonly starts: readonly Float64Array[]
  readonly fixed: readonly Float64Array[]
}

/** End points of the fits of one batch of lanes. */
interface LaneResults {
  readonly best: readonly FloatArray[]
  readonly cost: FloatArray
  readonly reason: ArrayLike<number>
}

/** Limit of the scale parameters, whose derivatives would overflow otherwise. */
const MAX_SCALE = 1e130
const LOG_MAX_SCALE = 299

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
      scales.includes(name) && max > 1 / MAX_SCALE && !isLogarithmic
    this.#isScale = batch.free.slice(0, isLocal ? batch.local : 0).map(isScale)
    const parameters = compiled.parameters.map((parameter) => {
      if (joint.some(({ name }) => name === parameter.name))
        return { ...parameter, isFixed: true, isLogarithmic: false, start: PER_GROUP }
      if (parameter.isFixed || !isScale(parameter)) return parameter
      const [min, max] = [Math.max(parameter.min, 1 / MAX_SCALE), Math.min(parameter.max, MAX_SCALE)]
      return { ...parameter, isLogarithmic: true, min, max }
    })
    this.#compiled = isLocal ? loadPrograms(compiled.model, parameters, compiled.settings) : compiled
    this.#iterations = new Iterations(this.#compiled, this.#threads)
  }

  /** Minimizes the cost of each group, with at most the given number of evaluations. */
  *minimize(
    fits: GroupFits,
    shared: Float64Array,
    maxEvaluations: number,
  ): Generator<EngineCall, SolvedGroupFits> {
    const iterations = this.#iterations
    const { iteration, state } = this.#compiled.byNormalEquations
    return yield* this.#inBatches(fits, shared, function* ({ runs, data, starts, fixed }) {
      const columns = [...starts, ...fixed]
      const begin = [...columns, ...(state.starts.slice(columns.length) as readonly number[])]
      const { x, reason } = yield* iterations.run(iteration, runs, data, begin, maxEvaluations)
      return { best: state.best.map((at) => x[at]), cost: x[state.cost], reason }
    })
  }

  /** Solves fits in batches of groups with equal row counts. */
  *#inBatches(
    { groups, x }: GroupFits,
    shared: Float64Array,
    solve: (some: LaneBatch) => Generator<EngineCall, LaneResults>,
  ): Generator<EngineCall, SolvedGroupFits> {
    const { outputs, rows, groups: indices } = this.#batch
    const data = [...outputs[0].columns.values()]
    const solved = {
      groups,
      x: x.map((column) => new Float64Array(column.length)),
      cost: new Float64Array(groups.length),
      reason: new Uint8Array(groups.length),
    }
    for (const alike of partition(groups, rows)) {
      const most = runsPerBatch(data, indices[groups[alike[0]]], 8, MAX_RUNS)
      for (let from = 0; from < alike.length; from += most) {
        const fits = alike.subarray(from, from + most)
        const own = pickRuns(groups, fits)
        const starts = x.map((column, i) => {
          const picked = pickRuns(column, fits)
          return this.#isScale[i] ? picked.map(log) : picked
        })
        const fixed = this.#fixed(own, shared)
        const ended = yield* solve({ groups: own, runs: pickRuns(indices, own), data, starts, fixed })
        for (const [i, column] of ended.best.entries())
          putRuns(solved.x[i], fits, this.#isScale[i] ? column.map(exp) : column)
        putRuns(solved.cost, fits, ended.cost)
        const isLimit = (k: number) =>
          ended.best.some((column, i) => this.#isScale[i] && Math.abs(column[k]) >= LOG_MAX_SCALE)
        const reasons = Uint8Array.from(ended.reason)
        putRuns(
          solved.reason,
          fits,
          reasons.map((reason, k) => (reason === CONVERGED && isLimit(k) ? SINGULAR : reason)),
        )
      }
    }
    return solved
  }

  /** Solves fits that have not converged again, by QR if necessary, and diagnoses the fits. */
  *refine(
    fits: GroupFits,
    shared: Float64Array,
    maxEvaluations: number,
  ): Generator<EngineCall, SolvedGroupFits> {
    const solver = new Solver(this.#compiled, this.#iterations)
    const { rows } = this.#batch
    return yield* this.#inBatches(fits, shared, function* (some) {
      const size = some.starts.length
      const degreesOfFreedom = Float64Array.from(some.groups, (at) => rows[at] - size)
      const solved = yield* solver.solve({ ...some, degreesOfFreedom }, maxEvaluations, true, false)
      return { best: solved.free, cost: solved.cost, reason: solved.reason }
    })
  }

  /** Columns of the parameters that a fit does not change. */
  #fixed(own: Uint32Array, shared: Float64Array): Float64Array[] {
    const { free, local, sharedPlaces, groups } = this.#batch
    return this.#compiled.problem.fixed.map((name) => {
      const constants = this.#constants.get(name)
      if (constants !== undefined) return Float64Array.from(own, (at) => constants[groups[at]])
      const k = free.findIndex((parameter, i) => i >= local && parameter.name === name)
      const toExternal = fromInternalInterval(free[k])
      return Float64Array.from(own, (at) => toExternal(shared[getIndex(sharedPlaces[k - local], at)]))
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
