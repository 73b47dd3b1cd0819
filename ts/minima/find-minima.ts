import { nextTurn } from '../core/event-loop.js'
import { runToEnd, type Slices } from '../core/slices.js'
import { createRecord } from '../core/untrusted-input.js'
import type { NamedObjective } from '../minimize/minimize.js'
import { minimizeReasons } from '../minimize/reasons.js'
import { readObjective } from '../objectives/arguments.js'
import { isHeld } from '../objectives/bounds.js'
import { type TwiceDifferentiable, valueAndGradient } from '../objectives/objective.js'
import type { ValuesOf } from '../options/kinds.js'
import { readOptions } from '../options/read.js'
import { type Cluster, clustersOf } from './clusters.js'
import { conditionOf, hessianAt } from './curvature.js'
import { type FlatPoint, groupsOf } from './flat.js'
import { type FindMinimaOptions, methodOf, optionTable, readStarts, type Start } from './options.js'
import { type Runs, runAll } from './runs.js'
import { type Unseen, unseen } from './unseen.js'

/** A local minimum. */
export interface Minimum<Names extends string = string> {
  /** The point of the lowest value of all runs that ended at the minimum. */
  readonly x: Float64Array
  /** The point by name, if the objective has `parameters`, as an expression has; otherwise undefined. */
  readonly values: Readonly<Record<Names, number>> | undefined
  /** Value of the objective at x. */
  readonly value: number
  /**
   * Condition number of the Hessian of the parameters that no bound holds: the greatest eigenvalue divided by the least.
   * 1 if all parameters are held, Infinity if the least eigenvalue is not distinct from 0, and NaN if a second derivative
   * is not finite.
   */
  readonly conditionNumber: number
  /** Fraction of all starts whose runs ended at the minimum. */
  readonly fraction: number
  /** Indices in `x` of the parameters that are at a bound, in ascending order. */
  readonly atBound: readonly number[]
}

/** Counts of runs by their end. */
export interface MinimaOutcomes {
  /** Runs that converged to a minimum. */
  readonly minimum: number
  /** Runs that converged to a point with negative curvature. */
  readonly saddle: number
  readonly stalled: number
  readonly maxIterations: number
  readonly diverged: number
}

/** Result of a search for minima. */
export interface FindMinimaResult<Names extends string = string> {
  /** All distinct minima that were found, lowest value first. */
  readonly minima: readonly Minimum<Names>[]
  /** Estimate of what was not found. */
  readonly unseen: Unseen
  /** Counts of runs by their end. */
  readonly outcomes: MinimaOutcomes
  /** Counts of evaluations of all runs, without those for second derivatives. */
  readonly evaluations: { readonly values: number; readonly gradients: number }
}

/** A turn of the event loop ends after this time. */
const TURN_MS = 10
/** Interval of progress reports. */
const PROGRESS_INTERVAL_MS = 200

/**
 * Finds the local minima of a function: runs a local method from many starts, and groups the points where the runs end.
 * Only points at which a run has converged, without negative curvature of the parameters that no bound holds, count as
 * minima. The second derivatives are exact for an `expression`, and for an objective with `hessian`; otherwise they are
 * differences. End points in a flat region count as one minimum if the function is level on the straight line between
 * them.
 *
 * The estimate `unseen` says how many minima may be missing. It cannot see minima whose basins are far smaller than
 * those found. A function with very many minima, such as Rastrigin's in ten dimensions, has more of them than any count
 * of starts, and the lowest one is then not found.
 *
 * Runs are performed one after the other. The event loop gets a turn every 10 ms, unless one call of the objective
 * takes longer. Results are bit-identical on every machine if those of the objective are.
 *
 * @param objective an expression, an object `{ value, gradient, hessian }`, or a function of x alone
 * @throws (rejects with) OptionError like `minimize`, before the first run; the signal's reason; errors of the objective
 * @example
 * const f = expression('sin(3*x) + (x - 1)^2 + y^2')
 * const { minima, unseen } = await findMinima(f, { bounds: { x: [-5, 5], y: [-1, 1] } })
 * minima[0].values // the lowest minimum
 * unseen.atMost // with a probability of 95%, at most this many minima are missing
 */
export async function findMinima<Names extends string>(
  objective: NamedObjective<Names>,
  options?: FindMinimaOptions,
): Promise<FindMinimaResult<Names>>
export async function findMinima(
  objective: TwiceDifferentiable | ((x: ArrayLike<number>) => number),
  options?: FindMinimaOptions,
): Promise<FindMinimaResult>
export async function findMinima(
  objective: TwiceDifferentiable | ((x: ArrayLike<number>) => number),
  options: FindMinimaOptions = {},
): Promise<FindMinimaResult> {
  const search = new MinimaSearch(objective, options)
  const { signal, onProgress } = search.options
  signal?.throwIfAborted()
  const work = search.find()
  let told = performance.now()
  for (;;) {
    const begin = performance.now()
    do {
      const { done, value } = work.next()
      if (!done) continue
      onProgress?.(search.total, search.total)
      return value
    } while (performance.now() - begin < TURN_MS)
    await nextTurn()
    signal?.throwIfAborted()
    if (performance.now() - told < PROGRESS_INTERVAL_MS) continue
    onProgress?.(search.done, search.total)
    told = performance.now()
  }
}

/** Synchronous version of `findMinima`, without `signal` and `onProgress`. */
export function findMinimaSync<Names extends string>(
  objective: NamedObjective<Names>,
  options?: FindMinimaOptions,
): FindMinimaResult<Names>
export function findMinimaSync(
  objective: TwiceDifferentiable | ((x: ArrayLike<number>) => number),
  options?: FindMinimaOptions,
): FindMinimaResult
export function findMinimaSync(
  objective: TwiceDifferentiable | ((x: ArrayLike<number>) => number),
  options: FindMinimaOptions = {},
): FindMinimaResult {
  return runToEnd(new MinimaSearch(objective, options).find())
}

/** A minimum, and the count of the runs that ended there. */
interface CheckedCluster extends FlatPoint {
  readonly count: number
  readonly conditionNumber: number
}

/** Values that differ by at most this fraction of the decrease in a run are equal in a flat region. */
const SLACK = 1e-9

class MinimaSearch {
  readonly options: ValuesOf<typeof optionTable>
  /** Count of finished runs, and of all runs. */
  done = 0
  readonly total: number
  readonly #objective: ReturnType<typeof readObjective>
  readonly #start: Start

  constructor(
    objective: TwiceDifferentiable | ((x: ArrayLike<number>) => number),
    options: FindMinimaOptions,
  ) {
    this.options = readOptions('options', options, optionTable)
    this.#objective = readObjective(objective)
    this.#start = readStarts(this.options, this.#objective.names)
    this.total = this.#start.columns[0].length
  }

  /** Runs the method from all starts, groups the ends, and checks each group. */
  *find(): Slices<FindMinimaResult> {
    const runs = yield* this.#runAll()
    const { reason } = runs
    const countOf = (name: (typeof minimizeReasons)[number]) => {
      const index = minimizeReasons.indexOf(name)
      return reason.reduce((sum, r) => sum + (r === index ? 1 : 0), 0)
    }
    const converged = minimizeReasons.indexOf('converged')
    const ends = [...reason.keys()].filter((run) => reason[run] === converged)
    const clusters = yield* clustersOf(ends, { ...runs, radius: this.#radius() })
    const checked: CheckedCluster[] = []
    for (const cluster of clusters) {
      const minimum = yield* this.#check(cluster, runs)
      if (minimum !== null) checked.push(minimum)
      yield
    }
    const minima = yield* this.#joinFlat(checked)
    const minimum = checked.reduce((sum, { count }) => sum + count, 0)
    const saddle = ends.length - minimum
    const stalled = countOf('stalled')
    const outcomes = { minimum, saddle, stalled, maxIterations: countOf('max-iterations') }
    return {
      minima,
      unseen: unseen(minima.length, minimum),
      outcomes: { ...outcomes, diverged: countOf('diverged') },
      evaluations: runs.evaluations,
    }
  }

  #runAll(): Slices<Runs> {
    const { value, gradient, both, names } = this.#objective
    // Properties of a prototype, as of an expression, may be replaced by one call for the value and the gradient.
    const objective = Object.create({ value, gradient, parameters: names, [valueAndGradient]: both })
    const { method, tolerance, maxIterations } = this.options
    const { box, columns } = this.#start
    const bounds = box === null ? undefined : columns.map((_, i) => [box.min[i], box.max[i]] as const)
    const search = {
      objective: objective as NamedObjective<string>,
      rule: methodOf(method),
      options: bounds === undefined ? { tolerance, maxIterations } : { tolerance, maxIterations, bounds },
    }
    return runAll(search, columns, (done) => {
      this.done = done
    })
  }

  /** The distance along each parameter within which two points are the same. */
  #radius(): number[] {
    const { distance } = this.options
    const { box, columns } = this.#start
    return columns.map((column, i) => {
      const width = box === null ? Infinity : box.max[i] - box.min[i]
      const range =
        width < Infinity
          ? width
          : column.reduce((a, b) => Math.max(a, b)) - column.reduce((a, b) => Math.min(a, b))
      return distance * (range > 0 && range < Infinity ? range : 1)
    })
  }

  /** Checks the curvature at the lowest point of a cluster; null if it is negative along some direction. */
  *#check({ run, count }: Cluster, runs: Runs): Slices<CheckedCluster | null> {
    const x = Float64Array.from(runs.x, (column) => column[run])
    const start = Float64Array.from(this.#start.columns, (column) => column[run])
    const { box } = this.#start
    const found = hessianAt(this.#objective, x, start, box)
    const isFree = (i: number) =>
      box === null || (box.min[i] < box.max[i] && !isHeld(x[i], found.gradient[i], i, box))
    const free = [...x.keys()].filter(isFree)
    const block = free.map((i) => Float64Array.from(free, (j) => found.hessian[i][j]))
    const conditionNumber = yield* conditionOf(block, found.accuracy)
    if (conditionNumber < 0) return null
    const slack = SLACK * (found.drop > 0 && found.drop < Infinity ? found.drop : 0)
    return { x, value: runs.value[run], count, conditionNumber, slack }
  }

  /** Joins minima in a flat region, and describes all minima. */
  *#joinFlat(checked: readonly CheckedCluster[]): Slices<Minimum[]> {
    const flat = checked.filter(({ conditionNumber }) => conditionNumber === Infinity)
    const groups = yield* groupsOf(flat, this.#radius(), (x) => this.#objective.value(x))
    const counts = new Map(checked.map((cluster) => [cluster, cluster.count]))
    for (const [i, group] of groups.entries()) {
      if (group === i) continue
      counts.set(flat[group], (counts.get(flat[group]) as number) + flat[i].count)
      counts.delete(flat[i])
    }
    return [...counts].map(([cluster, count]) => this.#describe(cluster, count))
  }

  #describe({ x, value, conditionNumber }: CheckedCluster, count: number): Minimum {
    const { names } = this.#objective
    const { box } = this.#start
    return {
      x,
      values: names === null ? undefined : createRecord(names, (_, i) => x[i]),
      value,
      conditionNumber,
      fraction: count / this.total,
      atBound: box === null ? [] : [...x.keys()].filter((i) => x[i] <= box.min[i] || x[i] >= box.max[i]),
    }
  }
}
