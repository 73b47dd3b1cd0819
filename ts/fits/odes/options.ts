/** Reads the options of `ode`. */

import { OptionError, truncate } from '../../core/errors.js'
import { isObject, isRecord, ownProperties, toFloat64Array } from '../../core/untrusted-input.js'
import { Expression, isName } from '../../expressions/expression.js'
import { namesIn } from '../../expressions/parse.js'
import { choice, finite, flag, integerAtLeast, option, optional, passThrough } from '../../options/kinds.js'
import { readOptions } from '../../options/read.js'
import type { InputTable } from './flow.js'

/** A number, an expression as text, or an expression. */
export type OdeExpression = number | string | Expression

/** A dose, or a row of doses: see {@link OdeOptions.doses}. */
export interface OdeDose {
  /** State that receives the dose. */
  readonly state: string
  /** Amount. A bolus adds the amount to the state. An infusion adds the amount evenly over `duration`. */
  readonly amount: OdeExpression
  /** Time of the dose. Without `time`, each row of the data whose amount is not 0 is a dose at the time of the row. */
  readonly time?: OdeExpression
  /** Duration of an infusion. Default 0, a bolus. A duration below 0 ends the integration. */
  readonly duration?: OdeExpression
  /** Delay of the dose. Default 0. */
  readonly lag?: OdeExpression
}

/** A piecewise input: numbers at ascending times. */
export interface OdeInput {
  readonly times: ArrayLike<number>
  readonly values: ArrayLike<number>
  /** 'constant' from each time on (default), or 'linear' between the times. */
  readonly kind?: 'constant' | 'linear'
}

/** Options of {@link ode}. Expressions contain states, the time, inputs, parameters, and columns of the data. */
export interface OdeOptions {
  /** States by name, with the initial values, which are expressions of the parameters. */
  readonly states: Readonly<Record<string, OdeExpression>>
  /** Derivatives of the states with respect to the time, by state. */
  readonly rates: Readonly<Record<string, OdeExpression>>
  /** Name of the time, which is a column of the data. Default 't'. */
  readonly time?: string
  /** The observed quantity, or observed quantities by the name of their column in the data. */
  readonly observe: OdeExpression | Readonly<Record<string, OdeExpression>>
  /** Doses, with numbers or expressions of the parameters. Default: none. */
  readonly doses?: readonly OdeDose[]
  /** Piecewise constant or piecewise linear inputs by name. Default: none. */
  readonly inputs?: Readonly<Record<string, OdeInput>>
  /** Time of the initial values. Default 0. No observation and no dose may lie before this time. */
  readonly initialTime?: number
  /**
   * Method of integration. 'explicit' is the pair of Dormand and Prince of orders 5 and 4, and 'stiff' is Radau IIA of
   * order 5. 'auto' (default) begins with the explicit method, and changes to the stiff method if the system is stiff.
   */
  readonly method?: 'auto' | 'explicit' | 'stiff'
  /** Relative tolerance of the states. Default 1e-8. */
  readonly rtol?: number
  /** Absolute tolerance: a number, or numbers by state. Default 1e-6·rtol, at most 1e-12. */
  readonly atol?: number | Readonly<Record<string, number>>
  /** Maximum number of steps of one integration, accepted and rejected. Default 100,000. */
  readonly maxSteps?: number
  /** Whether the error of the sensitivities also limits the steps of the explicit method. Default false. */
  readonly controlSensitivities?: boolean
}

const table = {
  states: passThrough<unknown>(),
  rates: passThrough<unknown>(),
  time: option<string, string>('a name', 't', isName),
  observe: passThrough<unknown>(),
  doses: passThrough<unknown>(),
  inputs: passThrough<unknown>(),
  initialTime: finite(0),
  method: choice('auto', 'explicit', 'stiff'),
  rtol: option<number, number>(
    'a number from 1e-13 to 0.1',
    1e-8,
    (x) => (x as number) >= 1e-13 && (x as number) <= 0.1,
  ),
  atol: passThrough<unknown>(),
  maxSteps: integerAtLeast(1, 100_000),
  controlSensitivities: flag(false),
}

const doseTable = {
  state: passThrough<string>(),
  amount: passThrough<unknown>(),
  time: passThrough<unknown>(),
  duration: passThrough<unknown>(),
  lag: passThrough<unknown>(),
}

const inputTable = {
  times: passThrough<unknown>(),
  values: passThrough<unknown>(),
  kind: optional(choice('constant', 'linear')),
}

/** Parts of a dose as expressions. The time is null for doses in the rows of the data. */
export interface DoseDefinition {
  readonly state: number
  readonly time: string | null
  readonly amount: string
  readonly duration: string
  readonly lag: string
}

/** The validated options. */
export interface OdeDefinition {
  readonly states: readonly string[]
  readonly initial: readonly string[]
  readonly rates: readonly string[]
  readonly time: string
  /** Observed expressions by column; a single observed quantity has the name ''. */
  readonly observe: ReadonlyMap<string, string>
  readonly doses: readonly DoseDefinition[]
  readonly inputs: ReadonlyMap<string, InputTable>
  /** Names that are neither states, inputs nor the time: parameters, or columns of the data. */
  readonly names: readonly string[]
  /** Names that occur only in doses of the rows, and may therefore differ from row to row. */
  readonly rowNames: ReadonlySet<string>
  readonly initialTime: number
  readonly method: 'auto' | 'explicit' | 'stiff'
  readonly rtol: number
  readonly atol: readonly number[]
  readonly maxSteps: number
  readonly controlsSensitivities: boolean
}

/** Maximum number of states. The Jacobian of more states would exhaust memory. */
const MAX_STATES = 512
const MAX_DOSES = 100_000

/** Text of an expression. */
function readText(argument: string, given: unknown): string {
  if (given instanceof Expression) return given.text
  if (typeof given === 'number' && Number.isFinite(given)) return given < 0 ? `(${given})` : `${given}`
  if (typeof given !== 'string') throw new OptionError(argument, 'an expression or a finite number', given)
  try {
    namesIn(given)
  } catch (error) {
    throw new OptionError(argument, 'a valid expression', `${given} (${(error as Error).message})`)
  }
  return given
}

function readTexts(argument: string, given: unknown): Map<string, string> {
  if (!isRecord(given)) throw new OptionError(argument, 'an object of expressions by name', given)
  const entries = Object.entries(ownProperties(given))
  if (entries.length === 0) throw new OptionError(argument, 'at least one entry', 'none')
  for (const [name] of entries) if (!isName(name)) throw new OptionError(argument, 'valid names', name)
  return new Map(entries.map(([name, one]) => [name, readText(`${argument}: ${name}`, one)]))
}

/** @throws OptionError if an option is missing, unknown or invalid */
export function readDefinition(given: unknown): OdeDefinition {
  const read = readOptions('options', given, table)
  const initial = readTexts('states', read.states)
  const states = [...initial.keys()]
  if (states.length > MAX_STATES)
    throw new OptionError('states', `at most ${MAX_STATES} states`, `${states.length}`)
  const byState = readTexts('rates', read.rates)
  const stranger = [...byState.keys()].find((name) => !initial.has(name))
  if (stranger !== undefined)
    throw new OptionError('states', `the state ${truncate(stranger)} of a rate`, states)
  const rates = states.map((name) => {
    const rate = byState.get(name)
    if (rate === undefined) throw new OptionError(`rates: ${name}`, 'an expression', undefined)
    return rate
  })
  const inputs = readInputs(read.inputs)
  const isPlain = read.observe instanceof Expression || !isObject(read.observe)
  const observe = isPlain
    ? new Map([['', readText('observe', read.observe)]])
    : readTexts('observe', read.observe)
  const doses = readDoses(read.doses, states)
  const own = [...states, read.time, ...inputs.keys()]
  const twice = own.find((name, k) => own.indexOf(name) !== k)
  if (twice !== undefined)
    throw new OptionError('options', 'different names of states, time and inputs', twice)
  const starts = [...initial.values(), ...doses.flatMap((dose) => doseTexts(dose))]
  const early = starts.flatMap(namesIn).find((name) => own.includes(name))
  if (early !== undefined)
    throw new OptionError('options', 'initial values and doses that depend only on parameters', early)
  const steady = [...initial.values(), ...rates, ...observe.values()]
  const fixed = doses.filter(({ time }) => time !== null).flatMap((dose) => doseTexts(dose))
  const always = new Set([...steady, ...fixed].flatMap(namesIn))
  const rows = doses.filter(({ time }) => time === null).flatMap((dose) => doseTexts(dose).flatMap(namesIn))
  const names = [...new Set([...always, ...rows])].filter((name) => !own.includes(name))
  return {
    states,
    initial: [...initial.values()],
    rates,
    time: read.time,
    observe,
    doses,
    inputs,
    names,
    rowNames: new Set(rows.filter((name) => !always.has(name))),
    initialTime: read.initialTime,
    method: read.method ?? 'auto',
    rtol: read.rtol,
    atol: readTolerances(read.atol, states, read.rtol),
    maxSteps: read.maxSteps,
    controlsSensitivities: read.controlSensitivities,
  }
}

export const doseTexts = ({ time, amount, duration, lag }: DoseDefinition): string[] => [
  time ?? '0',
  amount,
  duration,
  lag,
]

function readDoses(given: unknown, states: readonly string[]): DoseDefinition[] {
  if (given === undefined) return []
  if (!Array.isArray(given) || given.length > MAX_DOSES)
    throw new OptionError('doses', `an array of at most ${MAX_DOSES} doses`, given)
  return Array.from(given, (one, k) => {
    const argument = `doses[${k}]`
    const { state, amount, time, duration, lag } = readOptions(argument, one, doseTable)
    const index = states.indexOf(state as string)
    if (index < 0) throw new OptionError(`${argument}: state`, `a state among ${states.join(', ')}`, state)
    const text = (name: string, part: unknown) => readText(`${argument}: ${name}`, part)
    return {
      state: index,
      time: time === undefined ? null : text('time', time),
      amount: text('amount', amount),
      duration: text('duration', duration ?? 0),
      lag: text('lag', lag ?? 0),
    }
  })
}

function readInputs(given: unknown): Map<string, InputTable> {
  if (given === undefined) return new Map()
  if (!isRecord(given)) throw new OptionError('inputs', 'an object of inputs by name', given)
  return new Map(
    Object.entries(ownProperties(given)).map(([name, one]): [string, InputTable] => {
      if (!isName(name)) throw new OptionError('inputs', 'valid names', name)
      const argument = `inputs: ${name}`
      const { kind, ...read } = readOptions(argument, one, inputTable)
      const [times, values] = (['times', 'values'] as const).map((part) => {
        const numbers = toFloat64Array(read[part])
        if (numbers === undefined || numbers.length === 0 || !numbers.every(Number.isFinite))
          throw new OptionError(`${argument}: ${part}`, 'an array of finite numbers', read[part])
        return [...numbers]
      })
      if (values.length !== times.length)
        throw new OptionError(
          `${argument}: values`,
          `${times.length} numbers, one per time`,
          `${values.length}`,
        )
      const back = times.findIndex((time, k) => k > 0 && !(time > times[k - 1]))
      if (back >= 0) throw new OptionError(`${argument}: times[${back}]`, 'ascending times', times[back])
      return [name, { times, values, isLinear: kind === 'linear' }]
    }),
  )
}

/** Largest default of the absolute tolerance, and default relative to the relative tolerance. */
const MAX_ATOL = 1e-12
const ATOL_RATIO = 1e-6

function readTolerances(given: unknown, states: readonly string[], rtol: number): number[] {
  const usual = Math.min(MAX_ATOL, ATOL_RATIO * rtol)
  const check = (argument: string, one: unknown): number => {
    if (typeof one === 'number' && one > 0 && one < Infinity) return one
    throw new OptionError(argument, 'a finite number > 0', one)
  }
  if (!isRecord(given)) {
    const one = check('atol', given ?? usual)
    return states.map(() => one)
  }
  const own = ownProperties(given) as Readonly<Record<string, unknown>>
  const stranger = Object.keys(own).find((name) => !states.includes(name))
  if (stranger !== undefined) throw new OptionError('atol', `states among ${states.join(', ')}`, stranger)
  return states.map((name) => check(`atol: ${name}`, own[name] ?? usual))
}
