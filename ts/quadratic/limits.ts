/** Reads the names and the limits of constraints. */

import { OptionError } from '../core/errors.js'
import { isRecord, toBoundedArray } from '../core/untrusted-input.js'

export interface ReadConstraint {
  /** The name or the index. */
  readonly key: string | number
  readonly min: number
  readonly max: number
  /** The value of the property that defines the constraint. */
  readonly definition: unknown
}

/** The name of a constraint in messages. */
export const argumentOf = (key: string | number) =>
  typeof key === 'number' ? `constraints[${key}]` : `constraints: ${key}`

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
  const constraints = list.map((constraint, index) => readConstraint(constraint, property, index))
  // Indices differ from each other, but names may repeat a name or an index.
  if (constraints.every(({ key }) => typeof key === 'number')) return constraints
  const keys = new Set<string>()
  for (const { key } of constraints) {
    if (keys.has(`${key}`)) throw new OptionError(`${argumentOf(key)}: name`, 'a name of its own', key)
    keys.add(`${key}`)
  }
  return constraints
}

type Limits = Partial<Record<'equal' | 'min' | 'max', unknown>>

function readConstraint(given: unknown, property: string, index: number): ReadConstraint {
  if (!isRecord(given)) {
    throw new OptionError(
      `constraints[${index}]`,
      `{ ${property}, equal } or { ${property}, min, max }`,
      given,
    )
  }
  let name: unknown
  let definition: unknown
  let stranger: string | undefined
  const limits: Limits = { equal: undefined, min: undefined, max: undefined }
  // Each property is read once.
  for (const key of Object.keys(given)) {
    const value = (given as Readonly<Record<string, unknown>>)[key]
    if (key === property) definition = value
    else if (key === 'min' || key === 'max' || key === 'equal') limits[key] = value
    else if (key === 'name') name = value
    else if (value !== undefined) stranger ??= key
  }
  const isNamed = typeof name === 'string' && name !== ''
  if (name !== undefined && !isNamed)
    throw new OptionError(`constraints[${index}]: name`, 'a non-empty string', name)
  const key = isNamed ? (name as string) : index
  if (stranger !== undefined)
    throw new OptionError(argumentOf(key), `one of name, ${property}, equal, min, max`, stranger)
  if (definition === undefined)
    throw new OptionError(`${argumentOf(key)}: ${property}`, 'the function of the constraint', undefined)
  const [min, max] = readLimits(key, limits)
  return { key, min, max, definition }
}

function readLimits(key: string | number, { equal, min, max }: Limits): [min: number, max: number] {
  requireNumber(key, 'equal', equal)
  requireNumber(key, 'min', min)
  requireNumber(key, 'max', max)
  if (equal !== undefined) {
    if (min === undefined && max === undefined) return [equal as number, equal as number]
    throw new OptionError(argumentOf(key), 'either equal, or min and max', 'both')
  }
  const low = (min ?? -Infinity) as number
  const high = (max ?? Infinity) as number
  if (low === -Infinity && high === Infinity)
    throw new OptionError(argumentOf(key), 'a limit: equal, min or max', 'a constraint without a limit')
  if (low <= high && low < Infinity && high > -Infinity) return [low, high]
  throw new OptionError(argumentOf(key), 'min ≤ max, and finite limits', `min ${low} and max ${high}`)
}

/** @throws OptionError if a limit is given that is not a number, or not finite for an equality */
function requireNumber(key: string | number, name: keyof Limits, limit: unknown): void {
  if (limit === undefined) return
  const isEqual = name === 'equal'
  if (typeof limit === 'number' && (isEqual ? Number.isFinite(limit) : !Number.isNaN(limit))) return
  throw new OptionError(`${argumentOf(key)}: ${name}`, isEqual ? 'a finite number' : 'a number', limit)
}
