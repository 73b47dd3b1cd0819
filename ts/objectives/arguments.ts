/** What `minimize` and `checkGradient` are given. */

import { OptionError } from '../core/errors.js'
import type { FloatArray } from '../core/numbers.js'
import { isFloatArray, readLength } from '../core/typed-arrays.js'
import { isObject, ownProperties, readMember, toFloat64Array } from '../core/untrusted-input.js'
import type { Objective } from './objective.js'

/**
 * An objective's functions, each read once and bound to it.
 *
 * @throws OptionError where it is none, or async; the value, where a call gives a promise
 */
export function readObjective(objective: unknown): {
  readonly value: Objective['value']
  readonly gradient: Objective['gradient'] | undefined
  /** Second derivatives, as expressions have them; read when they are asked for. */
  readonly hessian: () => Objective['gradient'] | undefined
  /** What its parameters are called, if it says so, as expressions do. */
  readonly names: readonly string[] | null
} {
  const given = typeof objective === 'function' ? ownProperties({ value: objective }) : objective
  const whole = isObject(given) ? given : {}
  const value = readMember(whole, 'value')
  if (typeof value !== 'function') {
    throw new OptionError('objective', 'a function, { value, gradient } or expression(…)', objective)
  }
  refuseAsync('objective', value)
  const derivative = (name: string) => {
    const found = readMember(whole, name)
    if (found !== undefined && typeof found !== 'function') {
      throw new OptionError(`objective: ${name}`, 'a function', found)
    }
    refuseAsync(`objective: ${name}`, found)
    return found?.bind(whole) as Objective['gradient'] | undefined
  }
  const parameters = readMember(whole, 'parameters')
  const isNamed = Array.isArray(parameters) && parameters.every((name) => typeof name === 'string')
  return {
    value: (x) => {
      const found: unknown = value.call(whole, x)
      if (isPromise(found)) throw new OptionError('objective: value', 'a number', found)
      return found as number
    },
    gradient: derivative('gradient'),
    hessian: () => derivative('hessian'),
    names: isNamed ? [...parameters] : null,
  }
}

/** What comes of an async function, also where a compiler has made another one of it. */
export function isPromise(given: unknown): boolean {
  return isObject(given) && typeof readMember(given, 'then') === 'function'
}

/** Before it is called. */
function refuseAsync(argument: string, given: unknown): void {
  if (Object.prototype.toString.call(given) !== '[object AsyncFunction]') return
  throw new OptionError(argument, 'a function that is done when it returns', 'an async function')
}

/**
 * A point as a typed array: the same one, or a list's numbers in float64.
 *
 * @throws OptionError where it is none
 */
export function readStart(x: unknown): FloatArray {
  const read = isFloatArray(x) ? x : toFloat64Array(x)
  if (read === undefined || readLength(read) === 0) {
    throw new OptionError('x', 'a list of numbers, a Float32Array or a Float64Array, not empty', x)
  }
  return read
}
