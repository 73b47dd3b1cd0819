/** Random calls of batches of runs, minimizations and fits. Each call is a program. */

import fc from 'fast-check'
import { type Dtype, dtypes } from '../bits.js'
import { treeOf } from './expressions.js'
import { anyNumber, rarely, record } from './numbers.js'
import { type PlaceName, type Pollution, places, pollution } from './parts.js'
import { coreNames, OWN, type PlainRule, ruleAmong } from './rules.js'

interface Call {
  readonly places: readonly PlaceName[]
  readonly pollution: Pollution | null
  /** Whether all places except for the reference make the call with a promise. */
  readonly isAsync: boolean
  /** Whether the options are a proxy that returns wrong values after the first read. */
  readonly isFickle: boolean
  /** The time at which a signal aborts the call: before the call, or at the first progress report. */
  readonly abort: 'before' | 'progress' | null
  readonly options: Readonly<Record<string, unknown>>
}

/** Calls of `minimizeMany` and `minimize` with an expression. */
export interface RunsProgram extends Call {
  readonly kind: 'runs'
  readonly text: string
  readonly dtype: Dtype
  /** The number of runs. Values per run are repeated. */
  readonly runs: number
  /** The starting points of each run. The parameters have the same order as in the expression. */
  readonly starts: readonly (readonly number[])[]
  readonly rule: PlainRule
  /** Whether the call uses only one of the runs. */
  readonly isOne: boolean
}

/** Calls of `fit` and `fitMany`. */
export interface FitsProgram extends Call {
  readonly kind: 'fits'
  readonly fits: number
  /** An expression, or the name of a function of `models`. */
  readonly model: string | { readonly name: string; readonly options: object }
  readonly data: Data
  /** Whether the program is a single fit, whose `sigma` and `weights` apply per row. */
  readonly isOne: boolean
}

export type Data = Readonly<Record<string, readonly number[] | readonly (readonly number[])[]>>

/** Counts that fill several vectors of any width, and small counts. */
const count = fc.oneof(
  { weight: 1, arbitrary: fc.integer({ min: 1, max: 5 }) },
  { weight: 1, arbitrary: fc.constantFrom(17, 33, 67) },
)
/** The number of different runs. */
const DIFFERENT = 5

const NAMES = ['a', 'b', 'c', 't', 'y']

const call = {
  places,
  pollution,
  isAsync: fc.boolean(),
  isFickle: fc.boolean(),
  abort: rarely(12, fc.constantFrom('before' as const, 'progress' as const)),
}

type Options = Record<string, fc.Arbitrary<unknown>>

/** A few options, so that most options keep their default values. Sometimes, an option is invalid. */
const some = (good: Options, bad: readonly object[]): fc.Arbitrary<Readonly<Record<string, unknown>>> =>
  fc
    .tuple(fc.subarray(Object.keys(good), { maxLength: 3 }), record(good), rarely(8, fc.constantFrom(...bad)))
    .map(([keys, whole, wrong]) => ({
      ...Object.fromEntries(keys.map((key) => [key, (whole as Record<string, unknown>)[key]])),
      ...wrong,
    }))

const tolerance = fc.constantFrom(0, 1e-3, 1e-9, 1, 1e300)
const maxIterations = fc.integer({ min: 0, max: 40 })
const wrong: readonly object[] = [
  ...[-1, NaN, '1e-3', null].map((value) => ({ tolerance: value })),
  ...[-1, 0.5, NaN, '3', null].map((value) => ({ maxIterations: value })),
  ...[{ signal: 1 }, { onProgress: 1 }, { unknown: 1 }],
]

const rowsOf = (rows: number) => fc.array(anyNumber, { minLength: rows, maxLength: rows })

/** Columns of equal length, either common to all runs or separate for each run. */
const columnsOf = (names: readonly string[], isOne: boolean): fc.Arbitrary<Data> => {
  const shared = fc
    .integer({ min: 1, max: 6 })
    .chain((rows) => record(Object.fromEntries(names.map((name) => [name, rowsOf(rows)]))))
  if (isOne) return shared
  const own = fc
    .array(fc.integer({ min: 0, max: 9 }), { minLength: 1, maxLength: DIFFERENT })
    .chain((lengths) =>
      record(Object.fromEntries(names.map((name) => [name, fc.tuple(...lengths.map(rowsOf))]))),
    )
  return fc.oneof<fc.Arbitrary<Data>[]>(shared, own)
}

const different = <T>(one: fc.Arbitrary<T>) => fc.array(one, { minLength: 1, maxLength: DIFFERENT })

/** Limits from one number to another number, equal limits, or no limits. */
const limits = fc
  .tuple(fc.oneof(anyNumber, fc.constantFrom(-1, 0, 1)), fc.oneof(anyNumber, fc.constantFrom(0, 1, 2)))
  .map(([a, b]) => (Number.isNaN(a + b) ? { min: 0, max: 0 } : { min: Math.min(a, b), max: Math.max(a, b) }))

export const runsProgram: fc.Arbitrary<RunsProgram> = fc
  .record({
    tree: treeOf({ names: NAMES }),
    runs: count,
    isOne: fc.nat(4).map((n) => n === 0),
    columns: fc.subarray(['t', 'y']),
  })
  .chain(({ tree: { text }, runs, isOne, columns }) => {
    const named = [...new Set(text.match(/\b[abcty]\b/g))]
    // At least one of the names is a parameter.
    const given = columns.filter((name) => named.includes(name) && named.length > columns.length)
    const parameters = named.filter((name) => !given.includes(name))
    return record<RunsProgram>({
      kind: fc.constant('runs' as const),
      ...call,
      text: fc.constant(text),
      dtype: fc.constantFrom(...dtypes),
      runs: fc.constant(runs),
      starts: different(fc.tuple(...parameters.map(() => anyNumber))),
      rule: fc.oneof(
        {
          weight: 9,
          arbitrary: ruleAmong(fc.constantFrom(...coreNames, 'adamw', 'signSgd', 'adamax', 'nadam')).filter(
            ({ cautious, grams, form }) => !cautious && !grams && form !== 'shifted',
          ),
        },
        { weight: 1, arbitrary: ruleAmong() },
        { weight: 2, arbitrary: ruleAmong(fc.constant(OWN)) },
      ),
      isOne: fc.constant(isOne),
      options: fc
        .tuple(
          maxIterations,
          given.length > 0 ? columnsOf(given, isOne) : fc.constant(undefined),
          some(
            {
              tolerance,
              bounds: record(Object.fromEntries(parameters.slice(0, 2).map((name) => [name, limits]))),
              clip: fc.constantFrom({ value: 0.5 }, {}, { value: 1e-60 }),
              ...(!isOne && {
                perRun: record({ lr: different(fc.constantFrom(0, 1e-3, 0.1, 1e200)) }),
                recordEvery: fc.constantFrom(1, 3),
              }),
            },
            [
              ...wrong,
              ...[{ clip: { value: 0 } }, { clip: { norm: 1 } }, { bounds: { q: { min: 0 } } }],
              ...[{ bounds: { a: { min: 1, max: 0 } } }, { perRun: { lr: [1, -1] } }, { recordEvery: 0.5 }],
            ],
          ),
        )
        .map(([most, data, rest]) => ({ maxIterations: most, ...(data && { data }), ...rest })),
    })
  })

const texts = [
  'a*exp(-b*t) + c',
  'a*sin(b*t + c)',
  'a/(1 + exp(-b*(t - c)))',
  'a*t^b',
  'a*t + b',
  'a + b*cos(t) + c*tan(t)',
  'a*exp(-((t - b)/c)^2)',
]
const modelNames = [
  ...['line', 'exponential', 'power', 'logistic', 'fourPL', 'fivePL', 'hill', 'michaelisMenten'],
  ...['gaussian', 'lorentzian', 'pseudoVoigt', 'voigt', 'exponentialGaussian', 'skewedGaussian', 'sinusoid'],
]
const model = fc.oneof<fc.Arbitrary<FitsProgram['model']>[]>(
  fc.constantFrom(...texts),
  treeOf({ names: ['a', 'b', 'c', 't'], maxDepth: 4 }).map(({ text }) => `a*t + (${text}) + b`),
  fc.constantFrom(...modelNames).map((name) => ({ name, options: { x: 't' } })),
  fc.constantFrom(
    { name: 'polynomial', options: { x: 't', degree: 2 } },
    { name: 'peaks', options: { x: 't', count: 2, shape: 'lorentzian' } },
    { name: 'peaks', options: { x: 't', count: 2, baseline: 'line' } },
  ),
)

/** Rows near a curve, like realistic data. */
const sensible = fc.tuple(fc.integer({ min: 3, max: 12 }), fc.nat(1000)).map(([rows, seed]) => {
  const t = Array.from({ length: rows }, (_, k) => k / 2)
  return { t, y: t.map((at, k) => 3 * Math.exp(-at / 2) + 1 + 0.05 * Math.sin(seed + 7 * k)) }
})

/** Several starting points require bounds. */
const box = (start: object) =>
  Object.fromEntries(Object.keys(start).map((name) => [name, { start: 1, min: -1, max: 4 }]))

export const fitsProgram: fc.Arbitrary<FitsProgram> = fc
  .record({ model, fits: count, isOne: fc.boolean() })
  .chain(({ model, fits, isOne }) => {
    const parameters = typeof model === 'string' ? [...new Set(model.match(/\b[abc]\b/g))] : []
    const parameter = fc.oneof(
      { weight: 4, arbitrary: fc.constantFrom<unknown>(0.5, 1, 2) },
      { weight: 2, arbitrary: anyNumber },
      { weight: 2, arbitrary: fc.tuple(anyNumber, limits).map(([start, box]) => ({ start, ...box })) },
      { weight: 2, arbitrary: fc.constantFrom({ start: 1, min: 0, max: 4 }, { start: 3, min: 1, max: 2 }) },
      { weight: 2, arbitrary: record({ start: anyNumber, fixed: fc.boolean() }) },
      { weight: 2, arbitrary: isOne ? anyNumber : different(anyNumber) },
      { weight: 1, arbitrary: fc.constantFrom('1', { start: 1, min: 2, max: 0 }, { start: 1, unknown: 1 }) },
    )
    const starts = record(Object.fromEntries(parameters.map((name) => [name, parameter])))
    const weights = fc
      .array(fc.oneof(fc.constantFrom(0, 1, 2, 0.5), anyNumber.map(Math.abs)), { minLength: 3, maxLength: 6 })
      .map((list) => list.map((w) => (Number.isFinite(w) ? w : 1)))
    return record<FitsProgram>({
      kind: fc.constant('fits' as const),
      ...call,
      model: fc.constant(model),
      fits: fc.constant(fits),
      isOne: fc.constant(isOne),
      data: fc.oneof<fc.Arbitrary<FitsProgram['data']>[]>(sensible, sensible, columnsOf(['t', 'y'], isOne)),
      options: fc
        .tuple(
          starts,
          some(
            {
              maxIterations: fc.integer({ min: 1, max: 40 }),
              tolerance,
              loss: fc.constantFrom('squared', 'huber', 'softL1', 'cauchy', 'poisson'),
              lossScale: fc.constantFrom(1, 0.1, 1e-200),
              weighed: fc.oneof(
                record({ weights }),
                record({ sigma: weights.map((list) => list.map((w) => w || 1)) }),
              ),
              absoluteSigma: fc.boolean(),
              multiStart: fc.constantFrom<unknown>(
                3,
                { count: 2, sample: 'sobol' },
                { count: 2, sample: 'uniform', seed: 5 },
              ),
              method: ruleAmong(fc.constantFrom(...coreNames)),
            },
            [
              ...wrong,
              { lossScale: 0 },
              { loss: 'l2' },
              { multiStart: 0 },
              { sigma: [1, -1] },
              { start: {} },
            ],
          ),
        )
        .map(([start, { weighed, ...rest }]) => ({
          ...(parameters.length > 0 && { start: 'multiStart' in rest ? box(start) : start }),
          ...(weighed as object | undefined),
          ...('method' in rest && { maxIterations: 30 }),
          ...rest,
        })),
    })
  })
