import { isObject } from '../core/untrusted-input.js'
import type { EngineName } from '../engines/engine.js'
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
   * Columns of data, whose rows are summed; the expression's other names are parameters. A list of columns, one for
   * each run, gives each run its own, also of its own length.
   */
  readonly data?: D
  /** Options of the rule that differ by run: a number for each. */
  readonly perRun?: Readonly<Record<string, ArrayLike<number>>>
  /** As for `minimize`, by name or in the order of parameters; numbers, or lists with one for each run. */
  readonly bounds?: Bounds<PerRunLimit>
  /** As for `minimize`; 1e-9. */
  readonly tolerance?: number
  /** As for `minimize`; 10,000. */
  readonly maxIterations?: number
  /**
   * Keeps the start of each run, and its point after each so many updates, in the result's `paths`. They may come to
   * 2²⁷ numbers in all, at `maxIterations`; while they are put in order there are two of each.
   */
  readonly recordEvery?: number
  /** In which everything is computed; that of the starts, and float64 for plain numbers. */
  readonly dtype?: 'float32' | 'float64'
  /** Clips each element of gradients. */
  readonly clip?: { readonly value?: number }
  /** Forces an engine: by default the first of native, WebAssembly and TypeScript that there is. */
  readonly engine?: EngineName
  /** Forces an instruction set of the native engine. */
  readonly instructionSet?: string
  /** On how many threads the native engine runs, or how many workers; by default on all cores. No bit depends on it. */
  readonly threads?: number
  /** Has the WebAssembly engine run on workers, in browsers: what `workers()` gives. */
  readonly workers?: WorkerPlacement
  /** Ends the call: the promise is rejected with the signal's reason. */
  readonly signal?: AbortSignal
  /** Called with how many runs have ended, of how many: at least four times a second, and at the end. */
  readonly onProgress?: (done: number, total: number) => void
}

const isSignal = (x: unknown) => isObject(x) && typeof (x as AbortSignal).throwIfAborted === 'function'

/** What all calls of many runs have. */
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
  ...stoppingOptions,
  recordEvery: optional(integerAtLeast(1)),
  dtype: dtype(),
  clip: nestedOptions({ value: limit }, undefined, {}),
  ...callOptions,
} satisfies Record<keyof MinimizeManyOptions, Option>

/** The options as they were read. */
export type ManyValues = ValuesOf<typeof optionTable>
