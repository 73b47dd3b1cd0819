/** Reads the arguments of `minimize` and `checkGradient`. */

import { OptionError } from '../core/errors.js'
import type { FloatArray } from '../core/numbers.js'
import { isFloatArray, readLength } from '../core/typed-arrays.js'
import { isObject, ownProperties, readMember, toFloat64Array } from '../core/untrusted-input.js'
import { type Objective, valueAndGradient } from './objective.js'

type OutputArray = { [i: number]: number }
type BothFunction = (x: ArrayLike<number>, out: OutputArray, second?: OutputArray) => number

/** The functions of an objective, each read once and bound to the objective. */
export interface ObjectiveFunctions {
  readonly value: Objective['value']
  readonly gradient: Objective['gradient'] | undefined
  /** Second derivatives of an objective that has second derivatives, such as an expression; read on demand. */
  readonly hessian: () => Objective['gradient'] | undefined
  /**
   * The value, the gradient and, if requested, the second derivatives in one call, for an expression whose functions
   * were not replaced.
   */
  readonly both: BothFunction | undefined
  /** Names of the parameters, if the objective has `parameters`, like an expression. */
  readonly names: readonly string[] | null
}

/**
 * The functions of an objective, each read once and bound to the objective.
 *
 * @throws OptionError if the objective is invalid or async; a call of `value` throws an error if the result is a
 * promise
 */
export function readObjective(objective: unknown, argument = 'objective'): ObjectiveFunctions {
  const given = typeof objective === 'function' ? ownProperties({ value: objective }) : objective
  const whole = isObject(given) ? given : {}
  const value = readMember(whole, 'value')
  if (typeof value !== 'function') {
    throw new OptionError(argument, 'a function, { value, gradient } or expression(…)', objective)
  }
  refuseAsync(argument, value)
  const derivative = (name: string) => {
    const found = readMember(whole, name)
    if (found !== undefined && typeof found !== 'function') {
      throw new OptionError(`${argument}: ${name}`, 'a function', found)
    }
    refuseAsync(`${argument}: ${name}`, found)
    return found?.bind(whole) as Objective['gradient'] | undefined
  }
  const parameters = readMember(whole, 'parameters')
  const isNamed = Array.isArray(parameters) && parameters.every((name) => typeof name === 'string')
  return {
    value: (x) => {
      const found: unknown = value.call(whole, x)
      if (isPromise(found)) throw new OptionError(`${argument}: value`, 'a number', found)
      return found as number
    },
    gradient: derivative('gradient'),
    hessian: () => derivative('hessian'),
    both: ['value', 'gradient', 'hessian'].some((name) => Object.hasOwn(whole, name))
      ? undefined
      : (whole as { [valueAndGradient]?: BothFunction })[valueAndGradient]?.bind(whole),
    names: isNamed ? [...parameters] : null,
  }
}

/** Whether a value is a promise, including promises of compiled async functions. */
export function isPromise(given: unknown): boolean {
  return isObject(given) && typeof readMember(given, 'then') === 'function'
}

/** Rejects async functions before they are called. */
function refuseAsync(argument: string, given: unknown): void {
  if (Object.prototype.toString.call(given) !== '[object AsyncFunction]') return
  throw new OptionError(argument, 'a synchronous function', 'an async function')
}

/**
 * A starting point as a typed array: the same array, or a float64 copy of an array of numbers.
 *
 * @throws OptionError if the point is not a non-empty array of numbers
 */
export function readStart(x: unknown): FloatArray {
  const read = isFloatArray(x) ? x : toFloat64Array(x)
  if (read === undefined || readLength(read) === 0) {
    throw new OptionError('x', 'a non-empty array, Float32Array or Float64Array of numbers', x)
  }
  return read
}

/**
 * A starting point by name, in the order of the names.
 *
 * @throws OptionError if a name is missing, or a name is unknown
 */
export function readNamedStart(x: object, names: readonly string[]): Float64Array {
  const given = ownProperties(x)
  const expected = `numbers for ${names.join(', ')}`
  for (const name of Object.keys(given)) if (!names.includes(name)) throw new OptionError('x', expected, name)
  return Float64Array.from(names, (name) => {
    const number = given[name]
    if (typeof number === 'number') return number
    throw new OptionError(`x: ${name}`, `a number (${expected})`, number)
  })
}
