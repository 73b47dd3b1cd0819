import { isObject } from '../core/untrusted-input.js'
import type { EngineName } from '../engines/engine.js'
import type { Constraint } from '../minimize/constraints.js'
import { stoppingOptions } from '../minimize/minimize.js'
import type { Bounds, PerRunLimit } from '../objectives/bounds.js'
import {
  callback,
  dtype,
  integerAtLeast,
  type Option,
  option,
  optional,
  passThrough,
  type ValuesOf,
} from '../options/kinds.js'
import { nestedOptions } from '../options/read.js'
import type { PerRunData } from './batch/data.js'
import { WorkerPlacement } from './engines/engines.js'

export interface MinimizeManyOptions<D = PerRunData> {
  /**
   * Data columns by name. The objective is the sum of the expression over the rows of the data. All names in the
   * expression that are not data columns are parameters. To give each run separate data, of any length, pass one array
   * per run for a column.
   */
  readonly data?: D
  /** Options of the rule or method that differ between runs. Each option is an array with one number per run. */
  readonly perRun?: Readonly<Record<string, ArrayLike<number>>>
  /**
   * Bounds by name or in the order of the parameters, as for `minimize`. Each limit is a number, or an array with one
   * number per run.
   */
  readonly bounds?: Bounds<PerRunLimit>
  /** Convergence tolerance as for `minimize`; default 1e-9. */
  readonly tolerance?: number
  /** Maximum number of updates per run, as for `minimize`; default 10,000. */
  readonly maxIterations?: number
  /**
   * Number of updates between two recorded points of each run. The result's `paths` contain the starting point of each
   * run, and the point after every `recordEvery` updates. All recorded points together may contain up to 2²⁷ numbers,
   * even if every run takes `maxIterations` updates. Sorting the recorded points temporarily doubles the memory of
   * these points.
   */
  readonly recordEvery?: number
  /** Dtype of the computation. The default is the dtype of the starts, or float64 for plain numbers. */
  readonly dtype?: 'float32' | 'float64'
  /** Clips each element of the gradients to a range, before the rule reads the gradients. */
  readonly clip?: { readonly value?: number }
  /** Forces an engine. The default is the first available engine of native, WebAssembly and TypeScript. */
  readonly engine?: EngineName
  /** Forces an instruction set of the native engine. */
  readonly instructionSet?: string
  /**
   * Count of threads of the native engine, or count of workers. The default is the count of cores. The results do not
   * depend on the count of threads or workers.
   */
  readonly threads?: number
  /** Runs the WebAssembly engine on workers in browsers. The value is the result of `workers()`. */
  readonly workers?: WorkerPlacement
  /** AbortSignal for the call. If the signal aborts, the promise is rejected with the signal's reason. */
  readonly signal?: AbortSignal
  /**
   * Progress callback. The arguments are the count of completed runs and the count of all runs. The callback is called
   * at least four times per second, and at the end.
   */
  readonly onProgress?: (done: number, total: number) => void
}

/** Options of many runs of a method that supports constraints, such as `sqp()`. */
export interface ConstrainedManyOptions<D = PerRunData>
  extends Omit<
    MinimizeManyOptions<D>,
    'perRun' | 'recordEvery' | 'clip' | 'engine' | 'instructionSet' | 'threads' | 'workers'
  > {
  /** Constraints on the parameters, as for `minimize`; none by default. */
  readonly constraints?: readonly Constraint[]
}

const isSignal = (x: unknown) => isObject(x) && typeof (x as AbortSignal).throwIfAborted === 'function'

/** Options shared by all functions that perform many runs. */
export const callOptions = {
  engine: passThrough<EngineName>(),
  instructionSet: passThrough<string>(),
  threads: passThrough<number>(),
  workers: optional(
    option<WorkerPlacement, undefined>('workers()', undefined, (x) => x instanceof WorkerPlacement),
  ),
  signal: optional(option<AbortSignal, undefined>('an AbortSignal', undefined, isSignal)),
  onProgress: optional(callback<(done: number, total: number) => void>()),
}

const limit = option<number, number>('a number > 0', Infinity, (x) => typeof x === 'number' && x > 0)

export const optionTable = {
  data: passThrough<PerRunData>(),
  perRun: passThrough<Readonly<Record<string, ArrayLike<number>>>>(),
  bounds: passThrough(),
  constraints: passThrough(),
  ...stoppingOptions,
  recordEvery: optional(integerAtLeast(1)),
  dtype: dtype(),
  clip: nestedOptions({ value: limit }, undefined, {}),
  ...callOptions,
} satisfies Record<keyof MinimizeManyOptions | 'constraints', Option>

/** The validated options of a call that performs many runs. */
export type ManyValues = ValuesOf<typeof optionTable>
