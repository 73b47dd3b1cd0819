/** Enzyme kinetics with an inhibitor, or with substrate inhibition. */

import { OptionError } from '../../core/errors.js'
import { type Slices, sortInSlices } from '../../core/slices.js'
import { isName } from '../../expressions/expression.js'
import { keyOption, option } from '../../options/kinds.js'
import { readOptions } from '../../options/read.js'
import { commonOptions, define } from './define.js'
import { column, finiteRows, rowsWhere, selectBest } from './linear-least-squares.js'
import type { FitModel, GuessArguments, ModelOptions } from './model.js'

/**
 * Factors of km and of the substrate concentration x in the denominator, at the inhibitor concentration i.
 */
const kinds = {
  competitive: { names: ['vmax', 'km', 'ki'], km: (i: string) => `(1 + ${i}/ki)`, x: () => '' },
  uncompetitive: { names: ['vmax', 'km', 'ki'], km: () => '', x: (i: string) => `(1 + ${i}/ki)` },
  noncompetitive: {
    names: ['vmax', 'km', 'ki'],
    km: (i: string) => `(1 + ${i}/ki)`,
    x: (i: string) => `(1 + ${i}/ki)`,
  },
  mixed: {
    names: ['vmax', 'km', 'ki', 'alpha'],
    km: (i: string) => `(1 + ${i}/ki)`,
    x: (i: string) => `(1 + ${i}/(alpha*ki))`,
  },
} as const

/** Type of enzyme inhibition. */
export type InhibitionKind = keyof typeof kinds

const inhibitionTable = {
  /** Type of inhibition: 'competitive', 'uncompetitive', 'noncompetitive' or 'mixed'. Default 'mixed'. */
  kind: keyOption<InhibitionKind, 'mixed'>(kinds, 'mixed'),
  /** Name of the column of inhibitor concentrations. Default 'i'. */
  inhibitor: option<string, string>('a name', 'i', isName),
}

const table = { ...commonOptions, ...inhibitionTable }

// Editors do not show comments on fields from a spread, so the interface repeats the options.
/** Options of `models.inhibition`. */
export interface InhibitionOptions extends ModelOptions {
  /** Type of inhibition: 'competitive', 'uncompetitive', 'noncompetitive' or 'mixed'. Default 'mixed'. */
  readonly kind?: InhibitionKind
  /** Name of the column of inhibitor concentrations. Default 'i'. */
  readonly inhibitor?: string
}

const positive = { positive: true } as const

/**
 * Enzyme kinetics with an inhibitor: vmax·x/(km·(1 + i/ki) + x·(1 + i/(alpha·ki))) for the kind 'mixed'. The data have
 * two columns, the substrate concentration x ≥ 0 and the inhibitor concentration i ≥ 0. The kind 'competitive' omits
 * the factor of x, and the kind 'uncompetitive' omits the factor of km. The kind 'noncompetitive' sets alpha to 1. The
 * parameters km and ki are concentrations. All of km, ki and alpha are positive.
 */
export function inhibition(options: InhibitionOptions = {}): FitModel<'vmax' | 'km' | 'ki' | 'alpha'> {
  const { kind, inhibitor, ...rest } = readOptions('options', options, table)
  const { names, km, x: beside } = kinds[kind]
  if ((names as readonly string[]).includes(inhibitor))
    throw new OptionError('inhibitor', `a name other than ${names.join(', ')}`, inhibitor)
  const times = (name: string, factor: string) => (factor === '' ? name : `${name}*${factor}`)
  const isMixed = kind === 'mixed'
  return define<'vmax' | 'km' | 'ki' | 'alpha'>(
    rest,
    (x) => `vmax*${x}/(${times('km', km(inhibitor))} + ${times(x, beside(inhibitor))})`,
    function* (xs, ys, is) {
      const found = yield* guess(
        xs,
        ys,
        is,
        [km(inhibitor) === '' ? 0 : 1, beside(inhibitor) === '' ? 0 : 1],
        isMixed,
      )
      return Object.fromEntries(names.map((name) => [name, found[name]])) as typeof found
    },
    { km: positive, ki: positive, ...(isMixed && { alpha: positive }) },
    [inhibitor],
  )
}

/** Candidate values for km and ki, as multiples of the largest concentration. */
const CONSTANT_RATIOS = [1 / 256, 1 / 64, 1 / 16, 1 / 8, 1 / 4, 1 / 2, 1, 2, 4]
/** Candidate values for the parameter alpha. */
const ALPHAS = [1, 0.25, 4]

function* guess(
  xs: ArrayLike<number>,
  ys: ArrayLike<number>,
  is: ArrayLike<number>,
  [onKm, onX]: readonly number[],
  isMixed: boolean,
): Slices<Record<'vmax' | 'km' | 'ki' | 'alpha', number>> {
  const isOne = (row: number) =>
    xs[row] >= 0 && is[row] >= 0 && [xs[row], ys[row], is[row]].every((number) => Number.isFinite(number))
  const compare = (a: number, b: number) => xs[a] - xs[b] || ys[a] - ys[b] || is[a] - is[b]
  const rows = yield* sortInSlices(yield* rowsWhere(xs.length, isOne), compare)
  const [x, y, i] = [
    yield* column(rows.length, (k) => xs[rows[k]]),
    yield* column(rows.length, (k) => ys[rows[k]]),
    yield* column(rows.length, (k) => is[rows[k]]),
  ]
  const most = (values: Float64Array) => values.reduce((a, b) => Math.max(a, b), 0) || 1
  const [mostX, mostI] = [most(x), most(i)]
  const { candidate, coefficients } = yield* selectBest(y, {
    candidates: CONSTANT_RATIOS.flatMap((a) =>
      CONSTANT_RATIOS.flatMap((b) =>
        (isMixed ? ALPHAS : [1]).map((alpha) => ({ km: a * mostX, ki: b * mostI, alpha })),
      ),
    ),
    count: 1,
    fill: ({ km, ki, alpha }, [curve], from, to) => {
      for (let row = from; row < to; row++) {
        const bound = i[row] / ki
        curve[row] = x[row] / (km * (1 + onKm * bound) + x[row] * (1 + (onX * bound) / alpha))
      }
    },
    hasOffset: false,
  })
  return { vmax: coefficients[0], ...candidate }
}

/**
 * Substrate inhibition vmax·x/(km + x + x²/ki), for x ≥ 0 (Haldane, 1930). Both km and ki are positive and in
 * the unit of x. The rate has its maximum at x = √(km·ki).
 */
export function substrateInhibition(options: ModelOptions = {}): FitModel<'vmax' | 'km' | 'ki'> {
  return define(
    options,
    (x) => `vmax*${x}/(km + ${x} + ${x}^2/ki)`,
    function* (xs, ys) {
      const { x, y, range } = yield* finiteRows(xs, ys, (at) => at >= 0)
      const largest = x[x.length - 1] || range
      const { candidate, coefficients } = yield* selectBest(y, {
        candidates: CONSTANT_RATIOS.flatMap((a) =>
          CONSTANT_RATIOS.map((b) => ({ km: a * largest, ki: b * largest })),
        ),
        count: 1,
        fill: ({ km, ki }, [curve], from, to) => {
          for (let row = from; row < to; row++) curve[row] = x[row] / (km + x[row] + x[row] * (x[row] / ki))
        },
        hasOffset: false,
      })
      return { vmax: coefficients[0], ...candidate }
    },
    { km: positive, ki: positive },
  )
}

/**
 * Rate in the presence of a tight-binding inhibitor: v0·(e − x − ki + √((e − x − ki)² + 4·e·ki))/(2·e)
 * (Morrison, 1969). The inhibitor concentration is x ≥ 0, and the enzyme concentration is e. Binding to the
 * enzyme consumes part of the inhibitor. The parameter ki is the apparent inhibition constant. Both e and ki
 * are positive and in the unit of x. A known e can be fixed: `start: { e: { start: 2, fixed: true } }`.
 */
export function tightBinding(options: ModelOptions = {}): FitModel<'v0' | 'e' | 'ki'> {
  return define(
    options,
    (x) => {
      const free = `(e - ${x} - ki)`
      const root = `sqrt(${free}^2 + 4*e*ki)`
      // The expression uses whichever of two equivalent forms avoids cancellation.
      return `${free} > 0 ? v0*(${free} + ${root})/(2*e) : v0*2*ki/(${root} - ${free})`
    },
    guessTight,
    { e: positive, ki: positive },
  )
}

function* guessTight(...[xs, ys]: GuessArguments) {
  const { x, y, range } = yield* finiteRows(xs, ys, (at) => at >= 0)
  const largest = x[x.length - 1] || range
  const { candidate, coefficients } = yield* selectBest(y, {
    candidates: CONSTANT_RATIOS.flatMap((a) =>
      CONSTANT_RATIOS.map((b) => ({ e: a * largest, ki: b * b * largest })),
    ),
    count: 1,
    fill: ({ e, ki }, [curve], from, to) => {
      for (let row = from; row < to; row++) {
        const free = e - x[row] - ki
        const root = Math.sqrt(free * free + 4 * e * ki)
        curve[row] = free > 0 ? (free + root) / (2 * e) : (2 * ki) / (root - free)
      }
    },
    hasOffset: false,
  })
  return { v0: coefficients[0], ...candidate }
}
