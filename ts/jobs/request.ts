/** Validation of requests that come from files and are therefore untrusted. */

import { toKebabCase } from '../core/text.js'
import { isRecord, toBoundedArray } from '../core/untrusted-input.js'
import { losses } from '../fits/problem/loss.js'
import {
  choice,
  customOption,
  finite,
  flag,
  integerBetween,
  nonNegative,
  nullable,
  type Option,
  option,
  optional,
  positive,
} from '../options/kinds.js'
import { readOption, readOptions } from '../options/read.js'
import type { FitsRequest } from './fits.js'
import { MAX_ITERATIONS } from './limits.js'
import { type MethodName, methodNames, type SweepRequest, sweepable } from './sweep.js'
import { MAX_STARTS, samples } from './sweep-input.js'

/** The maximum length of a string in a request, in characters. */
const MAX_TEXT_LENGTH = 100_000
/** The maximum number of entries of an object or array in a request. */
const MAX_ENTRIES = 10_000

/** A string of limited length. */
export const text = () =>
  option<string, undefined>(
    'a string',
    undefined,
    (x) => typeof x === 'string' && x.length <= MAX_TEXT_LENGTH,
  )

const list = <T>(kind: Option<T>) =>
  customOption<readonly T[]>((what, given) =>
    toBoundedArray(given, MAX_ENTRIES)?.map((one, k) => readOption(`${what}[${k}]`, kind, one)),
  )

const nonEmptyList = <T>(kind: Option<T>) => ({ ...list(kind), expected: 'an array' }) as Option<readonly T[]>

const record = <T>(kind: Option<T>) =>
  ({
    ...customOption<Readonly<Record<string, T>>>((what, given) => {
      if (!isRecord(given)) return undefined
      const entries = Object.entries(given)
      if (entries.length > MAX_ENTRIES) return undefined
      return Object.fromEntries(
        entries.map(([name, one]) => [name, readOption(`${what}: ${name}`, kind, one)]),
      )
    }),
    expected: 'an object',
  }) as Option<Readonly<Record<string, T>>>

const range = customOption<readonly [number, number]>((what, given) => {
  const ends = toBoundedArray(given, 2)
  if (ends?.length !== 2) return undefined
  return [readOption(what, finite(), ends[0]), readOption(what, finite(), ends[1])]
})

const value = option<unknown, undefined>(
  'a finite number, a string, true, false or null',
  undefined,
  (x) => x === null || typeof x === 'boolean' || Number.isFinite(x) || text().accepts(x),
)

const fits = {
  model: text(),
  x: optional(record(text())),
  start: optional(record(finite())),
  min: optional(record(finite())),
  max: optional(record(finite())),
  fixed: optional(record(nullable<number>(finite()))),
  expr: optional(record(text())),
  positive: optional(nonEmptyList(text())),
  y: { ...text(), default: 'y' },
  sigma: optional(text()),
  weights: optional(text()),
  absoluteSigma: optional(flag()),
  loss: choice('squared', ...(Object.keys(losses).map(toKebabCase) as [])),
  lossScale: optional(positive()),
  compare: optional(text()),
  derive: optional(record(text())),
  profile: optional(flag()),
  multiStart: optional(integerBetween(1, 4096)),
  tolerance: nonNegative(1e-10),
  maxIterations: integerBetween(0, MAX_ITERATIONS, 1000),
} satisfies Record<Exclude<keyof FitsRequest, 'ode' | 'extraNames'>, Option>

const sweep = {
  function: optional(text()),
  expression: optional(text()),
  condition: optional(value),
  box: optional(record(range)),
  target: optional(finite()),
  starts: optional(integerBetween(1, MAX_STARTS)),
  sample: choice(...samples),
  seed: optional(integerBetween(0, 0xffff_ffff)),
  dtype: choice('float64', 'float32'),
  rule: choice('adam', ...(sweepable as unknown as [])),
  method: optional(choice(...(methodNames as [MethodName, ...MethodName[]]))),
  options: { ...record(nonEmptyList(value)), default: {} },
  clip: optional(finite()),
  tolerance: nonNegative(1e-9),
  maxIterations: integerBetween(0, MAX_ITERATIONS, 10_000),
} satisfies Record<keyof SweepRequest, Option>

/** A request for fits, as written by a user. Omitted options take the defaults of the command line. */
export type FitsRequestInput = Pick<FitsRequest, 'model'> & Partial<FitsRequest>
export type SweepRequestInput = Partial<SweepRequest>

/**
 * @throws OptionError if the request for fits is invalid
 */
export const readFitsRequest = (what: string, given: unknown): FitsRequest =>
  readOptions(what, given, fits) as FitsRequest

/**
 * @throws OptionError if the request for a sweep is invalid
 */
export const readSweepRequest = (what: string, given: unknown): SweepRequest =>
  readOptions(what, given, sweep) as SweepRequest
