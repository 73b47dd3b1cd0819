/**
 * Further starts of a shared fit. At given shared parameters, the groups are independent of each other. Each group
 * therefore restarts alone, from many local starting points, in lanes. The best local parameters of all groups are the
 * start of the next joint fit. A group whose local fit has no proper minimum does not move in the joint fit.
 */

import type { EngineCall } from '../../many/engines/execute.js'
import { CONVERGED, NOT_FINITE } from '../problem/reasons.js'
import { median } from '../uncertainty/statistics.js'
import { type ArrowheadStop, descend, WARM_START } from './arrowhead-descent.js'
import { type ArrowheadPoint, type ArrowheadSolver, NO_FIXED } from './arrowhead-solver.js'
import { findDoubtful } from './doubtful-groups.js'
import { getIndex } from './group-batch.js'
import { type GroupFits, LocalFits, type SolvedGroupFits } from './local-fits.js'
import { LocalStarts } from './local-starts.js'
import type { ParsedBatch } from './read.js'
import type { SharedStatistics } from './shared-statistics.js'

/** Maximum number of joint fits. */
const MAX_ROUNDS = 12
/** Maximum number of starts of the shared parameters from which groups alternate with joint fits. */
const MAX_CANDIDATES = 2
/** Maximum number of evaluations of one joint fit, after which groups restart that may prevent its convergence. */
export const JOINT_EVALUATIONS = 100
/** Maximum number of groups that all restart; of more groups only doubtful ones do. */
const MAX_RESTARTED = 1024
/** Evaluations of a first look at each local starting point, and number of points per group that continue. */
const FIRST_EVALUATIONS = 12
const MAX_CONTINUED = 6
const MAX_EVALUATIONS = 200
/** A group is slow if its part of the remaining gain of all groups is at least this large. */
const MIN_SLOW_PART = 0.02
/** A lower cost counts if it is lower by more than this fraction, which exceeds rounding errors. */
const MIN_GAIN = 1e-9
/** Two costs of a group that differ by at most this fraction may belong to the same minimum. */
const SAME_COST = 1e-6

/** Inputs of the search. */
export interface RestartInput {
  readonly solver: ArrowheadSolver
  readonly batches: readonly ParsedBatch[]
  readonly threads: number
  /** Maximum number of evaluations of all groups together. */
  readonly maxEvaluations: number
  readonly isRobust: boolean
  /** Starting point of the first fit, and starting values of all parameters per group. */
  readonly start: ArrowheadPoint
  readonly guesses: readonly (readonly Float64Array[])[]
  readonly first: SharedStatistics
}

/** The end of the best joint fit, and the count of starting points. */
export interface RestartOutcome {
  readonly stop: ArrowheadStop
  readonly starts: number
  /** Whether the end of the first fit is not the best one. */
  readonly isImproved: boolean
}

/** A fit of all groups together, the groups that did not move, and the costs of the groups. */
interface JointEnd {
  readonly stop: ArrowheadStop
  readonly frozen: readonly (Uint8Array | null)[]
  readonly costs: readonly Float64Array[]
}

/** The best local parameters of all groups at given shared parameters. */
interface LocalSolution {
  readonly point: ArrowheadPoint
  readonly cost: number
  /** Reasons of the fits per batch, or 0 for groups that have not been fitted. */
  readonly reasons: readonly Uint8Array[]
}

/** Restarts a fit. The solver is at the end of the best fit afterwards. */
export function* restart(input: RestartInput): Generator<EngineCall, RestartOutcome> {
  const { solver, batches, first, isRobust } = input
  const count = solver.batches.reduce((sum, { active }) => sum + active, 0)
  const isWhole = first.reason !== CONVERGED || (isRobust && count <= MAX_RESTARTED)
  const groups = isWhole
    ? solver.batches.map(({ active }) => Uint32Array.from({ length: active }, (_, at) => at))
    : findDoubtful(solver, batches, first)
  if (groups.every(({ length }) => length === 0)) return { stop: first.stop, starts: 1, isImproved: false }
  const restarts = new Restarts(input, groups)
  const outcome = yield* restarts.run(isWhole)
  restarts.release()
  return outcome
}

class Restarts {
  readonly #input: RestartInput
  readonly #fits: readonly LocalFits[]
  readonly #starts: readonly LocalStarts[]
  /** Starting points of each group from its data, which are the same in all rounds. */
  readonly #fromData = new Map<string, (readonly ArrayLike<number>[])[]>()
  /** Groups that restart, and solutions of the groups alone. */
  readonly #groups: readonly Uint32Array[]
  #alone: readonly (readonly Float64Array[])[] = []
  /** Evaluations of all groups together, and count of further starting points of all groups. */
  #evaluations: number
  #count = 0

  /** @param groups indices of the groups of each batch that restart */
  constructor(input: RestartInput, groups: readonly Uint32Array[]) {
    this.#input = input
    this.#groups = groups
    const { solver, batches, threads } = input
    this.#evaluations = input.first.stop.evaluations
    this.#fits = solver.batches.map((batch, f) => new LocalFits(batch, batches[f].constants, threads, true))
    this.#starts = solver.batches.map((batch, f) => new LocalStarts(batch, batches[f]))
  }

  /** @param isWhole whether the shared parameters also start at other points */
  *run(isWhole: boolean): Generator<EngineCall, RestartOutcome> {
    const { solver, first, start } = this.#input
    const hasConverged = first.reason === CONVERGED
    const medians = yield* this.#fitAlone()
    const points = isWhole ? [first.stop.point.shared, start.shared, medians] : [first.stop.point.shared]
    const found: LocalSolution[] = []
    for (const shared of points) {
      if (shared !== first.stop.point.shared) this.#count++
      if (shared.every(Number.isFinite))
        found.push(yield* this.#fitLocals({ shared, local: first.stop.point.local }, first.costs))
    }
    found.sort((a, b) => a.cost - b.cost)
    const unfitted = { ...first.stop, cost: hasConverged ? first.stop.cost : Infinity }
    const begin = { stop: unfitted, frozen: solver.batches.map(({ frozen }) => frozen), costs: first.costs }
    let best: JointEnd = begin
    for (const one of found.slice(0, MAX_CANDIDATES)) {
      const end = yield* this.#alternate(one, hasConverged ? begin : { ...begin, stop: unfitted })
      if (end.stop.cost < best.stop.cost) best = end
    }
    const isImproved = best !== begin
    if (!isImproved) best = { ...begin, stop: first.stop }
    for (const [f, batch] of solver.batches.entries()) batch.freeze(best.frozen[f])
    solver.setPoint(best.stop.point.local, NO_FIXED, 'weight')
    const stop = { ...best.stop, evaluations: this.#evaluations, end: null }
    return { stop, starts: 1 + this.#count, isImproved }
  }

  /** Alternates between joint fits and fits of the local parameters alone, until no cost decreases. */
  *#alternate(from: LocalSolution, best: JointEnd): Generator<EngineCall, JointEnd> {
    const { batches } = this.#input.solver
    const slow = batches.map(({ groups }) => new Uint8Array(groups.length))
    let now = from
    for (let round = 0; round < MAX_ROUNDS && this.#left > 0; round++) {
      const isLower = now.cost < best.stop.cost * (1 - MIN_GAIN)
      if (!isLower && best.stop.reason === CONVERGED) break
      const open = now.reasons.map((reasons) => reasons.map((reason) => Number(reason > CONVERGED)))
      const frozen = open.map((column, f) => column.map((is, at) => is | slow[f][at]))
      const fitted = yield* this.#fitJointly(now.point, frozen)
      const hasConverged = fitted.stop.reason === CONVERGED
      const isNew = hasConverged || this.#markSlow(slow, frozen)
      if (!(fitted.stop.cost <= best.stop.cost * (1 + (hasConverged ? MIN_GAIN : 0)))) break
      best = fitted
      now = yield* this.#fitLocals(best.stop.point, best.costs)
      if (!isNew && !(now.cost < best.stop.cost * (1 - MIN_GAIN))) break
    }
    if (!slow.some((column) => column.includes(1)) || best.stop.reason !== CONVERGED) return best
    const frozen = best.frozen.map((column, f) => (column ?? slow[f]).map((is, at) => is & (1 - slow[f][at])))
    return (yield* this.#isMinimum(now.point, frozen))
      ? { ...best, frozen, stop: { ...best.stop, point: now.point, cost: now.cost } }
      : best
  }

  /** Whether a point is a minimum, if only the given groups do not move. */
  *#isMinimum(
    { shared, local }: ArrowheadPoint,
    frozen: readonly Uint8Array[],
  ): Generator<EngineCall, boolean> {
    const { solver } = this.#input
    for (const [f, batch] of solver.batches.entries()) batch.freeze(frozen[f])
    solver.setPoint(local, NO_FIXED, 'weight')
    const end = yield* solver.evaluateAtEnd(shared)
    return solver.isMinimum(shared, end, solver.lastStep(shared, end).decrement)
  }

  /** Fits all groups together, except for the local parameters of some groups. */
  *#fitJointly(point: ArrowheadPoint, frozen: readonly Uint8Array[]): Generator<EngineCall, JointEnd> {
    const { solver } = this.#input
    for (const [f, batch] of solver.batches.entries()) batch.freeze(frozen[f])
    const stop = yield* descend(solver, point, Math.min(this.#left, JOINT_EVALUATIONS), NO_FIXED, WARM_START)
    this.#evaluations += stop.evaluations
    this.#count++
    return { stop, frozen, costs: solver.batches.map((batch) => batch.costs()) }
  }

  get #left(): number {
    return this.#input.maxEvaluations - this.#evaluations
  }

  /**
   * Marks the groups that prevent the convergence of a joint fit: the groups with the largest remaining gains.
   *
   * @returns whether a group is new
   */
  #markSlow(slow: readonly Uint8Array[], frozen: readonly Uint8Array[]): boolean {
    const { batches } = this.#input.solver
    const gains = batches.map((batch) => batch.read('decrement')[0].subarray(0, batch.active))
    const list = gains.flatMap((column, f) =>
      Array.from(column, (gain, at) => ({ f, at, gain })).filter(
        ({ at, gain }) => gain > 0 && !frozen[f][at],
      ),
    )
    const total = list.reduce((sum, { gain }) => sum + gain, 0)
    const some = list.filter(({ gain }) => gain >= MIN_SLOW_PART * total)
    for (const { f, at } of some) slow[f][at] = 1
    return some.length > 0
  }

  /** Fits all parameters of each group alone, and returns the medians of the shared parameters. */
  *#fitAlone(): Generator<EngineCall, Float64Array> {
    const { solver, batches, threads, guesses, start } = this.#input
    const values = Array.from(start.shared, (): number[] => [])
    const alone: Float64Array[][] = []
    for (const [f, batch] of solver.batches.entries()) {
      const columns = batch.free.map(() => new Float64Array(batch.groups.length).fill(NaN))
      alone.push(columns)
      const groups = this.#groups[f].filter((at) => batch.rows[at] >= batch.free.length)
      const x = guesses[f].map((column) => Float64Array.from(groups, (at) => column[at]))
      const fits = new LocalFits(batch, batches[f].constants, threads, false)
      const solved = yield* fits.minimize({ groups, x }, start.shared, MAX_EVALUATIONS)
      fits.release()
      for (const [k, at] of groups.entries()) {
        if (solved.reason[k] !== CONVERGED) continue
        for (const [i, column] of columns.entries()) column[at] = solved.x[i][k]
        for (const [i, place] of batch.sharedPlaces.entries())
          values[getIndex(place, at)].push(solved.x[batch.local + i][k])
      }
    }
    this.#alone = alone
    return Float64Array.from(values, (list, k) => (list.length > 0 ? median(list) : start.shared[k]))
  }

  /**
   * Fits the local parameters of the groups that restart.
   *
   * @param costs costs of all groups, which the other groups keep
   */
  *#fitLocals(
    { shared, local }: ArrowheadPoint,
    costs: readonly Float64Array[],
  ): Generator<EngineCall, LocalSolution> {
    const { batches } = this.#input.solver
    const found: Float64Array[][] = []
    const reasons: Uint8Array[] = []
    let cost = 0
    for (const [f, batch] of batches.entries()) {
      const columns = local[f].map((column) => column.slice())
      const own = costs[f].slice(0, batch.active)
      const ends = batch.frozen?.map((is) => is * NOT_FINITE) ?? new Uint8Array(batch.groups.length)
      const groups = this.#groups[f]
      if (groups.length > 0) {
        for (const at of groups) own[at] = Infinity
        const solved = yield* this.#fitBest(f, shared, local[f])
        const keep = (some: SolvedGroupFits) => {
          for (const [k, at] of some.groups.entries()) {
            const isSame = some.reason[k] === CONVERGED && some.cost[k] <= own[at] * (1 + SAME_COST)
            if (!(some.cost[k] < own[at] || (isSame && ends[at] !== CONVERGED))) continue
            own[at] = some.cost[k]
            ends[at] = some.reason[k]
            for (const [i, column] of columns.entries()) column[at] = some.x[i][k]
          }
        }
        keep(solved)
        const open = groups.filter((at) => ends[at] > CONVERGED)
        const x = columns.map((column) => Float64Array.from(open, (at) => column[at]))
        keep(yield* this.#fits[f].refine({ groups: open, x }, shared, MAX_EVALUATIONS))
      }
      for (const one of own) cost += one
      found.push(columns)
      reasons.push(ends)
    }
    return { point: { shared, local: found }, cost, reasons }
  }

  /** Fits groups from all local starting points for a few evaluations, and continues the best fits of each group. */
  *#fitBest(
    f: number,
    shared: Float64Array,
    local: readonly Float64Array[],
  ): Generator<EngineCall, SolvedGroupFits> {
    const fits = yield* this.#collectStarts(f, local)
    const looks = yield* this.#fits[f].minimize(fits, shared, FIRST_EVALUATIONS)
    const some = selectBest(looks)
    const continued = {
      groups: some.map((k) => looks.groups[k]),
      x: looks.x.map((column) => Float64Array.from(some, (k) => column[k])),
    }
    return yield* this.#fits[f].minimize(continued, shared, MAX_EVALUATIONS)
  }

  /** Starting points of the groups: their own values, values of other groups, and guesses from their data. */
  *#collectStarts(f: number, local: readonly Float64Array[]): Generator<EngineCall, GroupFits> {
    const { guesses } = this.#input
    const starts = this.#starts[f]
    const groups: number[] = []
    const x = local.map((): number[] => [])
    const add = (at: number, columns: readonly ArrayLike<number>[], k: number) => {
      if (!x.every((_, i) => Number.isFinite(columns[i][k]))) return
      groups.push(at)
      for (const [i, list] of x.entries()) list.push(columns[i][k])
    }
    const neighbors = starts.neighbors()
    for (const at of this.#groups[f]) {
      add(at, local, at)
      add(at, guesses[f], at)
      add(at, this.#alone[f], at)
      for (const other of neighbors) if (other !== at) add(at, local, other)
      const key = `${f},${at}`
      const known = this.#fromData.get(key) ?? (yield* starts.fromData(at))
      this.#fromData.set(key, known)
      for (const columns of known) for (let k = 0; k < columns[0].length; k++) add(at, columns, k)
    }
    return { groups: Uint32Array.from(groups), x: x.map((list) => Float64Array.from(list)) }
  }

  /** Releases the memory of all lanes. No engine may still use the memory. */
  release(): void {
    for (const fits of this.#fits) fits.release()
  }
}

/** Indices of the best fits of each group, without fits that seem to reach the same minimum. */
function selectBest({ groups, cost }: SolvedGroupFits): Uint32Array {
  const selected: number[] = []
  for (let from = 0, end = 0; from < groups.length; from = end) {
    while (end < groups.length && groups[end] === groups[from]) end++
    const order = Array.from({ length: end - from }, (_, k) => from + k)
      .filter((k) => Number.isFinite(cost[k]))
      .sort((a, b) => cost[a] - cost[b] || a - b)
    const some: number[] = []
    for (const k of order) {
      if (some.length === MAX_CONTINUED) break
      const last = some[some.length - 1]
      if (last === undefined || cost[k] - cost[last] > SAME_COST * cost[last]) some.push(k)
    }
    selected.push(...some)
  }
  return Uint32Array.from(selected)
}
