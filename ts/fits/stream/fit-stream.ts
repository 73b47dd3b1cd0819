import { AntigradError, OptionError } from '../../core/errors.js'
import { orAbort } from '../../core/event-loop.js'
import { plural } from '../../core/text.js'
import { isObject } from '../../core/untrusted-input.js'
import type { Expression } from '../../expressions/expression.js'
import { readOptions } from '../../options/read.js'
import type { FitModel } from '../models/model.js'
import type { ColumnsOf } from '../problem/data-table.js'
import type { FunctionModel, RowArgument } from '../problem/function-model.js'
import type { FitData, FitRow } from '../problem/options.js'
import type {
  FitDerivedQuantities,
  FitParameters,
  OnlyParameters,
  ParametersOf,
} from '../problem/parameters.js'
import type { GroupLabel } from '../problem/shared-parameters.js'
import { type BatchFits, BatchFitter } from './batch-fits.js'
import { type BatchLimits, BatchSource, type SourceBatch } from './batch-source.js'
import type { GroupFit } from './group-fit.js'
import { GroupReader } from './group-reader.js'
import { checkStream, type FitStreamOptions, type StreamValues, streamOptionTable } from './options.js'
import { type AbortState, type LabeledFits, ResultStream } from './result-stream.js'

/** A group of a stream: its data, and its label. The default label is the index of the group. */
export interface StreamGroup<Data = FitData> {
  readonly group?: GroupLabel
  readonly data: Data
}

/** A source of a stream, such as an array, a generator or a readable stream of objects. */
export type StreamSource<Item> = Iterable<Item> | AsyncIterable<Item>

/** A function model of rows with these columns. */
type RowModel<Start, Columns, Y> = FunctionModel<
  keyof Start & string,
  RowArgument<Columns, Y>,
  keyof Columns & string
>

/** Limits of a batch. Larger batches are not faster. */
const LIMITS: BatchLimits = { groups: 16_384, rows: 262_144 }

/**
 * Fits a model to each group of a stream, in constant memory. The groups are read in batches and fitted like the data
 * sets of `fitMany`, and the results have the same bits. The stream reads at most two batches (of 16,384 groups or
 * 262,144 rows) ahead of the consumer. If the source is slow, smaller batches are fitted as they arrive.
 *
 * @param rows an iterable or async iterable of rows, with the option `group`, or of groups, `{ group, data }`. The data
 * of a group are columns or rows, as for `fit`. The first group determines the columns. A number that a later row lacks
 * is missing. A label must not occur again among the next 4096 groups; much later repetitions are not noticed.
 * @param options the model, and the options of `fitMany`
 * @returns an async generator with one result per group, in the order of the source. Leaving the loop ends the source
 * by its method `return`.
 * @throws OptionError if an option is invalid. The generator throws an error after the results of all complete groups
 * before the error. For an invalid item, an OptionError names the group, the column and the row. If the source fails,
 * an AntigradError contains the number of groups, and the source's exception as `cause`. An abort of `signal` throws
 * the reason of the signal at once.
 * @example
 * const fits = fitStream(rows, { model: expression('a*exp(-b*t)'), group: 'well', start: { a: 1, b: 1 } })
 * for await (const { group, values, errors } of fits) console.log(group, values.b, errors.b)
 */
export function fitStream<
  Names extends string,
  Row extends FitRow,
  const Start extends FitParameters = Record<never, never>,
  Derive extends FitDerivedQuantities = Record<never, never>,
>(
  rows: StreamSource<Row>,
  options: FitStreamOptions<
    Expression<Names> | FitModel<Names>,
    Start & OnlyParameters<Names, readonly Row[], Start>,
    Derive
  > & { readonly group: keyof Row & string },
): AsyncGenerator<GroupFit<ParametersOf<Names, readonly Row[], Start, Derive>>, void, undefined>
/** Each item of the stream is a group. */
export function fitStream<
  Names extends string,
  D extends FitData,
  const Start extends FitParameters = Record<never, never>,
  Derive extends FitDerivedQuantities = Record<never, never>,
>(
  groups: StreamSource<StreamGroup<D>>,
  options: FitStreamOptions<
    Expression<Names> | FitModel<Names>,
    Start & OnlyParameters<Names, D, Start>,
    Derive
  > & { readonly group?: undefined },
): AsyncGenerator<GroupFit<ParametersOf<Names, D, Start, Derive>>, void, undefined>
/** For a model function, the parameters are the names in `start`. */
export function fitStream<
  Row extends FitRow,
  const Column extends keyof Row & string,
  const Start extends FitParameters,
  const Y extends string = 'y',
  Derive extends FitDerivedQuantities = Record<never, never>,
>(
  rows: StreamSource<Row>,
  options: FitStreamOptions<RowModel<Start, Omit<Row, Column>, Y>, Start, Derive> & {
    readonly group: Column
    readonly start: Start
    readonly y?: Y
  },
): AsyncGenerator<GroupFit<keyof (Start & Derive) & string>, void, undefined>
/** Each item of the stream is a group, and the model is a function. */
export function fitStream<
  D extends FitData,
  const Start extends FitParameters,
  const Y extends string = 'y',
  Derive extends FitDerivedQuantities = Record<never, never>,
>(
  groups: StreamSource<StreamGroup<D>>,
  options: FitStreamOptions<RowModel<Start, ColumnsOf<D>, Y>, Start, Derive> & {
    readonly group?: undefined
    readonly start: Start
    readonly y?: Y
  },
): AsyncGenerator<GroupFit<keyof (Start & Derive) & string>, void, undefined>
export function fitStream(
  rows: StreamSource<unknown>,
  options: object,
): AsyncGenerator<GroupFit, void, undefined> {
  return createStream(rows, options, LIMITS)
}

/** Validates the arguments, and creates the stream. The source is not read before the first result is requested. */
export function createStream(
  rows: unknown,
  given: object,
  limits: BatchLimits,
): AsyncGenerator<GroupFit, void, undefined> {
  const options = readOptions('options', given, streamOptionTable)
  checkStream(options)
  const symbol = [Symbol.asyncIterator, Symbol.iterator].find((one) => isObject(rows) && one in rows)
  if (symbol === undefined) throw new OptionError('rows', 'an iterable or async iterable of objects', rows)
  const isAsync = symbol === Symbol.asyncIterator
  const state: AbortState = { isAborted: false }
  return new ResultStream(fitBatches(rows as Iterable<unknown>, isAsync, options, limits, state), state)
}

/** Yields the fits of one batch after the other. */
async function* fitBatches(
  rows: Iterable<unknown> | AsyncIterable<unknown>,
  isAsync: boolean,
  options: StreamValues,
  limits: BatchLimits,
  state: AbortState,
): AsyncGenerator<LabeledFits, void, undefined> {
  const { signal: given } = options
  given?.throwIfAborted()
  const stop = new AbortController()
  const abort = () => {
    state.isAborted = true
    stop.abort(given?.reason)
  }
  given?.addEventListener('abort', abort)
  const { signal } = stop
  const fitter = new BatchFitter(options, signal)
  const reader = new GroupReader(options.group, (columns) => fitter.select(columns))
  const source = new BatchSource(rows, isAsync, reader, limits)
  const pipeline = new Pipeline(source, fitter)
  let count = 0
  let hasFailed = false
  try {
    for (let isEnd = false; !isEnd; ) {
      const { labels, fits, failure, isLast } = await orAbort(pipeline.next, signal)
      isEnd = isLast || failure !== undefined
      if (!isEnd) pipeline.advance()
      if (fits) {
        count += fits.length
        yield { labels, fits }
      }
      signal.throwIfAborted()
      if (failure) throw failure.isOfSource ? sourceError(failure.error, count) : failure.error
    }
  } catch (thrown) {
    hasFailed = true
    throw thrown
  } finally {
    given?.removeEventListener('abort', abort)
    // The engine may be fitting the next batch.
    stop.abort()
    // An exception of `return` does not replace the exception that ends the stream.
    await source.close().catch((thrown) => {
      if (!hasFailed) throw thrown
    })
  }
}

/** A batch whose fits have ended. */
interface FittedBatch extends BatchFits {
  readonly labels: readonly GroupLabel[]
  readonly isLast: boolean
}

/** While the consumer works with the results of a batch, the next batch is fitted, and one more batch is read. */
class Pipeline {
  readonly #source: BatchSource
  readonly #fitter: BatchFitter
  #reading: Promise<SourceBatch>
  /** The fits of the next batch. */
  next: Promise<FittedBatch>

  constructor(source: BatchSource, fitter: BatchFitter) {
    this.#source = source
    this.#fitter = fitter
    this.#reading = source.read()
    this.next = this.advance()
  }

  /** Starts the fits of the next batch. */
  advance(): Promise<FittedBatch> {
    this.next = this.#fitNext()
    // The stream awaits the promise later, and throws the error then.
    this.next.catch(() => {})
    return this.next
  }

  async #fitNext(): Promise<FittedBatch> {
    this.#source.hurry()
    const { groups, failure, isLast } = await this.#reading
    const fitting = this.#fitter.fit(groups)
    if (!isLast) this.#reading = this.#source.read()
    const found = await fitting
    return { labels: groups.labels, isLast, fits: found.fits, failure: found.failure ?? failure }
  }
}

/** The error of a source that failed after some complete groups. */
function sourceError(thrown: unknown, count: number): Error {
  const message = thrown instanceof Error ? thrown.message : String(thrown)
  const groups = plural(count, 'group')
  const error = new AntigradError(`rows: the source failed after ${groups}: ${message}`)
  error.cause = thrown
  return error
}
