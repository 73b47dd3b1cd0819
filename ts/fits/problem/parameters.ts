/** Reads the parameters of a fit: starting values, bounds and expressions. */

import { hintFor } from '#hints'
import { OptionError } from '../../core/errors.js'
import { isFloatArray } from '../../core/typed-arrays.js'
import { isObject, isRecord, toFloat64Array } from '../../core/untrusted-input.js'
import { isName } from '../../expressions/expression.js'
import type { NamesBeside, NamesOf, OnlyNames } from '../../expressions/literal-names.js'
import { checkName } from '../../expressions/names.js'
import { customOption, flag, type Option, option, optional, type ValuesOf } from '../../options/kinds.js'
import { makeDefaults, readOptions } from '../../options/read.js'
import type { ColumnsOf } from './data-table.js'

/** A parameter of a fit: a starting value, bounds and a transformation, or an expression that defines the parameter. */
export interface FitParameter {
  /**
   * Starting value: a number for all fits, or an array with one number per fit. A starting value outside the bounds is
   * moved to the nearest bound.
   */
  readonly start?: number | ArrayLike<number>
  /** Lower bound, inclusive. Default −∞. */
  readonly min?: number
  /** Upper bound, inclusive. Default ∞. */
  readonly max?: number
  /**
   * Whether the parameter is kept above 0. The fit uses the logarithm of a positive parameter, and computes the
   * confidence interval on the log scale.
   */
  readonly positive?: boolean
  /** Whether the parameter is fixed at its starting value. */
  readonly fixed?: boolean
  /**
   * Expression of other parameters that defines this parameter, as in `'2 * a'`. The field `expr` cannot be combined
   * with other fields.
   */
  readonly expr?: string
}

/**
 * Parameters by name: a starting value, an array with one starting value per fit, or a {@link FitParameter}.
 */
export type FitParameters = Readonly<Record<string, number | ArrayLike<number> | FitParameter>>

/** Derived quantities by name, as expressions of the parameters. */
export type FitDerivedQuantities = Readonly<Record<string, string>>

/**
 * Parameter names of a fit: names in the model that are not columns, names in `start`, and derived
 * quantities.
 */
export type ParametersOf<Names extends string, Data, Start, Derive> =
  | NamesBeside<Names | KeysOf<Start>, ColumnsOf<Data>>
  | KeysOf<Derive>

type KeysOf<Start> = Start extends unknown ? keyof Start & string : never

/** Rejects names in `start` that neither the model nor another parameter's expression uses. */
export type OnlyParameters<Names extends string, Data, Start> = OnlyNames<
  NamesBeside<Names, ColumnsOf<Data>> | NamesInTexts<Start>,
  Start
>

type NamesInTexts<Start, Entry = Start[keyof Start]> = Entry extends {
  readonly expr: infer Text extends string
}
  ? NamesOf<Text>
  : never

export interface Parameter {
  readonly name: string
  /**
   * Starting value for all fits, or an array with one value per fit, or null if the model guesses the starting value.
   */
  readonly start: number | Float64Array | null
  readonly min: number
  readonly max: number
  readonly isFixed: boolean
  /** Whether the fit uses the parameter's logarithm. For a logarithmic parameter, `min` is at least 0. */
  readonly isLogarithmic: boolean
  readonly expr: string | null
  /** Whether the parameter is a derived quantity, which the model does not use. */
  readonly isDerived: boolean
}

const boundOption = optional(
  option<number, undefined>('a number', undefined, (x) => typeof x === 'number' && !Number.isNaN(x)),
)

const parameterFields = {
  start: optional(customOption(readStart)),
  min: boundOption,
  max: boundOption,
  positive: optional(flag()),
  fixed: optional(flag()),
  expr: optional(option<string, undefined>('a string', undefined, (x) => typeof x === 'string')),
} satisfies Record<keyof FitParameter, Option>

/**
 * Reads the options `start` and `derive`.
 *
 * @param known parameter names in order; the model guesses a parameter without an entry in `start`
 * @param defaults parameter defaults of a built-in model
 * @param taken column names, which a derived quantity cannot have
 */
export function readParameters(
  { start, derive }: { readonly start?: unknown; readonly derive: FitDerivedQuantities },
  known: readonly string[],
  defaults: Readonly<Record<string, FitParameter>>,
  taken: Iterable<string>,
): Parameter[] {
  const parameters = readStarts(start ?? {}, known, defaults, taken)
  const names = [...parameters.map(({ name }) => name), ...taken]
  const derived = Object.entries(derive).map(([name, text]) => {
    checkName('derive', name)
    if (!isName(name)) throw new OptionError('derive', 'valid names', name)
    if (names.includes(name)) throw new OptionError('derive', 'unused names', name)
    return expressionParameter(name, text, true)
  })
  return [...parameters, ...derived]
}

function readStarts(
  given: unknown,
  known: readonly string[],
  defaults: Readonly<Record<string, FitParameter>>,
  columns: Iterable<string>,
): Parameter[] {
  if (!isRecord(given)) throw new OptionError('start', 'an object', given)
  const entries = new Map(Object.entries(given as FitParameters))
  const names = [...known]
  // The loop adds parameters that occur only in the expressions of other parameters.
  for (const [name, entry] of entries) {
    if (names.includes(name)) continue
    checkName('start', name)
    const isUsed = [...entries.values()].some((other) => collectNames(other, name))
    if (!isUsed || entry === undefined)
      throw new OptionError(
        'start',
        `names among ${known.join(', ')}${[...columns].includes(name) ? ` (the model uses the column ${name} of the data)` : ''}`,
        name,
        hintFor(name, () => known),
      )
    names.push(name)
  }
  return names.map((name) => {
    return readParameter(
      name,
      entries.get(name),
      Object.hasOwn(defaults, name) ? defaults[name] : NO_DEFAULTS,
    )
  })
}

function collectNames(entry: FitParameters[string], name: string): boolean {
  const expr = isObject(entry) && Object.hasOwn(entry, 'expr') ? (entry as FitParameter).expr : undefined
  return typeof expr === 'string' && expr.split(/[^\p{L}\p{N}_]+/u).includes(name)
}

type ParameterFields = Partial<ValuesOf<typeof parameterFields>>
/** Entry of a parameter without defaults. */
const NO_DEFAULTS: FitParameter = {}
/** Own properties for all fields, so that properties of Object.prototype have no effect. */
const noFields = (): ParameterFields => makeDefaults(parameterFields)

function readFields(argument: string, entry: unknown): ParameterFields {
  // In most fits, the starting values are numbers, or the model guesses the starting values.
  if (entry === undefined) return noFields()
  if (Number.isFinite(entry)) return { ...noFields(), start: entry as number }
  const isPlain = typeof entry === 'number' || isFloatArray(entry) || Array.isArray(entry)
  const expected = 'a number, one per fit, or { start, min, max, positive, fixed, expr }'
  return readOptions(argument, isPlain ? { start: entry } : entry, parameterFields, expected)
}

function readParameter(name: string, entry: unknown, defaults: FitParameter): Parameter {
  const argument = `start: ${name}`
  const given = readFields(argument, entry)
  const model = defaults === NO_DEFAULTS ? noFields() : readOptions(argument, defaults, parameterFields)
  const { start = model.start ?? null, max = model.max ?? Infinity } = given
  const { fixed = model.fixed ?? false, positive = model.positive ?? false, expr = model.expr } = given
  const least = given.min ?? model.min ?? -Infinity
  const min = positive ? Math.max(least, 0) : least
  if (!(min <= max) || min === Infinity || max === -Infinity) {
    throw new OptionError(argument, 'min ≤ max', `${min} and ${max}`)
  }
  if (expr === undefined) {
    // A parameter that a built-in model fixes can still be guessed.
    if (fixed && start === null && !(model.fixed && given.fixed === undefined)) {
      throw new OptionError(`${argument}: start`, 'a number if fixed is true', undefined)
    }
    if (positive) checkPositive(argument, start, max)
    return {
      name,
      start,
      min,
      max,
      isFixed: fixed,
      isLogarithmic: positive && !fixed,
      expr: null,
      isDerived: false,
    }
  }
  const extra = (['start', 'min', 'max', 'positive', 'fixed'] as const).find(
    (field) => given[field] !== undefined,
  )
  if (extra !== undefined) throw new OptionError(argument, 'no field but expr', extra)
  return expressionParameter(name, expr, false)
}

function checkPositive(argument: string, start: Parameter['start'], max: number): void {
  if (!(max > 0)) throw new OptionError(`${argument}: max`, 'a number > 0 if positive is true', max)
  const wrong = (typeof start === 'number' ? [start] : (start ?? [])).find((x) => !(x > 0))
  if (wrong !== undefined) {
    throw new OptionError(`${argument}: start`, 'numbers > 0 if positive is true', wrong)
  }
}

function expressionParameter(name: string, expr: string, isDerived: boolean): Parameter {
  return {
    name,
    start: null,
    min: -Infinity,
    max: Infinity,
    isFixed: true,
    isLogarithmic: false,
    expr,
    isDerived,
  }
}

/** Copies and validates the option `derive`. */
export const derivedOption = customOption<FitDerivedQuantities, FitDerivedQuantities>((argument, given) => {
  if (!isRecord(given)) throw new OptionError(argument, 'an object of strings', given)
  const texts = Object.entries(given)
  const wrong = texts.find(([, text]) => typeof text !== 'string')
  if (wrong !== undefined) throw new OptionError(`${argument}: ${wrong[0]}`, 'a string', wrong[1])
  return Object.fromEntries(texts)
}, {})

function readStart(argument: string, start: unknown): number | Float64Array {
  const isOne = typeof start === 'number'
  if (!isOne && !isFloatArray(start) && !Array.isArray(start)) {
    throw new OptionError(argument, 'a number, or one per fit', start)
  }
  const numbers: ArrayLike<unknown> = isOne ? [start] : (toFloat64Array(start) ?? start)
  let wrong = 0
  while (wrong < numbers.length && Number.isFinite(numbers[wrong])) wrong++
  if (wrong < numbers.length)
    throw new OptionError(isOne ? argument : `${argument}[${wrong}]`, 'a finite number', numbers[wrong])
  return isOne ? start : (numbers as Float64Array)
}
