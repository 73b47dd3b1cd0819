/**
 * Built-in and custom models: an expression, defaults of the parameters, and a function that guesses starting values.
 */

import { OptionError } from '../../core/errors.js'
import type { FloatArray } from '../../core/numbers.js'
import type { Slices } from '../../core/slices.js'
import { isObject, isRecord, readMember, toBoundedArray } from '../../core/untrusted-input.js'
import { Expression } from '../../expressions/expression.js'
import { type DataColumn, numbersInRun } from '../../many/batch/data.js'
import type { EngineCall } from '../../many/engines/execute.js'
import { type FunctionModelSpec, readFunctionModel } from '../problem/function-model.js'
import type { Loss } from '../problem/loss.js'
import type { FitParameter, Parameter } from '../problem/parameters.js'

/** Parameter names of a model, as a property that exists in types only. */
declare const names: unique symbol

/** A model that guesses its starting values. The functions in `models` create such models. */
export interface FitModel<Names extends string = string> {
  readonly [names]?: Names
  /** Expression of the parameters and the columns. */
  readonly text: string
  /** Name of the independent variable's column. */
  readonly x: string
  /** Bounds and fixed values of the parameters. */
  readonly parameters: Readonly<Record<string, FitParameter>>
  /**
   * Guesses the starting values for one data set, whose rows may be in any order. The arrays that a guess function
   * receives contain no missing numbers.
   */
  readonly guess?: (
    x: ArrayLike<number>,
    y: ArrayLike<number>,
    ...others: ArrayLike<number>[]
  ) => Readonly<Record<string, number>>
  /** Names of further columns that the function `guess` receives after y. */
  readonly extraColumns?: readonly string[]
}

/** Options of every built-in model. */
export interface ModelOptions {
  /** Name of the independent variable's column. Default 'x'. */
  readonly x?: string
}

export type GuessAtOnce = NonNullable<FitModel['guess']>
/** Arguments of a guess function: x, y and the extra columns. */
export type GuessArguments = Parameters<GuessAtOnce>

/** A guess function that can pause between slices of work. */
export type Guess<Names extends string = string> = (
  ...data: GuessArguments
) => Slices<Readonly<Record<Names, number>>>

/** The outcome of a fit, for a model's remark. The field `solved` is missing for groups of shared fits. */
export interface RemarkContext {
  readonly values: () => Readonly<Record<string, number>>
  readonly fit: number
  readonly solved: SolutionColumns | undefined
}

/** A model's remark on the estimates of a fit. An empty string means no remark. */
export type Remark = (context: RemarkContext, ...data: GuessArguments) => string

/** Solutions of fits, as columns with one number per fit. */
export interface SolutionColumns {
  readonly free: readonly Float64Array[]
  readonly cost: Float64Array
  readonly reason: Uint8Array
  readonly starts: Uint32Array
  isImproved?: Uint8Array
  readonly minima: readonly unknown[]
}

/** The run of fits that a {@link StartSearch} repeats from further starting points. */
export interface SearchableRun {
  /** The free parameters, and the parameters whose starting values the model guesses. */
  readonly free: readonly Parameter[]
  readonly open: readonly Parameter[]
  /** The solutions so far, and the starting values by name. */
  readonly solved: SolutionColumns
  readonly starts: ReadonlyMap<string, Float64Array>
  /** Function that returns the columns of a fit for the model's guess, and the column x of all fits. */
  readonly dataOf: (fit: number) => GuessArguments
  readonly x: DataColumn
  readonly options: { readonly loss: Loss; readonly maxIterations: number | undefined }
  /**
   * Solves runs of fits. All fits have equal row counts.
   *
   * @param runs the fit of each run
   * @param pick returns the starting values of the runs, in internal units, by parameter name
   * @param limits maximum number of evaluations, and whether runs may restart
   */
  readonly solve: (
    runs: Uint32Array,
    pick: (name: string) => Float64Array,
    limits: readonly [maxIterations: number, mayRestart: boolean],
  ) => Generator<EngineCall, SolvedRuns>
  /** Replaces the solutions of fits by the listed runs. */
  readonly store: (fits: Uint32Array, ends: SolvedRuns, runs: Uint32Array) => void
}

/** Results of runs, as columns with one number per run. */
export interface SolvedRuns {
  readonly free: readonly FloatArray[]
  readonly covariance: readonly FloatArray[]
  readonly errors: readonly FloatArray[]
  readonly atBound: readonly FloatArray[]
  readonly unidentifiable: readonly FloatArray[]
  readonly cost: FloatArray
  readonly reason: FloatArray
}

/** Finished fits, which a {@link StartSearch} may repeat. */
export type FinishedRun = Pick<SearchableRun, 'free' | 'solved' | 'starts' | 'x' | 'options'>

/** Whether the curve of a solution is implausible, so that the fit needs further starting points. */
export type PlausibilityCheck = (run: {
  readonly free: readonly { readonly name: string }[]
  readonly solved: Pick<SolutionColumns, 'free'>
  readonly starts: SearchableRun['starts']
}) => (fit: number, x: ArrayLike<number>) => boolean

/** Starting points of one fit, by parameter name. */
export type StartList = readonly Readonly<Record<string, number>>[]

/** Further starting points of a model. */
export interface StartSearch {
  /** Further starting points for one data set. The generator pauses between slices of work. */
  readonly starts: (...data: GuessArguments) => Slices<StartList>
  /**
   * Description of the limit curve of a fit without a proper minimum, such as 'a step between 0.17 and 0.6'. An empty
   * string means no description.
   */
  readonly describe: Remark
  readonly isImplausible?: PlausibilityCheck
  /** Starting points of nearly constant curves, for fits whose plateaus are known. */
  readonly constantStarts?: (x: ArrayLike<number>) => StartList
  /** Returns the names of the parameters that are positions on the axis of x. */
  readonly positions: () => readonly string[]
  /** Whether at least one fit may have missed the lowest minimum. */
  readonly hasDoubtful: (run: FinishedRun, fits: Uint32Array) => boolean
  /** Repeats fits that may have missed the lowest minimum. */
  readonly improve: (run: SearchableRun, fits: Uint32Array) => Generator<EngineCall, void>
}

/** Parts of a built-in model that belong to its guess function. */
export interface GuessParts {
  /** The guess function that pauses. The guess function of a custom model runs without pauses. */
  readonly inSlices: Guess
  /** Creates the search at the first call. Few fits need the search. */
  search?: () => StartSearch
  remark?: Remark
}

/**
 * Property of a guess function with its parts. A `WeakMap` would take longer, and would keep the guess functions of
 * models that a loop creates until the next major garbage collection.
 */
const PARTS = Symbol('parts')

/** Parts of a built-in model, or undefined for the guess function of a custom model. */
export const guessParts = (guess: GuessAtOnce & { readonly [PARTS]?: GuessParts }): GuessParts | undefined =>
  guess[PARTS]

export function setParts(guess: GuessAtOnce, parts: GuessParts): void {
  Object.assign(guess, { [PARTS]: parts })
}

/** A remark on the estimates of the fit at the index `fit` in the columns. */
export type BoundRemark = (
  values: () => Readonly<Record<string, number>>,
  columns: ReadonlyMap<string, DataColumn>,
  fit: number,
  solved?: SolutionColumns,
) => string

/** @param names names of the columns that the remark needs: x, y and the extra columns */
export function bindRemark(remark: Remark, names: readonly string[]): BoundRemark {
  return (values, columns, fit, solved) => {
    const [x, y, ...others] = names.map((name) => numbersInRun(columns.get(name) as DataColumn, fit))
    return remark({ values, fit, solved }, x, y, ...others)
  }
}

/**
 * The functions of `models`, which create models. The registry distinguishes functions that create models from
 * functions that are models.
 */
const modelMakers = new WeakSet<object>()

export function registerMakers<Makers extends Readonly<Record<string, object>>>(all: Makers): Makers {
  for (const make of Object.values(all)) modelMakers.add(make)
  return all
}

/** A validated model, with defaults for omitted fields. */
type ParsedModel = Required<Omit<FitModel, 'guess' | typeof names>> & {
  readonly guess: Guess | undefined
  readonly remark: Remark | undefined
  readonly search: (() => StartSearch) | undefined
  /** The function model, if the model is a function. */
  readonly functionModel: FunctionModelSpec | undefined
}

/**
 * Copies and validates a user's model. Each field of the model is read once.
 *
 * @param hasStart whether the call has the option `start`, which a function model needs; undefined if the call does not
 * accept functions
 */
export function readModel(given: unknown, hasStart?: boolean): ParsedModel {
  const plain = {
    text: '',
    x: '',
    parameters: {},
    guess: undefined,
    remark: undefined,
    search: undefined,
    functionModel: undefined,
    extraColumns: [],
  }
  if (given instanceof Expression) return { ...plain, text: given.text }
  const functionModel = readFunctionModel(given)
  if (!isObject(given) || functionModel) {
    if (functionModel && hasStart && !modelMakers.has(functionModel.model)) return { ...plain, functionModel }
    const orFunction = hasStart === undefined ? '' : ', or a function with a start'
    const call = functionModel ? ` (called, as in models.line())${orFunction}` : ''
    throw new OptionError('model', `an expression, or one of models${call}`, given)
  }
  const [text, x] = [readMember(given, 'text'), readMember(given, 'x')]
  const parameters = readMember(given, 'parameters') as FitModel['parameters'] | undefined
  const guess = readMember(given, 'guess') as GuessAtOnce | undefined
  if (typeof text !== 'string') throw new OptionError('model: text', 'a string', text)
  if (typeof x !== 'string') throw new OptionError('model: x', 'a column name', x)
  if (!isRecord(parameters)) {
    throw new OptionError('model: parameters', 'an object', parameters)
  }
  if (guess !== undefined && typeof guess !== 'function')
    throw new OptionError('model: guess', 'a function', guess)
  const extraColumns = readExtraColumns(readMember(given, 'extraColumns'))
  const parts = guess && guessParts(guess)
  return {
    text,
    x,
    parameters,
    extraColumns,
    functionModel: undefined,
    remark: parts?.remark,
    search: parts?.search,
    guess: guess && (parts?.inSlices ?? toOneSlice(guess)),
  }
}

function readExtraColumns(given: unknown): string[] {
  const list = given === undefined ? [] : toBoundedArray(Array.isArray(given) ? given : {}, 256)
  if (list?.every((name) => typeof name === 'string')) return list
  throw new OptionError('model: extraColumns', 'column names', given)
}

function toOneSlice(guess: GuessAtOnce): Guess {
  // biome-ignore lint/correctness/useYield: it never pauses
  return function* (...data) {
    return guess(...data)
  }
}
