import { OptionError } from '../core/errors.js'
import { nextTurn } from '../core/event-loop.js'
import { runToEnd, type Slices } from '../core/slices.js'
import { createRecord, omitUndefined } from '../core/untrusted-input.js'
import { type Data, Expression } from '../expressions/expression.js'
import type { NamesBeside } from '../expressions/literal-names.js'
import { minimizeMany, minimizeManySync } from '../many/minimize-many.js'
import type { MinimizeManyOptions } from '../many/options.js'
import type { MinimizeManyResult } from '../many/result.js'
import type { Method } from '../minimize/method.js'
import type { NamedObjective } from '../minimize/minimize.js'
import { minimizeReasons } from '../minimize/reasons.js'
import { readObjective } from '../objectives/arguments.js'
import { isHeld } from '../objectives/bounds.js'
import { type TwiceDifferentiable, valueAndGradient } from '../objectives/objective.js'
import type { ValuesOf } from '../options/kinds.js'
import { readOptions } from '../options/read.js'
import type { CustomRule, Rule } from '../rules/definitions.js'
import { type Cluster, clustersOf } from './clusters.js'
import { conditionOf, hessianAt } from './curvature.js'
import { type FlatPoint, groupsOf } from './flat.js'
import { type FindMinimaOptions, optionTable, readStarts, type Start } from './options.js'
import { type Runs, readMethod, runInTurn } from './runs.js'
import { type Unseen, unseen } from './unseen.js'

/** A point by name. */
type NamedValues<Names extends string = string> = Readonly<Record<Names, number>>

/** A local minimum. */
export interface Minimum<Values = NamedValues | undefined> {
  /** The point of the lowest value of all runs that ended at the minimum. */
  readonly x: Float64Array
  /** The point by name, if the objective has `parameters`, as an expression has; otherwise undefined. */
  readonly values: Values
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
export interface FindMinimaResult<Values = NamedValues | undefined> {
  /** All distinct minima that were found, lowest value first. */
  readonly minima: readonly Minimum<Values>[]
  /** Estimate of what was not found. */
  readonly unseen: Unseen
  /** Counts of runs by their end. */
  readonly outcomes: MinimaOutcomes
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
 * The runs of an `expression` are performed by `minimizeMany`, if the method runs in SIMD lanes, with the same bits on
 * every engine. All other runs are performed one after the other in TypeScript. Once the starts are placed, the event
 * loop is blocked for at most 50 ms at a time, unless one call of the objective takes longer.
 *
 * @param objective an expression, an object `{ value, gradient, hessian }`, or a function of x alone
 * @throws (rejects with) OptionError like `minimize`, before the first run; the signal's reason; errors of the objective
 * @example
 * const f = expression('sin(3*x) + (x - 1)^2 + y^2')
 * const { minima, unseen } = await findMinima(f, { bounds: { x: [-5, 5], y: [-1, 1] } })
 * minima[0].values // the lowest minimum
 * unseen.atMost // with a probability of 95%, at most this many minima are missing
 */
export async function findMinima<Names extends string, D extends Data = Record<never, never>>(
  objective: NamedObjective<Names>,
  options?: FindMinimaOptions<D>,
): Promise<FindMinimaResult<NamedValues<NamesBeside<Names, D>>>>
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
  const { lanes } = search
  const runs =
    lanes === null
      ? await inTurns(search.runInTurn(), search)
      : search.fromLanes(
          await minimizeMany(lanes.objective, lanes.starts, lanes.rule, {
            ...lanes.options,
            ...(signal && { signal }),
            ...(onProgress && { onProgress }),
          }),
        )
  const found = await inTurns(search.examine(runs), search)
  if (lanes === null) onProgress?.(search.total, search.total)
  return found
}

/** Does the work without blocking the event loop, and reports progress. */
async function inTurns<T>(work: Slices<T>, search: MinimaSearch): Promise<T> {
  const { signal, onProgress } = search.options
  let told = performance.now()
  for (;;) {
    const begin = performance.now()
    do {
      const { done, value } = work.next()
      if (done) return value
    } while (performance.now() - begin < TURN_MS)
    await nextTurn()
    signal?.throwIfAborted()
    if (performance.now() - told < PROGRESS_INTERVAL_MS) continue
    onProgress?.(search.done, search.total)
    told = performance.now()
  }
}

/** Synchronous version of `findMinima`, without `signal` and `onProgress`. */
export function findMinimaSync<Names extends string, D extends Data = Record<never, never>>(
  objective: NamedObjective<Names>,
  options?: FindMinimaOptions<D>,
): FindMinimaResult<NamedValues<NamesBeside<Names, D>>>
export function findMinimaSync(
  objective: TwiceDifferentiable | ((x: ArrayLike<number>) => number),
  options?: FindMinimaOptions,
): FindMinimaResult
export function findMinimaSync(
  objective: TwiceDifferentiable | ((x: ArrayLike<number>) => number),
  options: FindMinimaOptions = {},
): FindMinimaResult {
  const search = new MinimaSearch(objective, options)
  const { lanes } = search
  const runs =
    lanes === null
      ? runToEnd(search.runInTurn())
      : search.fromLanes(minimizeManySync(lanes.objective, lanes.starts, lanes.rule, lanes.options))
  return runToEnd(search.examine(runs))
}

interface ManyArguments {
  readonly objective: Expression
  readonly starts: Readonly<Record<string, Float64Array>>
  readonly rule: Rule | CustomRule | Method
  readonly options: MinimizeManyOptions<Data>
}

/** The sum of the expression over the rows of the data. */
function bindData(objective: unknown, data: Data): TwiceDifferentiable {
  if (objective instanceof Expression) return objective.with(data)
  throw new OptionError('data', 'no value, because the objective is not an expression', data)
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
  /** Arguments for `minimizeMany`; null if the runs are performed one after the other. */
  readonly lanes: ManyArguments | null
  readonly #objective: ReturnType<typeof readObjective>
  readonly #start: Start
  readonly #bounds: readonly (readonly [number, number])[] | undefined
  readonly #rule: ReturnType<typeof readMethod>['rule']

  constructor(
    objective: TwiceDifferentiable | ((x: ArrayLike<number>) => number),
    options: FindMinimaOptions,
  ) {
    this.options = readOptions('options', options, optionTable)
    const { data, tolerance, maxIterations, engine, instructionSet, threads, workers } = this.options
    const whole = data === undefined ? objective : bindData(objective, data)
    this.#objective = readObjective(whole)
    const { rule, isInLanes } = readMethod(objective, this.options.method, {
      engine,
      instructionSet,
      threads,
      workers,
    })
    this.#rule = rule
    this.#start = readStarts(this.options, this.#objective.names)
    const { box, columns } = this.#start
    this.total = columns[0].length
    this.#bounds = box === null ? undefined : columns.map((_, i) => [box.min[i], box.max[i]] as const)
    const { names } = this.#objective
    this.lanes = isInLanes
      ? {
          objective: objective as unknown as Expression,
          starts: createRecord(names ?? [], (_, p) => columns[p]),
          rule,
          options: omitUndefined({
            data,
            bounds: this.#bounds,
            tolerance,
            maxIterations,
            engine,
            instructionSet,
            threads,
            workers,
          }),
        }
      : null
  }

  /** Runs the method from each start, one after the other. */
  runInTurn(): Slices<Runs> {
    const { value, gradient, both, names } = this.#objective
    // Properties of a prototype, as of an expression, may be replaced by one call for the value and the gradient.
    const objective = Object.create({ value, gradient, parameters: names, [valueAndGradient]: both })
    const { tolerance, maxIterations } = this.options
    const options = omitUndefined({ tolerance, maxIterations, bounds: this.#bounds })
    const search = { objective: objective as NamedObjective<string>, rule: this.#rule, options }
    return runInTurn(search, this.#start.columns, (done) => {
      this.done = done
    })
  }

  fromLanes({ x, value, reason }: MinimizeManyResult): Runs {
    const names = this.#objective.names ?? []
    this.done = this.total
    return { x: names.map((name) => x[name] as Float64Array), value, reason }
  }

  /** Groups the ends of the runs, and checks each group. */
  *examine(runs: Runs): Slices<FindMinimaResult> {
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
    return {
      minima,
      unseen: unseen(minima.length, minimum),
      outcomes: {
        minimum,
        saddle: ends.length - minimum,
        stalled: countOf('stalled'),
        maxIterations: countOf('max-iterations'),
        diverged: countOf('diverged'),
      },
    }
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
    const minima: Minimum[] = []
    for (const [cluster, count] of counts) {
      minima.push(this.#describe(cluster, count))
      yield
    }
    return minima
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
