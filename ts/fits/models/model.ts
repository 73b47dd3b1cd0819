/** What a model is, beside its expression. */

import { OptionError } from '../../core/errors.js'
import type { Slices } from '../../core/slices.js'
import { isObject, isRecord, readMember, toBoundedArray } from '../../core/untrusted-input.js'
import { Expression } from '../../expressions/expression.js'
import { type DataColumn, numbersInRun } from '../../many/batch/data.js'
import { type FunctionModelSpec, readFunctionModel } from '../problem/function-model.js'
import type { FitParameter } from '../problem/parameters.js'

/** Not there at run time: what a model's type knows of its parameters. */
declare const names: unique symbol

/** A model whose parameters can be guessed: see `models`. */
export interface FitModel<Names extends string = string> {
  readonly [names]?: Names
  /** An expression of its parameters and its column. */
  readonly text: string
  /** The name of its column. */
  readonly x: string
  /** What its parameters may be. */
  readonly parameters: Readonly<Record<string, FitParameter>>
  /** Where they start, by name, for some data, in any order of rows; what is no number is not among them. */
  readonly guess?: (
    x: ArrayLike<number>,
    y: ArrayLike<number>,
    ...others: ArrayLike<number>[]
  ) => Readonly<Record<string, number>>
  /** Names of further columns, which its guess gets behind y. */
  readonly extraColumns?: readonly string[]
}

/** Options of every model. */
export interface ModelOptions {
  /** The name of its column; x. */
  readonly x?: string
}

export type GuessAtOnce = NonNullable<FitModel['guess']>
/** What guesses are made of: x and y. */
export type GuessArguments = Parameters<GuessAtOnce>

/** A guess that may pause. */
export type Guess<Names extends string = string> = (
  ...data: GuessArguments
) => Slices<Readonly<Record<Names, number>>>

/** The guesses of models of ours in slices. A user's own is one slice. */
export const slicedGuesses = new WeakMap<GuessAtOnce, Guess>()

/** What models of ours say of values that were found, by their guesses; empty where there is nothing. */
export type Remark = (values: () => Readonly<Record<string, number>>, ...data: GuessArguments) => string
export const remarks = new WeakMap<GuessAtOnce, Remark>()

/** A remark on the values of a fit, by its index in columns. */
export type BoundRemark = (
  values: () => Readonly<Record<string, number>>,
  columns: ReadonlyMap<string, DataColumn>,
  fit: number,
) => string

/** @param names of the columns that a remark is on: x, y and others */
export function bindRemark(remark: Remark, names: readonly string[]): BoundRemark {
  return (values, columns, fit) => {
    const [x, y, ...others] = names.map((name) => numbersInRun(columns.get(name) as DataColumn, fit))
    return remark(values, x, y, ...others)
  }
}

/** What makes models, and is none: it is told from functions that are models. */
const modelMakers = new WeakSet<object>()

export function registerMakers<Makers extends Readonly<Record<string, object>>>(all: Makers): Makers {
  for (const make of Object.values(all)) modelMakers.add(make)
  return all
}

/** A model that was read: what it does not have it says. */
type ParsedModel = Required<Omit<FitModel, 'guess' | typeof names>> & {
  readonly guess: Guess | undefined
  readonly remark: Remark | undefined
  /** The function, if it is one. */
  readonly functionModel: FunctionModelSpec | undefined
}

/**
 * A copy of what a user gave as a model, so that each field is read once.
 *
 * @param hasStart whether parameters have a start, as those of functions need; undefined where functions are no models
 */
export function readModel(given: unknown, hasStart?: boolean): ParsedModel {
  const plain = {
    text: '',
    x: '',
    parameters: {},
    guess: undefined,
    remark: undefined,
    functionModel: undefined,
    extraColumns: [],
  }
  if (given instanceof Expression) return { ...plain, text: given.text }
  const functionModel = readFunctionModel(given)
  if (!isObject(given) || functionModel) {
    if (functionModel && hasStart && !modelMakers.has(functionModel.model)) return { ...plain, functionModel }
    const orFunction = hasStart === undefined ? '' : '; or a function and a start'
    const call = functionModel ? `, called, as in models.line()${orFunction}` : ''
    throw new OptionError('model', `an expression, or one of models${call}`, given)
  }
  const [text, x] = [readMember(given, 'text'), readMember(given, 'x')]
  const parameters = readMember(given, 'parameters') as FitModel['parameters'] | undefined
  const guess = readMember(given, 'guess') as GuessAtOnce | undefined
  if (typeof text !== 'string') throw new OptionError('model: text', 'a text', text)
  if (typeof x !== 'string') throw new OptionError('model: x', "a column's name", x)
  if (!isRecord(parameters)) {
    throw new OptionError('model: parameters', 'an object', parameters)
  }
  if (guess !== undefined && typeof guess !== 'function')
    throw new OptionError('model: guess', 'a function', guess)
  const extraColumns = readExtraColumns(readMember(given, 'extraColumns'))
  return {
    text,
    x,
    parameters,
    extraColumns,
    functionModel: undefined,
    remark: guess && remarks.get(guess),
    guess: guess && (slicedGuesses.get(guess) ?? toOneSlice(guess)),
  }
}

function readExtraColumns(given: unknown): string[] {
  const list = given === undefined ? [] : toBoundedArray(Array.isArray(given) ? given : {}, 256)
  if (list?.every((name) => typeof name === 'string')) return list
  throw new OptionError('model: extraColumns', "columns' names", given)
}

function toOneSlice(guess: GuessAtOnce): Guess {
  // biome-ignore lint/correctness/useYield: it never pauses
  return function* (...data) {
    return guess(...data)
  }
}
