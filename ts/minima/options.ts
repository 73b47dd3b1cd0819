/** Reads the options of `findMinima`: bounds, starting points, and the local method. */

import { OptionError } from '../core/errors.js'
import { createRecord, isRecord, ownProperties, toFloat64Array } from '../core/untrusted-input.js'
import type { EngineName } from '../engines/engine.js'
import type { Data } from '../expressions/expression.js'
import type { WorkerPlacement } from '../many/engines/engines.js'
import { callOptions } from '../many/options.js'
import type { Method } from '../minimize/method.js'
import { stoppingOptions } from '../minimize/minimize.js'
import { type Bounds, type BoundsBox, readBounds } from '../objectives/bounds.js'
import { integerBetween, type Option, passThrough, positive, type ValuesOf } from '../options/kinds.js'
import { readOption } from '../options/read.js'
import { WORD_COUNT } from '../random/random.js'
import { SOBOL_DIMENSIONS } from '../random/sobol.js'
import { sobolStarts } from '../random/starts.js'
import type { CustomRule, Rule } from '../rules/definitions.js'

/** Starting points: one column per parameter by name, or one array of numbers per point. */
export type StartPoints = Readonly<Record<string, ArrayLike<number>>> | readonly ArrayLike<number>[]

/** Options of `findMinima`. */
export interface FindMinimaOptions<D = Data> {
  /**
   * Lower and upper bound of each parameter, as for `minimize`. Bounds are required and finite if `starts` is a count.
   */
  readonly bounds?: Bounds
  /**
   * Count of starting points, or the points themselves; default 1,024. A count places the points by a Sobol sequence
   * within the bounds, for at most 40 parameters; use a power of two. Columns by name are also what `uniformStarts` and
   * other functions return.
   */
  readonly starts?: number | StartPoints
  /** Seed of the Sobol sequence: an integer from 0 to 2³² − 1; default 0. */
  readonly seed?: number
  /** Local method, or update rule, that runs from each start; default `lbfgs()`. */
  readonly method?: Method | Rule | CustomRule
  /**
   * Two end points are the same minimum if they differ by at most this fraction of the bounds' width along every
   * parameter; default 1e-6. Without bounds, the range of the starts takes the place of the width.
   */
  readonly distance?: number
  /** Convergence tolerance of each run as for `minimize`; default 1e-9. */
  readonly tolerance?: number
  /** Maximum number of updates per run, as for `minimize`; default 10,000. */
  readonly maxIterations?: number
  /**
   * Data columns of an expression by name, as for `minimizeMany`: the objective is the sum of the expression over the
   * rows.
   */
  readonly data?: D
  /** Forces an engine, for an expression whose runs are performed in SIMD lanes; see `minimizeMany`. */
  readonly engine?: EngineName
  /** Forces an instruction set of the native engine, as `engine`. */
  readonly instructionSet?: string
  /** Count of threads of the native engine, or count of workers; the default is the count of cores. */
  readonly threads?: number
  /** Runs the WebAssembly engine on workers in browsers. The value is the result of `workers()`. */
  readonly workers?: WorkerPlacement
  /** AbortSignal for the call. If the signal aborts, the promise is rejected with the signal's reason. */
  readonly signal?: AbortSignal
  /**
   * Progress callback. The arguments are the count of finished runs and the count of all runs. The callback is called
   * at least four times per second between runs, and at the end.
   */
  readonly onProgress?: (done: number, total: number) => void
}

/** Count of starting points in an array of 2³⁰ numbers. */
const MAX_STARTS = 1 << 30
const count = integerBetween(1, MAX_STARTS, undefined, '2^30')

export const optionTable = {
  bounds: passThrough<Bounds>(),
  starts: passThrough<FindMinimaOptions['starts']>(),
  seed: integerBetween(0, WORD_COUNT - 1, 0),
  method: passThrough<Method | Rule | CustomRule>(),
  distance: positive(1e-6),
  data: passThrough<Data>(),
  ...stoppingOptions,
  ...callOptions,
} satisfies Record<keyof FindMinimaOptions, Option>

const DEFAULT_STARTS = 1024
/** Corners are among the starts if there are at least this many starts per corner. */
const MIN_STARTS_PER_CORNER = 32

export interface Start {
  readonly box: BoundsBox | null
  /** Starting points by column. */
  readonly columns: readonly Float64Array[]
}

/** Reads the bounds and the starting points, and returns copies. */
export function readStarts(
  { bounds, starts = DEFAULT_STARTS, seed }: ValuesOf<typeof optionTable>,
  names: readonly string[] | null,
): Start {
  const points = typeof starts === 'number' ? null : readPoints(starts, names)
  const length = names?.length ?? points?.length ?? (Array.isArray(bounds) ? bounds.length : 0)
  if (points === null) {
    readOption('starts', count, starts)
    if (length > SOBOL_DIMENSIONS)
      throw new OptionError(
        'bounds',
        `at most ${SOBOL_DIMENSIONS} parameters, or points in \`starts\``,
        length,
      )
    if (bounds === undefined || length === 0)
      throw new OptionError('bounds', 'finite bounds of all parameters, or points in `starts`', bounds)
  }
  const box = readBounds(bounds, { names, length, dtype: 'float64' })
  if (points !== null) return { box, columns: points }
  const nameOf = (i: number) => names?.[i] ?? `${i}`
  const ranges = Array.from({ length }, (_, i): [number, number] => {
    const [low, high] = [box?.min[i] ?? -Infinity, box?.max[i] ?? Infinity]
    if (Number.isFinite(high - low)) return [low, high]
    throw new OptionError(`bounds: ${nameOf(i)}`, 'finite numbers, or points in `starts`', [low, high])
  })
  // Names of parameters may be numbers, whose order in an object would differ.
  const keys = ranges.map((_, i) => `x${i}`)
  const made = sobolStarts(
    createRecord(keys, (_, i) => ranges[i]),
    starts as number,
    { seed },
  )
  const columns = keys.map((key) => made[key])
  addCorners(columns, ranges)
  return { box, columns }
}

/**
 * Replaces the last points by the corners of the box, if these are at most a few of all points. A minimum in a corner
 * may have a small basin, and a run from the corner finds it at once.
 */
function addCorners(columns: readonly Float64Array[], ranges: readonly (readonly [number, number])[]): void {
  const corners = ranges.reduce((count) => 2 * count, 1)
  const { length } = columns[0]
  if (corners * MIN_STARTS_PER_CORNER > length) return
  for (const [p, column] of columns.entries())
    for (let k = 0; k < corners; k++) column[length - corners + k] = ranges[p][(k >> p) & 1]
}

/** Copies the user's points, as columns in the order of the names. */
function readPoints(starts: unknown, names: readonly string[] | null): Float64Array[] {
  if (Array.isArray(starts) && starts.length > 0) {
    const points = Array.from(starts, (point: unknown, i) => readColumn(`starts[${i}]`, point, names?.length))
    const { length } = points[0]
    for (const [i, point] of points.entries()) readColumn(`starts[${i}]`, point, length)
    return Array.from({ length }, (_, p) => Float64Array.from(points, (point) => point[p]))
  }
  if (names === null || !isRecord(starts)) {
    const columns = names === null ? '' : `, or one array per parameter: ${names.join(', ')}`
    throw new OptionError('starts', `a count, or an array of points${columns}`, starts)
  }
  const given = ownProperties(starts)
  const stranger = Object.keys(given).find((name) => !names.includes(name))
  if (stranger !== undefined) throw new OptionError('starts', `columns for ${names.join(', ')}`, stranger)
  const columns = names.map((name) => readColumn(`starts: ${name}`, given[name], undefined))
  for (const [p, column] of columns.entries()) readColumn(`starts: ${names[p]}`, column, columns[0].length)
  return columns
}

function readColumn(argument: string, given: unknown, length: number | undefined): Float64Array {
  const numbers = toFloat64Array(given)
  if (numbers === undefined || numbers.length === 0)
    throw new OptionError(argument, 'an array of numbers', given)
  if (length === undefined || numbers.length === length) return numbers
  throw new OptionError(argument, `${length} numbers`, `${numbers.length}`)
}
