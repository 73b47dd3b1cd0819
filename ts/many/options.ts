import type { EngineName } from '../engines/engine.js'
import { OptionError } from '../ground/errors.js'
import { ownProperties } from '../ground/given.js'
import { checkStopping } from '../minimize/minimize.js'
import type { Bounds, LimitByRun } from '../objectives/bounds.js'
import { readOptions as readOptionsOf } from '../options/read.js'
import type { DataByRun } from './data.js'

export interface MinimizeManyOptions {
  /**
   * Columns of data, whose rows are summed; the expression's other names are parameters. A list of columns, one for
   * each run, gives each run its own, also of its own length.
   */
  readonly data?: DataByRun
  /** Options of the rule that differ by run: a number for each. */
  readonly each?: Readonly<Record<string, ArrayLike<number>>>
  /** As for `minimize`, by name or in the order of parameters; numbers, or lists with one for each run. */
  readonly bounds?: Bounds<LimitByRun>
  /** As for `minimize`; 1e-9. */
  readonly tolerance?: number
  /** As for `minimize`; 10,000. */
  readonly maxIterations?: number
  /**
   * Keeps the start of each run, and its point after each so many updates, in the result's `paths`. They may come to
   * 2²⁷ numbers in all, at `maxIterations`; while they are put in order there are two of each.
   */
  readonly path?: number
  /** In which everything is computed; that of the starts, and float64 for plain numbers. */
  readonly dtype?: 'float32' | 'float64'
  /** Clips each element of gradients. */
  readonly clip?: { readonly value?: number }
  /** Forces an engine: by default the first of native, WebAssembly and TypeScript that there is. */
  readonly engine?: EngineName
  /** Forces an instruction set of the native engine. */
  readonly instructionSet?: string
  /** On how many threads the native engine runs; by default on all cores. No bit depends on it. */
  readonly threads?: number
  /** Ends the call: the promise is rejected with the signal's reason. */
  readonly signal?: AbortSignal
  /** Called now and then with how many runs have ended, of how many. */
  readonly onProgress?: (done: number, total: number) => void
}

const optionNames = [
  ...(['data', 'each', 'bounds', 'tolerance', 'maxIterations', 'path', 'dtype', 'clip'] as const),
  ...(['engine', 'instructionSet', 'threads', 'signal', 'onProgress'] as const),
] satisfies (keyof MinimizeManyOptions)[]

/** A copy of options, so that each is read once; checked are those that all calls of many runs have. */
export function copyOptions<
  Options extends Pick<MinimizeManyOptions, 'tolerance' | 'maxIterations' | 'signal' | 'onProgress'>,
>(given: Options, names: readonly string[]): Options {
  const options = readOptionsOf<Options>('options', given, names)
  checkStopping(options)
  const { signal, onProgress } = options
  if (signal !== undefined && typeof signal?.throwIfAborted !== 'function') {
    throw new OptionError('signal', 'an AbortSignal', signal)
  }
  if (onProgress !== undefined && typeof onProgress !== 'function') {
    throw new OptionError('onProgress', 'a function', onProgress)
  }
  return options
}

export function readOptions(given: MinimizeManyOptions): MinimizeManyOptions {
  const options = copyOptions(given, optionNames)
  const { dtype, clip } = options
  if (dtype !== undefined && dtype !== 'float32' && dtype !== 'float64') {
    throw new OptionError('dtype', "'float32' or 'float64'", dtype)
  }
  if (clip === undefined) return options
  const { value } = readOptionsOf<typeof clip>('clip', clip, ['value'])
  if (value !== undefined && !(typeof value === 'number' && value > 0)) {
    throw new OptionError('clip: value', 'a number > 0', value)
  }
  return ownProperties({ ...options, clip: ownProperties({ value }) })
}
