/** Searches the lowest minimum of a shared fit from several starts. */

import type { EngineCall } from '../../many/engines/execute.js'
import { CONVERGED, NOT_FINITE } from '../problem/reasons.js'
import { type ArrowheadStop, descend, WARM_START } from './arrowhead-descent.js'
import { type ArrowheadPoint, type ArrowheadSolver, NO_FIXED } from './arrowhead-solver.js'
import { type GroupBatch, getIndex } from './group-batch.js'
import { runToEnd } from '../../core/slices.js'
import { log } from '../../functions/index.js'
import { LocalFits } from './local-fits.js'
import { type ParsedBatch, selectGroupRows } from './read.js'

const E = (n: string, d: number) => Number(process.env[n] ?? d)
const MAX_POOL = E('POOL', 24)
const MAX_ROUNDS = 12
const SHORT = E('SHORT', 8)
const KEPT = E('KEPT', 3)

export interface RestartOptions {
  readonly solver: ArrowheadSolver
  readonly parsed: readonly ParsedBatch[]
  readonly threads: number
  readonly maxIterations: number
  readonly isRobust: boolean
  /** Starting values of all parameters per group. */
  readonly guesses: readonly (readonly Float64Array[])[]
}

const debug = typeof process !== 'undefined' && process.env.DEBUG ? console.log : () => {}

export class SharedRestarts {
  readonly #o: RestartOptions
  readonly #locals: LocalFits[]
  starts = 1
  #evaluations = 0

  constructor(options: RestartOptions) {
    this.#o = options
    const { solver, parsed, threads } = options
    this.#locals = solver.batches.map((b, f) => new LocalFits(b, parsed[f].constants, threads, true))
  }

  *improve(start: ArrowheadPoint, first: ArrowheadStop): Generator<EngineCall, ArrowheadStop> {
    const { solver, parsed, threads } = this.#o
    // Single fits
    const singles: (readonly Float64Array[])[] = []
    const values: number[][] = Array.from({ length: solver.size }, () => [])
    for (const [f, batch] of solver.batches.entries()) {
      const fits = new LocalFits(batch, parsed[f].constants, threads, false)
      const groups = Uint32Array.from({ length: batch.active }, (_, k) => k).filter(
        (at) => batch.rows[at] > batch.free.length,
      )
      const x = this.#o.guesses[f].map((c) => Float64Array.from(groups, (at) => c[at]))
      const solved = yield* fits.minimize({ groups, x }, start.shared, 100)
      fits.release()
      const columns = batch.free.map(() => new Float64Array(batch.groups.length).fill(NaN))
      for (const [k, at] of groups.entries()) {
        if (solved.reason[k] !== CONVERGED) continue
        for (const [i, column] of columns.entries()) column[at] = solved.x[i][k]
        for (const [i, place] of batch.sharedPlaces.entries())
          values[getIndex(place, at)].push(solved.x[batch.local + i][k])
      }
      singles.push(columns)
    }
    const medians = Float64Array.from(values, (list, k) => (list.length > 0 ? median(list) : start.shared[k]))
    debug('start', start.shared, 'first', first.point.shared, first.cost, first.reason, 'singles', medians)
    const all = solver.batches.map((b) => Uint32Array.from({ length: b.active }, (_, k) => k))
    let best: { point: ArrowheadPoint; cost: number; reasons: Uint8Array[] } | null = null
    for (const shared of [first.point.shared, start.shared, medians]) {
      if (!shared.every(Number.isFinite)) continue
      const made = yield* this.#solve({ shared, local: first.point.local }, all, singles)
      debug('theta', shared, made.cost)
      if (best === null || made.cost < best.cost) best = made
    }
    if (best === null) return first
    let now = best
    let stop: ArrowheadStop = first
    for (let round = 0; round < MAX_ROUNDS; round++) {
      for (const [f, b] of solver.batches.entries()) b.freeze(now.reasons[f].map((r) => Number(r !== CONVERGED)))
      const frozen = solver.batches.reduce((s, b) => s + (b.frozen?.reduce((a, x) => a + x, 0) ?? 0), 0)
      stop = yield* descend(solver, now.point, 100, NO_FIXED, WARM_START)
      this.#evaluations += stop.evaluations
      const next = yield* this.#solve(stop.point, all, singles)
      debug('round', round, 'frozen', frozen, 'from', now.cost, 'joint', stop.cost, stop.reason, stop.evaluations, 'locals', next.cost)
      const before = stop.cost
      now = next
      if (!(next.cost < before * (1 - 1e-10))) break
    }
    return { ...stop, evaluations: first.evaluations + this.#evaluations }
  }

  *#solve(
    { shared, local }: ArrowheadPoint,
    all: readonly Uint32Array[],
    singles: readonly (readonly Float64Array[])[],
  ): Generator<EngineCall, { point: ArrowheadPoint; cost: number; reasons: Uint8Array[] }> {
    const { solver, guesses } = this.#o
    let cost = 0
    const reasons: Uint8Array[] = []
    const points: Float64Array[][] = []
    for (const [f, batch] of solver.batches.entries()) {
      const columns = local[f].map((c) => c.slice())
      const reason = new Uint8Array(batch.groups.length).fill(NOT_FINITE)
      const costs = new Float64Array(batch.groups.length)
      const groups: number[] = []
      const x = columns.map((): number[] => [])
      const add = (at: number, from: readonly ArrayLike<number>[], k: number) => {
        if (!columns.every((_, i) => Number.isFinite(from[i][k]))) return
        groups.push(at)
        for (const [i, list] of x.entries()) list.push(from[i][k])
      }
      const step = Math.max(1, batch.active / MAX_POOL)
      for (const at of all[f]) {
        add(at, local[f], at)
        add(at, guesses[f], at)
        add(at, singles[f], at)
        for (let k = 0; k < batch.active; k += step) add(at, local[f], Math.floor(k))
        const steps = this.#steps(f, at)
        for (let k = 0; k < steps[0].length; k++) add(at, steps, k)
      }
      const fits = { groups: Uint32Array.from(groups), x: x.map((list) => Float64Array.from(list)) }
      const short = yield* this.#locals[f].minimize(fits, shared, SHORT)
      // The best of each group
      const kept: number[] = []
      for (let from = 0; from < groups.length; ) {
        let end = from
        while (end < groups.length && groups[end] === groups[from]) end++
        const order = Array.from({ length: end - from }, (_, k) => from + k)
          .filter((k) => Number.isFinite(short.cost[k]))
          .sort((a, b) => short.cost[a] - short.cost[b] || a - b)
        const few: number[] = []
        for (const k of order) {
          if (few.length === KEPT) break
          if (few.some((j) => Math.abs(short.cost[k] - short.cost[j]) <= 1e-6 * short.cost[j])) continue
          few.push(k)
        }
        kept.push(...few)
        from = end
      }
      const again = {
        groups: Uint32Array.from(kept, (k) => groups[k]),
        x: short.x.map((column) => Float64Array.from(kept, (k) => column[k])),
      }
      const solved = yield* this.#locals[f].minimize(again, shared, 200)
      costs.fill(Infinity)
      for (const [k, at] of again.groups.entries()) {
        if (!(solved.cost[k] < costs[at])) continue
        costs[at] = solved.cost[k]
        reason[at] = solved.reason[k]
        for (const [i, column] of columns.entries()) column[at] = solved.x[i][k]
      }
      for (const at of all[f]) cost += costs[at]
      reasons.push(reason)
      points.push(columns)
    }
    return { point: { shared, local: points }, cost, reasons }
  }

  readonly #made = new Map<string, number[][]>()
  #steps(f: number, at: number): number[][] {
    const { solver, parsed } = this.#o
    const batch = solver.batches[f]
    const { guess, x: name, extraColumns } = parsed[f]
    const none = batch.free.slice(0, batch.local).map((): number[] => [])
    if (guess === undefined || extraColumns.length > 0) return none
    const x = selectGroupRows(batch.outputs[0], name, batch.groups[at])
    const key = `${f}:${x.join()}`
    const known = this.#made.get(key)
    if (known) return known
    const y = selectGroupRows(batch.outputs[0], batch.problem.y, batch.groups[at])
    const [low, high] = [Math.min(...y), Math.max(...y)]
    const sorted = [...new Set(x)].sort((a, b) => a - b)
    const add = (yy: Float64Array) => {
      const made = runToEnd(guess(x, yy))
      for (const [i, list] of none.entries()) {
        const p = batch.free[i]
        list.push(p.isLogarithmic ? log(Math.abs(made[p.name]) || 1) : made[p.name])
      }
    }
    for (let j = 1; j < sorted.length; j++) {
      add(x.map((v) => (v >= sorted[j] ? high : low)))
      add(x.map((v) => (v >= sorted[j] ? low : high)))
    }
    for (let j = 0; j < sorted.length; j++) {
      add(x.map((v) => (v > sorted[j] ? high : v === sorted[j] ? (low + high) / 2 : low)))
      add(x.map((v) => (v > sorted[j] ? low : v === sorted[j] ? (low + high) / 2 : high)))
    }
    this.#made.set(key, none)
    return none
  }

  release(): void {
    for (const l of this.#locals) l.release()
  }
}

function median(numbers: readonly number[]): number {
  const sorted = Float64Array.from(numbers).sort()
  return sorted[(sorted.length - 1) >> 1]
}
