/** Bounds of parameters. */

import { OptionError } from '../core/errors.js'
import { type FloatArray, rounding } from '../core/numbers.js'
import { isFloatArray } from '../core/typed-arrays.js'
import { isObject, isRecord } from '../core/untrusted-input.js'
import { passThrough } from '../options/kinds.js'
import { readOptions } from '../options/read.js'

/** Lower and upper bound of a parameter; −∞ and ∞ by default. */
export type Bound<Limit = number> =
  | readonly [min: Limit, max: Limit]
  | { readonly min?: Limit; readonly max?: Limit }

/** Bounds by parameter name, or as an array in the order of the parameters. */
export type Bounds<Limit = number> =
  | Readonly<Record<string, Bound<Limit>>>
  | readonly (Bound<Limit> | null | undefined)[]

/** A number for all runs, or one number per run. */
export type PerRunLimit = number | ArrayLike<number>

/** Lower and upper bounds of all parameters, in the dtype of the run. */
export interface BoundsBox<Limit = number> {
  readonly min: ArrayLike<Limit>
  readonly max: ArrayLike<Limit>
}

/** The number in the range that is closest to x; NaN stays NaN. */
export function clamp(x: number, min: number, max: number): number {
  return x < min ? min : x > max ? max : x
}

/** Moves a point to the closest point within the bounds. */
export function project(x: FloatArray, { min, max }: BoundsBox): void {
  for (let i = 0; i < x.length; i++) x[i] = clamp(x[i], min[i], max[i])
}

/** Whether a variable is at a bound, and its pull (the gradient, for descent) points out of the bounds. */
export function isHeld(x: number, pull: number, i: number, { min, max }: BoundsBox): boolean {
  return (pull > 0 && x <= min[i]) || (pull < 0 && x >= max[i])
}

interface BoundsContext {
  /** Names of the parameters, if the parameters have names, and the count of parameters. */
  readonly names: readonly string[] | null
  readonly length: number
  readonly dtype: 'float32' | 'float64'
  /** Count of runs, if bounds may differ per run. */
  readonly runs?: number
}

/**
 * Reads the user's bounds; null if no parameter is bounded.
 *
 * @throws OptionError if the bounds are invalid
 */
export function readBounds(
  bounds: unknown,
  reading: BoundsContext & { runs: number },
): BoundsBox<number | FloatArray> | null
export function readBounds(bounds: unknown, reading: BoundsContext): BoundsBox | null
export function readBounds(bounds: unknown, reading: BoundsContext): BoundsBox<number | FloatArray> | null {
  if (bounds === undefined) return null
  const { length } = reading
  const box = {
    min: new Array<number | FloatArray>(length).fill(-Infinity),
    max: new Array<number | FloatArray>(length).fill(Infinity),
  }
  for (const [i, name, bound] of listEntries(bounds, reading)) {
    const { min, max } = readBound(`bounds: ${name}`, bound)
    box.min[i] = readLimit(`bounds: ${name}: min`, min, reading)
    box.max[i] = readLimit(`bounds: ${name}: max`, max, reading)
    const isSame = typeof box.min[i] === 'number' && typeof box.max[i] === 'number'
    for (let run = 0; run < (isSame ? 1 : (reading.runs ?? 1)); run++) {
      const [low, high] = [selectLimit(box.min[i], run), selectLimit(box.max[i], run)]
      if (low <= high && low < Infinity && high > -Infinity) continue
      throw new OptionError(
        `bounds: ${name}`,
        `numbers with min ≤ max in ${reading.dtype}`,
        `${low} and ${high}`,
      )
    }
  }
  const isBounded = [...box.min, ...box.max].some(
    (limit) => typeof limit !== 'number' || Number.isFinite(limit),
  )
  return isBounded ? box : null
}

/** The bound of a parameter in one run. */
export function selectLimit(limit: number | FloatArray, run: number): number {
  return typeof limit === 'number' ? limit : limit[run]
}

function listEntries(bounds: unknown, { names, length }: BoundsContext): [number, string, unknown][] {
  const isList = Array.isArray(bounds)
  if (!isList && (!isRecord(bounds) || names === null)) {
    const by = names === null ? 'an array of [min, max] per parameter' : `[min, max] for ${names.join(', ')}`
    throw new OptionError('bounds', by, bounds)
  }
  if (isList) {
    if (bounds.length !== length)
      throw new OptionError('bounds', `${length} entries, one per parameter`, `${bounds.length}`)
    const entries = Array.from(bounds, (bound, i): [number, string, unknown] => [
      i,
      names?.[i] ?? `${i}`,
      bound,
    ])
    return entries.filter(([, , bound]) => bound !== undefined && bound !== null)
  }
  return Object.entries(bounds).map(([name, bound]) => {
    const i = names?.indexOf(name) ?? -1
    if (i < 0) throw new OptionError('bounds', `names of parameters: ${names?.join(', ')}`, name)
    return [i, name, bound]
  })
}

function readBound(argument: string, bound: unknown): { min: unknown; max: unknown } {
  const expected = '[min, max] or { min, max }'
  if (Array.isArray(bound) && bound.length === 2) return { min: bound[0], max: bound[1] }
  if (!isObject(bound) || Array.isArray(bound) || isFloatArray(bound)) {
    throw new OptionError(argument, expected, bound)
  }
  const { min = -Infinity, max = Infinity } = readOptions(
    argument,
    bound,
    { min: passThrough(), max: passThrough() },
    expected,
  )
  return { min, max }
}

/** Copies a bound, rounded to the dtype. */
function readLimit(argument: string, limit: unknown, { dtype, runs }: BoundsContext): number | FloatArray {
  if (typeof limit === 'number' && !Number.isNaN(limit)) return rounding[dtype](limit)
  if (runs !== undefined && (isFloatArray(limit) || Array.isArray(limit))) {
    if (limit.length !== runs) {
      throw new OptionError(argument, `a number, or one per run (${runs})`, `${limit.length} numbers`)
    }
    const isNumbers = Array.from(limit as ArrayLike<unknown>).every(
      (x) => typeof x === 'number' && !Number.isNaN(x),
    )
    if (isNumbers) return dtype === 'float32' ? Float32Array.from(limit) : Float64Array.from(limit)
  }
  throw new OptionError(
    argument,
    runs === undefined ? 'a number' : 'a number, or an array with one per run',
    limit,
  )
}
