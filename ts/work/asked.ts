/** What is asked, as it comes from a file: a stranger's. */

import { losses } from '../fits/loss.js'
import { isRecord, listOf } from '../ground/given.js'
import { inKebabCase } from '../ground/text.js'
import {
  finite,
  flag,
  nonNegative,
  type Option,
  oneOf,
  option,
  optional,
  orNull,
  positive,
  readBy,
  wholeTo,
} from '../options/kinds.js'
import { readOption, readOptions } from '../options/read.js'
import type { FitsAsked } from './fits.js'
import { MAX_ITERATIONS } from './limits.js'
import { type SweepAsked, sweepable } from './sweep.js'
import { MOST_STARTS, samples } from './sweep-input.js'

/** Characters of a text at most, and entries of a record or list. */
const [LONGEST, MOST] = [100_000, 10_000]

/** A text that is not endless. */
export const text = () =>
  option<string, undefined>('a text', undefined, (x) => typeof x === 'string' && x.length <= LONGEST)

const list = <T>(kind: Option<T>) =>
  readBy<readonly T[]>((what, given) =>
    listOf(given, MOST)?.map((one, k) => readOption(`${what}[${k}]`, kind, one)),
  )

const listed = <T>(kind: Option<T>) => ({ ...list(kind), expected: 'a list' }) as Option<readonly T[]>

const record = <T>(kind: Option<T>) =>
  ({
    ...readBy<Readonly<Record<string, T>>>((what, given) => {
      if (!isRecord(given)) return undefined
      const entries = Object.entries(given)
      if (entries.length > MOST) return undefined
      return Object.fromEntries(
        entries.map(([name, one]) => [name, readOption(`${what}: ${name}`, kind, one)]),
      )
    }),
    expected: 'an object',
  }) as Option<Readonly<Record<string, T>>>

const range = readBy<readonly [number, number]>((what, given) => {
  const ends = listOf(given, 2)
  if (ends?.length !== 2) return undefined
  return [readOption(what, finite(), ends[0]), readOption(what, finite(), ends[1])]
})

const value = option<unknown, undefined>(
  'a finite number, a text, true, false or null',
  undefined,
  (x) => x === null || typeof x === 'boolean' || Number.isFinite(x) || text().accepts(x),
)

const fits = {
  model: text(),
  x: optional(record(text())),
  ...{ start: optional(record(finite())), min: optional(record(finite())), max: optional(record(finite())) },
  fixed: optional(record(orNull<number>(finite()))),
  expr: optional(record(text())),
  positive: optional(listed(text())),
  y: { ...text(), default: 'y' },
  ...{ sigma: optional(text()), weights: optional(text()), absoluteSigma: optional(flag()) },
  loss: oneOf('squared', ...(Object.keys(losses).map(inKebabCase) as [])),
  lossScale: optional(positive()),
  compare: optional(text()),
  derive: optional(record(text())),
  profile: optional(flag()),
  multiStart: optional(wholeTo(1, 4096)),
  ...{ tolerance: nonNegative(1e-10), maxIterations: wholeTo(0, MAX_ITERATIONS, 1000) },
} satisfies Record<keyof FitsAsked, Option>

const sweep = {
  ...{ function: optional(text()), expression: optional(text()), condition: optional(value) },
  box: optional(record(range)),
  ...{ target: optional(finite()), starts: optional(wholeTo(1, MOST_STARTS)) },
  sample: oneOf(...samples),
  seed: optional(wholeTo(0, 0xffff_ffff)),
  dtype: oneOf('float64', 'float32'),
  rule: oneOf('adam', ...(sweepable as unknown as [])),
  options: { ...record(listed(value)), default: {} },
  clip: optional(finite()),
  ...{ tolerance: nonNegative(1e-9), maxIterations: wholeTo(0, MAX_ITERATIONS, 10_000) },
} satisfies Record<keyof SweepAsked, Option>

/** What fits are asked as a user gives it; what is left out is as it is on the command line. */
export type FitsGiven = Pick<FitsAsked, 'model'> & Partial<FitsAsked>
export type SweepGiven = Partial<SweepAsked>

/** @throws OptionError where it is not what fits can be asked */
export const readFitsAsked = (what: string, given: unknown): FitsAsked =>
  readOptions(what, given, fits) as FitsAsked

/** @throws OptionError where it is not what a sweep can be asked */
export const readSweepAsked = (what: string, given: unknown): SweepAsked =>
  readOptions(what, given, sweep) as SweepAsked
