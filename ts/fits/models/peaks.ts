/** Peaks, by their heights and widths, on a baseline or without one. */

import { exp, log } from '../../functions/index.js'
import { inSlices, type Slices, sorted } from '../../ground/slices.js'
import { finite, type GivenOf, nameIn, wholeTo } from '../../options/kinds.js'
import { readOption, readOptions } from '../../options/read.js'
import type { FitParameter } from '../parameters.js'
import { MOST_IN_PROGRAMS } from '../problem.js'
import { define, ofAll } from './define.js'
import type { FitModel, ModelOptions } from './model.js'
import { bestOf, column, copied, finiteRows, firstWhere, type Rows, zeros } from './rows.js'

interface Shape {
  readonly names: readonly string[]
  /** By names of the height, of u = (x − center)/sigma and of the fraction. */
  readonly text: (height: string, u: string, fraction: string) => string
  /** A peak of the height 1, by u; its fraction is ½. */
  readonly at: (u: number) => number
  /** How many sigma there are from the center to half the height. */
  readonly halfWidth: number
}

const LOG_2 = log(2)
const gauss = (u: number) => exp((-u * u) / 2)
const lorentz = (u: number) => 1 / (1 + u * u)

const shapes = {
  gaussian: {
    names: ['height', 'center', 'sigma'],
    text: (height, u) => `${height}*exp(-${u}^2/2)`,
    at: gauss,
    // √(2·log 2)
    halfWidth: 1.1774100225154747,
  },
  lorentzian: {
    names: ['height', 'center', 'sigma'],
    text: (height, u) => `${height}/(1 + ${u}^2)`,
    at: lorentz,
    halfWidth: 1,
  },
  pseudoVoigt: {
    names: ['height', 'center', 'sigma', 'fraction'],
    text: (height, u, fraction) =>
      `${height}*(${fraction}/(1 + ${u}^2) + (1 - ${fraction})*exp(-log(2)*${u}^2))`,
    at: (u) => (lorentz(u) + exp(-LOG_2 * u * u)) / 2,
    halfWidth: 1,
  },
} as const satisfies Record<string, Shape>

/** A shape of peaks. */
export type PeakShape = keyof typeof shapes
/** What its parameters are called. */
type NamesOf<S extends PeakShape> = (typeof shapes)[S]['names'][number]

/**
 * height·e^(−((x − center)/sigma)²/2): sigma is the standard deviation, in units of x, and the area
 * height·sigma·√(2π). The sign of sigma means nothing.
 */
export function gaussian(options: ModelOptions = {}): FitModel<NamesOf<'gaussian'>> {
  return single(options, 'gaussian')
}

/**
 * height/(1 + ((x − center)/sigma)²): sigma is half the width at half the height, in units of x, and the area
 * height·sigma·π. The sign of sigma means nothing.
 */
export function lorentzian(options: ModelOptions = {}): FitModel<NamesOf<'lorentzian'>> {
  return single(options, 'lorentzian')
}

/**
 * height·(fraction·L + (1 − fraction)·G): a Lorentzian and a Gaussian of the same center, height and width at half
 * the height, which is 2·sigma, in units of x. The fraction is from 0 to 1.
 */
export function pseudoVoigt(options: ModelOptions = {}): FitModel<NamesOf<'pseudoVoigt'>> {
  return single(options, 'pseudoVoigt')
}

const own = {
  /** How many peaks there are, 1 to 5; 3 at most if they have a fraction; 2. */
  count: finite(2),
  /** 'gaussian' */
  shape: nameIn<PeakShape, 'gaussian'>(shapes, 'gaussian'),
}

const table = { ...ofAll, ...own }

// Editors do not show comments on what a spread brings.
export interface PeaksOptions extends ModelOptions, GivenOf<typeof own> {}

/**
 * The sum of peaks of one shape, and a baseline: height1, center1, sigma1 (and fraction1), height2, …, offset. They
 * are numbered from left to right where they are guessed.
 */
export function peaks(options: PeaksOptions = {}): FitModel<`${NamesOf<PeakShape>}${number}` | 'offset'> {
  const { count, shape, ...rest } = readOptions('options', options, table)
  const most = Math.floor((MOST_IN_PROGRAMS - 1) / shapes[shape].names.length)
  readOption('count', wholeTo(1, most), count)
  const suffixes = Array.from({ length: count }, (_, k) => `${k + 1}`)
  return define(
    rest,
    (x) => `${suffixes.map((suffix) => peakText(shape, x, suffix)).join(' + ')} + offset`,
    function* (x, y) {
      const { offset, found } = yield* guess(yield* finiteRows(x, y), shapes[shape], count, true)
      return { ...Object.assign({}, ...found.map((peak, k) => named(shape, peak, suffixes[k]))), offset }
    },
    Object.assign({}, ...suffixes.map((suffix) => boundsOf(shape, suffix))),
  )
}

function single<S extends PeakShape>(options: ModelOptions, shape: S): FitModel<NamesOf<S>> {
  return define(
    options,
    (x) => peakText(shape, x, ''),
    function* (x, y) {
      const { found } = yield* guess(yield* finiteRows(x, y), shapes[shape], 1, false)
      return named(shape, found[0], '') as Record<NamesOf<S>, number>
    },
    boundsOf(shape, ''),
  )
}

function peakText(shape: PeakShape, x: string, suffix: string): string {
  const u = `((${x} - center${suffix})/sigma${suffix})`
  return shapes[shape].text(`height${suffix}`, u, `fraction${suffix}`)
}

function boundsOf(shape: PeakShape, suffix: string): Readonly<Record<string, FitParameter>> {
  return shape === 'pseudoVoigt' ? { [`fraction${suffix}`]: { min: 0, max: 1 } } : {}
}

function named(shape: PeakShape, { height, center, sigma }: Peak, suffix: string) {
  const numbers = [height, center, sigma, 0.5]
  return Object.fromEntries(shapes[shape].names.map((name, k) => [name + suffix, numbers[k]]))
}

interface Peak {
  readonly height: number
  readonly center: number
  readonly sigma: number
}

/** Peaks one after the other, each where most is left; for several levels that the baseline may have. */
function* guess(rows: Rows, shape: Shape, count: number, hasOffset: boolean) {
  const { x, y } = rows
  const candidates: Peak[][] = []
  for (const level of hasOffset ? yield* levelsOf(y) : [0]) {
    candidates.push(yield* search(rows, level, count, shape))
  }
  const { candidate, coefficients } = yield* bestOf(y, {
    candidates,
    count,
    fill: (found, columns, from, to) => {
      for (const [k, peak] of found.entries()) draw(shape, peak, x, columns[k], from, to)
    },
    hasOffset,
  })
  const heights = coefficients.slice(hasOffset ? 1 : 0)
  const found = candidate.map((peak, k) => ({ ...peak, height: heights[k] }))
  return { offset: hasOffset ? coefficients[0] : 0, found: found.sort((a, b) => a.center - b.center) }
}

function* levelsOf(y: Float64Array): Slices<readonly number[]> {
  // −0 comes before 0.
  const inOrder = yield* sorted(copied(y), (a, b) => a - b || 1 / a - 1 / b)
  const last = y.length - 1
  const low = Math.floor(last / 10)
  const middle = (inOrder[last >> 1] + inOrder[y.length >> 1]) / 2
  return [inOrder[low], middle, inOrder[last - low]]
}

type Place = Omit<Peak, 'height'>

/** Some rows of a peak of the height 1. */
function draw(
  shape: Shape,
  { center, sigma }: Place,
  x: Float64Array,
  on: Float64Array,
  from: number,
  to: number,
) {
  for (let row = from; row < to; row++) on[row] = shape.at((x[row] - center) / sigma)
}

function* search({ x, y, range }: Rows, level: number, count: number, shape: Shape): Slices<Peak[]> {
  const rest = yield* column(y.length, (row) => y[row] - level)
  const drawn = zeros(rest.length)
  const found: Peak[] = []
  while (found.length < count) {
    let top = 0
    yield* inSlices(rest.length, (from, to) => {
      for (let row = from; row < to; row++) if (Math.abs(rest[row]) > Math.abs(rest[top])) top = row
    })
    const sigma = halfWidthAt({ x, y: rest, range }, top) / shape.halfWidth
    const peak = yield* refine(x, rest, { center: x[top], sigma }, shape)
    yield* inSlices(rest.length, (from, to) => {
      draw(shape, peak, x, drawn, from, to)
      for (let row = from; row < to; row++) rest[row] -= peak.height * drawn[row]
    })
    found.push(peak)
  }
  return found
}

const WIDTHS = [1, 0.7, 1.4, 2]
const SHIFTS = [0, -0.4, 0.4]

/** A peak like one that noise may have made narrow: the best one by the rows about it. */
function* refine(x: Float64Array, y: Float64Array, { center, sigma }: Place, shape: Shape): Slices<Peak> {
  const reach = 2.5 * shape.halfWidth * sigma
  const from = firstWhere(x, (at) => at >= center - reach)
  const to = firstWhere(x, (at) => at > center + reach)
  const near = x.subarray(from, to)
  const { candidate, coefficients } = yield* bestOf(y.subarray(from, to), {
    candidates: WIDTHS.flatMap((width) =>
      SHIFTS.map((shift) => ({ center: center + shift * sigma, sigma: width * sigma })),
    ),
    count: 1,
    fill: (place, [column], from, to) => draw(shape, place, near, column, from, to),
    hasOffset: false,
  })
  return { ...candidate, height: coefficients[0] }
}

/** From a peak to where it has half the height, on the side where that is nearer: the other may have another peak. */
function halfWidthAt({ x, y, range }: Rows, top: number): number {
  const half = y[top] / 2
  const isAbove = (row: number) => (half < 0 ? y[row] < half : y[row] > half)
  const distances = [-1, 1].map((step) => {
    let row = top
    while (isAbove(row) && row + step >= 0 && row + step < y.length) row += step
    if (isAbove(row) || row === top) return Infinity
    const part = (half - y[row]) / (y[row - step] - y[row])
    return Math.abs(x[row] + part * (x[row - step] - x[row]) - x[top])
  })
  const least = Math.min(...distances.filter((distance) => distance > 0))
  return least < Infinity ? least : range / 2
}
