/** Simulations of models of differential equations, without a fit. */

import { OptionError } from '../../core/errors.js'
import { formatCount } from '../../core/text.js'
import { createRecord, isObject, isRecord, ownProperties } from '../../core/untrusted-input.js'
import { passThrough } from '../../options/kinds.js'
import { readOptions } from '../../options/read.js'
import { readNumbers } from '../problem/columns.js'
import { OdeModel } from './ode-model.js'

/** Maximum number of times of a simulation. */
const MAX_TIMES = 1_000_000

/** Options of {@link simulate}. */
export interface SimulateOptions {
  /** Names of the sensitivities, or false for none. Default: all parameters. */
  readonly sensitivities?: readonly string[] | false
}

/** A simulation. All arrays have one number per time. */
export interface Simulation {
  readonly times: Float64Array
  /** Values of the states by name. They are NaN from the time on at which the integration ended. */
  readonly states: Readonly<Record<string, Float64Array>>
  /** Observed quantities by name; a single observed quantity has the name `y`. */
  readonly observed: Readonly<Record<string, Float64Array>>
  /** Derivatives of the states by parameter and state. */
  readonly sensitivities: Readonly<Record<string, Readonly<Record<string, Float64Array>>>>
  /** Derivatives of the observed quantities by parameter and quantity. */
  readonly observedSensitivities: Readonly<Record<string, Readonly<Record<string, Float64Array>>>>
  /** 'completed', or 'stopped' if the integration did not reach the last time. */
  readonly reason: 'completed' | 'stopped'
  /** Explanation of the reason 'stopped', with the time; else an empty string. */
  readonly message: string
  /** Counts of accepted steps, of rejected steps, and of evaluations of the rates. */
  readonly accepted: number
  readonly rejected: number
  readonly evaluations: number
}

const table = { sensitivities: passThrough<unknown>() }

/**
 * Integrates a model of differential equations at given parameters.
 *
 * @param values numbers of all parameters by name
 * @param times times of the result (at most 1,000,000), in any order, in the unit of the model's time
 * @throws OptionError if a parameter is missing or not a number, or if a time lies before the initial time. An
 * integration that cannot continue throws no error: the fields `reason` and `message` explain the end.
 * @example
 * const { states, sensitivities } = simulate(epidemic, { beta: 1.7, gamma: 0.45, first: 2 }, [0, 5, 10])
 * states.I[2]
 * sensitivities.beta.I[2] // the derivative of I with respect to beta at day 10
 */
export function simulate(
  model: OdeModel,
  values: Readonly<Record<string, number>>,
  times: ArrayLike<number>,
  options: SimulateOptions = {},
): Simulation {
  if (!(model instanceof OdeModel)) throw new OptionError('model', 'a model of ode', model)
  const { system } = model
  const { states, names, observe, initialTime, doses, time } = system.definition
  const { sensitivities: given } = readOptions('options', options, table)
  const directions = readDirections(given, names)
  const numbers = readValues(values, names)
  const count = isObject(times) ? times.length : 0
  if (count > MAX_TIMES) throw new OptionError('times', `at most ${formatCount(MAX_TIMES)} times`, `${count}`)
  const at = Float64Array.from(readNumbers('times', times))
  const early = at.findIndex((t) => !(t >= initialTime && t < Infinity))
  if (early >= 0) throw new OptionError(`times[${early}]`, `a finite number ≥ ${initialTime}`, at[early])
  const ofRows = doses.find((dose) => dose.time === null)
  if (ofRows !== undefined)
    throw new OptionError('model', 'doses with a time', `a dose in the rows of ${time}`)
  const solved = system.solve(numbers, directions, {
    doses: doses.map((dose) => ({ dose, row: -1, time: 0, values: new Map() })),
    outputs: Array.from(at, (t, rank) => ({ time: t, rank })),
  })
  const n = states.length
  const pick = (index: number) => {
    const column = new Float64Array(at.length)
    for (let row = 0; row < at.length; row++) column[row] = solved.at[row][index]
    return column
  }
  const slopes = new Float64Array(directions.length)
  const compute = system.observer(numbers, directions)
  const quantities = [...observe.keys()].map((name) => name || 'y')
  const observed = quantities.map(() => new Float64Array(at.length))
  const slopesOf = quantities.map(() => directions.map(() => new Float64Array(at.length)))
  for (let k = 0; k < quantities.length; k++) {
    for (let row = 0; row < at.length; row++) {
      observed[k][row] = compute(at[row], k, solved.at[row], slopes)
      for (let d = 0; d < directions.length; d++) slopesOf[k][d][row] = slopes[d]
    }
  }
  const { stop, accepted, rejected, evaluations } = solved
  return {
    times: at,
    states: createRecord(states, (_, i) => pick(i)),
    observed: createRecord(quantities, (_, k) => observed[k]),
    sensitivities: createRecord(directions, (_, d) => createRecord(states, (_, i) => pick(n * (1 + d) + i))),
    observedSensitivities: createRecord(directions, (_, d) =>
      createRecord(quantities, (_, k) => slopesOf[k][d]),
    ),
    reason: stop === null ? 'completed' : 'stopped',
    message: stop === null ? '' : `the integration ends at ${time} = ${stop.time}: ${stop.why}`,
    accepted,
    rejected,
    evaluations,
  }
}

function readDirections(given: unknown, names: readonly string[]): readonly string[] {
  if (given === undefined) return names
  if (given === false) return []
  if (!Array.isArray(given))
    throw new OptionError('sensitivities', 'an array of parameter names, or false', given)
  const list = Array.from(given as readonly unknown[])
  const wrong = list.find((name) => !names.includes(name as string))
  if (wrong !== undefined)
    throw new OptionError('sensitivities', `parameters among ${names.join(', ')}`, wrong)
  return [...new Set(list as string[])]
}

function readValues(given: unknown, names: readonly string[]): Map<string, number> {
  if (!isRecord(given)) throw new OptionError('values', 'an object of numbers by parameter', given)
  const own = ownProperties(given)
  const stranger = Object.keys(own).find((name) => !names.includes(name))
  if (stranger !== undefined)
    throw new OptionError('values', `parameters among ${names.join(', ')}`, stranger)
  return new Map(
    names.map((name) => {
      const value = own[name]
      if (typeof value !== 'number') throw new OptionError(`values: ${name}`, 'a number', value)
      return [name, value]
    }),
  )
}
