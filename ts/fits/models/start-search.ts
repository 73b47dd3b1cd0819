/**
 * Further starting points of the built-in models. A fit is repeated if it has not converged, if its curve is
 * implausible, or if its loss is robust. All repeated fits run in lanes next to each other.
 */

import { sortInSlices } from '../../core/slices.js'
import { joinTexts } from '../../core/text.js'
import { numbersInRun, pickRuns } from '../../many/batch/data.js'
import type { EngineCall } from '../../many/engines/execute.js'
import { isRobust } from '../problem/loss.js'
import { toInternalStart } from '../problem/multi-start.js'
import { CONVERGED } from '../problem/reasons.js'
import type {
  FinishedRun,
  Guess,
  GuessArguments,
  Remark,
  SearchableRun,
  SolvedRuns,
  StartList,
  StartSearch,
} from './model.js'

/** Maximum number of runs per batch, and maximum number of rows of all runs of a batch together. */
const MAX_RUNS = 2048
const MAX_ROWS = 1 << 19
/** A solution replaces another one only if χ² is lower by more than this fraction, which exceeds rounding errors. */
const MIN_GAIN = 1e-9
/** Two values of χ² that differ by at most this factor may belong to the same minimum. */
const EQUALITY_RATIO = 1 + 1e-6
/** A run that ended early continues if its χ² exceeds the best χ² by at most this factor. */
const PROMISING_RATIO = 1.02

/** Maximum number of evaluations from a further starting point. */
const QUICK_ITERATIONS = 100

/** Maximum number of times that a fit without convergence starts again close to its solution. */
const REFINEMENTS = 3

/** Parts of a search that differ between models. */
export interface SearchOptions extends Omit<StartSearch, 'hasDoubtful' | 'improve'> {
  /**
   * Starting points close to a solution that has not converged, if the model can follow the valley in which the
   * solution lies.
   *
   * @param round number of earlier refinements; each refinement is closer to the solution
   */
  readonly refine?: (
    values: Readonly<Record<string, number>>,
    round: number,
    ...data: GuessArguments
  ) => StartList
}

/** Creates the search of a model. */
export function startSearch(parts: SearchOptions): StartSearch {
  const { starts, refine, isImplausible } = parts
  const doubt = (run: FinishedRun) => {
    const { solved, x, options } = run
    const isOdd = isImplausible?.(run)
    return (fit: number) =>
      isRobust(options.loss) ||
      solved.reason[fit] !== CONVERGED ||
      isOdd?.(fit, numbersInRun(x, fit)) === true
  }
  const own: Pick<StartSearch, 'hasDoubtful' | 'improve'> = {
    hasDoubtful: (run, fits) => fits.some(doubt(run)),
    *improve(run, fits) {
      const { solved } = run
      const doubtful = fits.filter(doubt(run))
      const names = run.open.filter(({ isFixed }) => !isFixed).map(({ name }) => name)
      if (names.length === 0) return
      const pool = new RunPool(names)
      for (const fit of doubtful) {
        const data = run.dataOf(fit)
        const list = yield* starts(...data)
        pool.add(fit, list)
        if (pool.size >= Math.min(MAX_RUNS, MAX_ROWS / data[0].length)) yield* repeat(run, pool, true)
        else yield
      }
      yield* repeat(run, pool, true)
      for (let round = 0; refine !== undefined && round < REFINEMENTS; round++) {
        for (const fit of doubtful.filter((fit) => solved.reason[fit] !== CONVERGED)) {
          const values = Object.fromEntries(run.free.map(({ name }, i) => [name, solved.free[i][fit]]))
          pool.add(fit, refine(values, round, ...run.dataOf(fit)))
        }
        yield* repeat(run, pool, false)
      }
    },
  }
  return Object.assign(parts, own)
}

/** Remark on the limit curve of a fit that has not converged, and on the number of starting points. */
export function searchRemark(describe: StartSearch['describe']): Remark {
  return (context, ...data) => {
    const { solved, fit } = context
    if (solved === undefined) return ''
    const isOpen = solved.reason[fit] !== CONVERGED
    const limit = isOpen ? describe(context, ...data) : ''
    const starts = solved.starts[fit]
    // The starting points of the option `multiStart` are listed in `minima`.
    const hasSearched = starts > 1 && solved.minima[fit] === undefined
    const isNews = hasSearched && (isOpen || solved.isImproved?.[fit] === 1)
    return joinTexts(limit && `the curve approaches ${limit}`, isNews ? `best of ${starts} starts` : '')
  }
}

/** The runs of one batch. */
class RunPool {
  #names: readonly string[]
  #fits: number[] = []
  #columns: number[][]

  constructor(names: readonly string[]) {
    this.#names = names
    this.#columns = names.map(() => [])
  }

  get size(): number {
    return this.#fits.length
  }

  add(fit: number, starts: StartList): void {
    for (const start of starts) {
      this.#fits.push(fit)
      for (const [i, name] of this.#names.entries()) this.#columns[i].push(start[name])
    }
  }

  /** Removes all runs. */
  take() {
    const runs = Uint32Array.from(this.#fits)
    const starts = new Map(this.#names.map((name, i) => [name, Float64Array.from(this.#columns[i])]))
    this.#fits = []
    this.#columns = this.#names.map(() => [])
    return { runs, starts }
  }
}

/**
 * Solves the runs of the pool, and replaces the solutions of fits by better runs.
 *
 * @param continues whether promising runs that have not converged continue
 */
function* repeat(run: SearchableRun, pool: RunPool, continues: boolean): Generator<EngineCall, void> {
  const { runs, starts } = pool.take()
  if (runs.length === 0) return
  const { solved, free, options } = run
  const { maxIterations = 1000 } = options
  const pick = (values: ReadonlyMap<string, Float64Array>, fits: Uint32Array) => (name: string) => {
    const own = values.get(name) ?? pickRuns(run.starts.get(name) as Float64Array, fits)
    const parameter = free.find((one) => one.name === name)
    return parameter === undefined ? own : own.map((x) => toInternalStart(parameter, x))
  }
  const limits = [Math.min(maxIterations, QUICK_ITERATIONS), false] as const
  const ends = yield* run.solve(runs, pick(starts, runs), limits)
  // The best converged run and the best other run of each fit.
  const best = [new Map<number, number>(), new Map<number, number>()]
  for (const [at, fit] of runs.entries()) {
    solved.starts[fit]++
    if (!(ends.cost[at] < Infinity)) continue
    const some = best[ends.reason[at] === CONVERGED ? 0 : 1]
    const known = some.get(fit)
    if (known === undefined || ends.cost[at] < ends.cost[known]) some.set(fit, at)
  }
  replace(run, ends, [...best[0]])
  if (!continues) return replace(run, ends, [...best[1]])
  const isPromising = (fit: number, at: number) => !(ends.cost[at] > PROMISING_RATIO * solved.cost[fit])
  const open = [...best[1]].filter(([fit, at]) => isPromising(fit, at))
  if (open.length === 0) return
  const points = free.map(
    ({ name }, i) => [name, Float64Array.from(open, ([, at]) => ends.free[i][at])] as const,
  )
  const some = Uint32Array.from(open, ([fit]) => fit)
  const again = yield* run.solve(some, pick(new Map(points), some), [maxIterations, true])
  replace(
    run,
    again,
    open.map(([fit], k) => [fit, k] as const),
  )
}

/** Replaces the solutions of fits by the runs that are better. */
function replace(
  { solved, store }: SearchableRun,
  ends: SolvedRuns,
  pairs: readonly (readonly [fit: number, run: number])[],
): void {
  const better = pairs.filter(([fit, run]) => {
    const [cost, known] = [ends.cost[run], solved.cost[fit]]
    const isLower = cost < known - MIN_GAIN * known || (cost < Infinity && Number.isNaN(known))
    const hasConverged = ends.reason[run] === CONVERGED && solved.reason[fit] !== CONVERGED
    return isLower || (hasConverged && cost <= EQUALITY_RATIO * known)
  })
  solved.isImproved ??= new Uint8Array(solved.reason.length)
  for (const [fit] of better) solved.isImproved[fit] = 1
  const [fits, runs] = [0, 1].map((k) => Uint32Array.from(better, (pair) => pair[k]))
  store(fits, ends, runs)
}

/** Number of parts of the rows, each of which is left out of one guess. */
const PARTS = 5

/** Starting points of any model: guesses from the rows without every fifth row. */
export function leaveOut(guess: Guess): StartSearch['starts'] {
  return function* (...data) {
    const [x] = data
    const rows = Uint32Array.from({ length: x.length }, (_, row) => row)
    const order = yield* sortInSlices(rows, (a, b) => {
      for (const column of data) if (column[a] !== column[b]) return column[a] - column[b]
      return 0
    })
    const list: Readonly<Record<string, number>>[] = []
    for (let part = 0; part < PARTS && order.length > PARTS; part++) {
      const kept = order.filter((_, k) => k % PARTS !== part)
      const [xs, ys, ...others] = data.map((column) => Float64Array.from(kept, (row) => column[row]))
      list.push(yield* guess(xs, ys, ...others))
    }
    return list
  }
}
