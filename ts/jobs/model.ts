/** Builds the model of a fit and the options of its parameters from the options of the command line. */

import { closestMatch } from 'leven'
import { OptionError } from '../core/errors.js'
import { toCamelCase } from '../core/text.js'
import type { Expression } from '../expressions/expression.js'
import { recurrence } from '../expressions/recurrences.js'
import { type ModelName, models } from '../fits/models/index.js'
import type { FitModel } from '../fits/models/model.js'
import type { OdeModel } from '../fits/odes/ode-model.js'
import type { FitParameter } from '../fits/problem/parameters.js'
import { parseValue } from './values.js'

export const modelNames = Object.keys(models) as ModelName[]

/** The default starting value for the parameters of an expression. */
const DEFAULT_START = 1

export type NumbersByName = Readonly<Record<string, number>>
type ColumnNames = Readonly<Record<string, string>>

export interface ModelSelection {
  readonly model: string
  /** Names of data columns by the names that the model uses; x by default. */
  readonly x?: ColumnNames
  readonly start?: NumbersByName
  readonly min?: NumbersByName
  readonly max?: NumbersByName
  /** The value of a parameter is null if it is fixed at its starting value. */
  readonly fixed?: Readonly<Record<string, number | null>>
  /** Expressions by the names of the parameters that they define. */
  readonly expr?: ColumnNames
  readonly positive?: readonly string[]
  /** A model of differential equations instead of `model`. */
  readonly ode?: OdeFile | undefined
  /** Names that the distribution of the response uses: columns and parameters. */
  readonly extraNames?: readonly string[] | undefined
}

/** A model of differential equations from a file. */
export interface OdeFile {
  readonly model: OdeModel
  /** Description of the model for titles. */
  readonly text: string
  /** Name of the time, which is a column. */
  readonly time: string
  /** Names that are parameters, or columns of the data. */
  readonly names: readonly string[]
  /** Columns of the responses, if the model observes several quantities. */
  readonly observables: readonly string[] | undefined
  /** Whether rows of the data are doses. The responses of such rows may be missing. */
  readonly hasRowDoses: boolean
}

export interface ModelInput {
  readonly model: Expression | FitModel | OdeModel
  /** The equation of the model. */
  readonly text: string
  /** All names that occur in the model. */
  readonly names: readonly string[]
  /** Names of data columns, by the names that the model uses. */
  readonly x: ColumnNames
  readonly start: Readonly<Record<string, FitParameter>>
  /** Parameters that start at the default value of 1, because the request sets no starting value. */
  readonly defaultedStarts: readonly string[]
  /** Columns of the responses, if the model observes several quantities. */
  readonly observables?: readonly string[] | undefined
}

/**
 * @throws OptionError if an option does not match the model; ExpressionError if an expression is invalid
 */
export function readModel(options: ModelSelection): ModelInput {
  const {
    start = {},
    min = {},
    max = {},
    fixed = {},
    expr = {},
    positive = [],
    ode,
    extraNames = [],
  } = options
  const ours = ode ? undefined : parseModelName(options.model)
  const model = ode?.model ?? ours ?? recurrence(options.model)
  const text = ode?.text ?? (model as Expression).text
  const ofModel = ode ? [ode.time, ...ode.names] : recurrence(text).names
  const names = [...new Set([...ofModel, ...extraNames])]
  const given = ode ? { [ode.time]: ode.time, ...options.x } : (options.x ?? { x: 'x' })
  const x = ours === undefined ? given : modelColumns(ours, given, extraNames)
  const stranger = Object.keys(x).find((name) => !names.includes(name))
  if (stranger !== undefined)
    throw new OptionError(
      '--x',
      `names that the model uses: ${names.join(', ')}${options.x ? '' : ' (the default of --x is x)'}`,
      stranger,
    )
  const entries = new Map<string, FitParameter>()
  const tell = (name: string, more: FitParameter) => entries.set(name, { ...entries.get(name), ...more })
  for (const [name, number] of Object.entries(start)) tell(name, { start: number })
  for (const [name, number] of Object.entries(min)) tell(name, { min: number })
  for (const [name, number] of Object.entries(max)) tell(name, { max: number })
  for (const [name, number] of Object.entries(fixed)) {
    tell(name, { fixed: true, ...(number !== null && { start: number }) })
  }
  for (const name of positive) tell(name, { positive: true })
  for (const [name, text] of Object.entries(expr)) {
    if (entries.has(name))
      throw new OptionError('--expr', 'a parameter without start, limits or other options', name)
    tell(name, { expr: text })
  }
  // Parameters that only occur in expressions of other parameters need a starting value, too.
  const known = [...names, ...Object.values(expr).flatMap((text) => recurrence(text).names)]
  const open = [...new Set(known)].filter((name) => {
    const entry = entries.get(name)
    return !Object.hasOwn(x, name) && entry?.start === undefined && entry?.expr === undefined
  })
  // Built-in models guess their own parameters.
  const defaultedStarts = ours === undefined ? open : open.filter((name) => !ofModel.includes(name))
  const still = open.find((name) => entries.get(name)?.fixed)
  if (still !== undefined) throw new OptionError('--fixed', `a value for ${still}, such as ${still}=0`, still)
  for (const name of defaultedStarts) tell(name, { start: DEFAULT_START })
  const { observables } = ode ?? {}
  return { model, text, names, x, defaultedStarts, start: Object.fromEntries(entries), observables }
}

/**
 * Reads models that are to be compared. Each option applies to all models that use its name.
 *
 * @throws the errors of `readModel`, and OptionError for a name that no model uses
 */
export function readModels(options: ModelSelection, others: readonly string[]): readonly ModelInput[] {
  const texts = [options.model, ...others]
  const { extraNames = [] } = options
  const uses = texts.map((text) => findUsedNames(text, options.expr ?? {}, extraNames))
  for (const [option, names] of [
    ...(['x', 'start', 'min', 'max', 'fixed', 'expr'] as const).map(
      (option) => [option, Object.keys(options[option] ?? {})] as const,
    ),
    ['positive', options.positive ?? []] as const,
  ]) {
    const stranger = names.find((name) => uses.every((used) => !used.has(name)))
    if (stranger === undefined || (option === 'x' && names.length === 1)) continue
    throw new OptionError(
      `--${option}`,
      `names in ${texts.length === 1 ? 'the model' : 'one of the models'}: ${texts.join('; ')}`,
      stranger,
    )
  }
  return texts.map((model, k) => {
    const only = <T>(given: Readonly<Record<string, T>> = {}) =>
      Object.fromEntries(Object.entries(given).filter(([name]) => uses[k].has(name)))
    const { x, start, min, max, fixed, expr, positive = [] } = options
    return readModel({
      model,
      extraNames,
      start: only(start),
      min: only(min),
      max: only(max),
      fixed: only(fixed),
      expr: only(expr),
      x: parseModelName(model) === undefined ? only(x ?? { x: 'x' }) : (x ?? { x: 'x' }),
      positive: positive.filter((name) => uses[k].has(name)),
    })
  })
}

/** The names that occur in a model, including the expressions of its parameters. */
function findUsedNames(text: string, expr: ColumnNames, extraNames: readonly string[]): Set<string> {
  const used = new Set([...recurrence(parseModelName(text)?.text ?? text).names, ...extraNames])
  // The iteration over a set includes names that are added during the iteration.
  for (const name of used) {
    if (!Object.hasOwn(expr, name)) continue
    for (const other of recurrence(expr[name]).names) used.add(other)
  }
  return used
}

/** The data columns of a built-in model. A single name that the model does not use is the data column for x. */
function modelColumns(
  { x, extraColumns = [] }: FitModel,
  given: ColumnNames,
  extraNames: readonly string[],
): ColumnNames {
  const columns = Object.fromEntries(extraColumns.map((name) => [name, name]))
  for (const [name, column] of Object.entries(given)) {
    const isOther = extraColumns.includes(name) || extraNames.includes(name)
    const isX = name === column && !isOther && !Object.hasOwn(columns, x)
    columns[isX ? x : name] = column
  }
  return columns
}

/**
 * A built-in model, such as `gaussian`, or a built-in model with options, such as `polynomial(degree=3)` or
 * `sinusoid(frequency=[0.1,2])`. The name `four-p-l` also selects `fourPL`.
 */
function parseModelName(text: string): FitModel | undefined {
  const [, given, options] = /^\s*([a-z][a-z\d-]*)\s*(?:\((.*)\))?\s*$/i.exec(text) ?? []
  if (given === undefined) return undefined
  const spelled = toCamelCase(given)
  const name = modelNames.find((name) => name === spelled)
  if (name === undefined) {
    const closest = closestMatch(spelled, modelNames, { maxDistance: 2 })
    // A name with parentheses is a function call in an expression.
    if (closest === undefined || options !== undefined || spelled.length < 4) return undefined
    throw new OptionError(
      '--model',
      `an expression or one of ${modelNames.join(', ')} (did you mean ${closest}?)`,
      text,
    )
  }
  const make = models[name] as (options: object) => FitModel
  const read = (value: string | undefined) => {
    const list = /^\s*\[(.*)\]\s*$/.exec(value ?? '')
    return list === null ? parseValue(value ?? 'true') : list[1].split(',').map(parseValue)
  }
  return make(options?.trim() ? parseList('--model', options, read) : {})
}

/**
 * Parses values by name, such as a=1,b=0.5.
 *
 * @param read converts the string after =, or undefined if the string is missing
 */
export function parseList<Value>(
  option: string,
  text: string,
  read: (value: string | undefined) => Value,
): Record<string, Value> {
  // An array in square brackets is one value.
  const entries = text.split(/,(?![^[]*\])/).map((item) => {
    const [, name, value] = /^\s*([^=]+?)\s*(?:=(.*))?$/.exec(item) ?? []
    if (name === undefined) throw new OptionError(option, LIST_PATTERN, text)
    return [name, read(value)] as const
  })
  if (new Set(entries.map(([name]) => name)).size < entries.length) {
    throw new OptionError(option, 'distinct names', text)
  }
  return Object.fromEntries(entries)
}

const LIST_PATTERN = 'a list such as a=1,b=0.5'

/** Makes a parser of numbers by name. */
export function parseNumbers(option: string): (text: string) => NumbersByName {
  const read = (value: string | undefined) => parseNumber(option, value)
  return (text) => parseList(option, text, read)
}

/** Parses the names of fixed parameters, optionally with values. */
export function parseFixed(text: string): Record<string, number | null> {
  return parseList('--fixed', text, (value) => (value === undefined ? null : parseNumber('--fixed', value)))
}

function parseNumber(option: string, text: string | undefined): number {
  const x = parseValue(text ?? '')
  if (Number.isFinite(x)) return x as number
  throw new OptionError(option, LIST_PATTERN, text ?? 'a missing number')
}
