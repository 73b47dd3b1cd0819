/** Reads the names and the limits of constraints. */

import { OptionError } from '../core/errors.js'
import { isRecord, ownProperties, toBoundedArray } from '../core/untrusted-input.js'

export interface ReadConstraint {
  /** The name or the index. */
  readonly key: string | number
  /** Name of the constraint in messages. */
  readonly argument: string
  readonly min: number
  readonly max: number
  /** The value of the property that defines the constraint. */
  readonly definition: unknown
}

const LIMITS = ['equal', 'min', 'max']

/**
 * Reads a list of constraints.
 *
 * @param property name of the property that defines a constraint, and the longest list
 * @throws OptionError that names the constraint by its name or index
 */
export function readConstraints(given: unknown, property: string, longest: number): ReadConstraint[] {
  if (given === undefined) return []
  const list = toBoundedArray(given, longest)
  if (list === undefined) {
    const received = Array.isArray(given) ? `${given.length} constraints` : given
    throw new OptionError(
      'constraints',
      `an array of up to ${longest} objects { ${property}, equal } or { ${property}, min, max }`,
      received,
    )
  }
  const keys = new Set<string>()
  return list.map((constraint, index) => {
    const read = readConstraint(constraint, property, index)
    const key = `${read.key}`
    if (keys.has(key)) throw new OptionError(`${read.argument}: name`, 'a name of its own', key)
    keys.add(key)
    return read
  })
}

function readConstraint(given: unknown, property: string, index: number): ReadConstraint {
  if (!isRecord(given)) {
    throw new OptionError(
      `constraints[${index}]`,
      `{ ${property}, equal } or { ${property}, min, max }`,
      given,
    )
  }
  const values = ownProperties(given)
  const { name } = values
  const isNamed = typeof name === 'string' && name !== ''
  if (name !== undefined && !isNamed)
    throw new OptionError(`constraints[${index}]: name`, 'a non-empty string', name)
  const argument = isNamed ? `constraints: ${name}` : `constraints[${index}]`
  const known = ['name', property, ...LIMITS]
  const stranger = Object.keys(values).find((key) => values[key] !== undefined && !known.includes(key))
  if (stranger !== undefined) throw new OptionError(argument, `one of ${known.join(', ')}`, stranger)
  if (values[property] === undefined) {
    throw new OptionError(`${argument}: ${property}`, 'the function of the constraint', undefined)
  }
  const [min, max] = readLimits(argument, values)
  return { key: isNamed ? name : index, argument, min, max, definition: values[property] }
}

function readLimits(
  argument: string,
  { equal, min, max }: Readonly<Record<string, unknown>>,
): [min: number, max: number] {
  for (const [name, limit] of Object.entries({ equal, min, max })) {
    const isNumber = typeof limit === 'number' && !Number.isNaN(limit)
    if (limit === undefined || (isNumber && (name !== 'equal' || Number.isFinite(limit)))) continue
    throw new OptionError(`${argument}: ${name}`, name === 'equal' ? 'a finite number' : 'a number', limit)
  }
  if (equal !== undefined) {
    if (min === undefined && max === undefined) return [equal as number, equal as number]
    throw new OptionError(argument, 'either equal, or min and max', 'both')
  }
  const low = (min ?? -Infinity) as number
  const high = (max ?? Infinity) as number
  if (low === -Infinity && high === Infinity)
    throw new OptionError(argument, 'a limit: equal, min or max', 'a constraint without a limit')
  if (low <= high && low < Infinity && high > -Infinity) return [low, high]
  throw new OptionError(argument, 'min ≤ max, and finite limits', `min ${low} and max ${high}`)
}
