/** Curves that go from one level to another: the logistic function of x, or of log x for doses. */

import { exp, pow } from '../../functions/index.js'
import { powerOfTwo } from '../../functions/numbers.js'
import { define, type FitModel, type ModelOptions, readModelOptions } from './model.js'
import { bestOf, finiteRows, ones, type Rows } from './rows.js'

/** 1/(1 + e^(−t)), in a form without overflow. */
const sigmoid = (t: string) => `(0.5 + 0.5*tanh(0.5*${t}))`

/** amplitude/(1 + e^(−rate·(x − center))): growth towards the amplitude, or where the rate is below 0 decline. */
export function logistic(options: ModelOptions = {}): FitModel {
  return define(
    readModelOptions(options),
    (x) => `amplitude*${sigmoid(`rate*(${x} - center)`)}`,
    (x, y) => guessLogistic(finiteRows(x, y)),
  )
}

/**
 * vmax·xⁿ/(kⁿ + xⁿ), for doses x ≥ 0; at k, in units of x, half of vmax is reached. Where n is below 0 it falls
 * from vmax to 0.
 */
export function hill(options: ModelOptions = {}): FitModel {
  return define(
    readModelOptions(options),
    // What has no logarithm is the dose 0.
    (x) => `${x} > 0 ? vmax*${sigmoid(`n*log(${x}/k)`)} : n > 0 ? 0 : vmax`,
    (x, y) => guessHill(finiteRows(x, y)),
  )
}

/**
 * bottom + (top − bottom)/(1 + (ec50/x)^slope), for doses x ≥ 0; at ec50, in units of x, the curve is half-way. Where
 * the slope is below 0 it falls from top to bottom.
 */
export function fourPL(options: ModelOptions = {}): FitModel {
  return define(
    readModelOptions(options),
    (x) => `${x} > 0 ? bottom + (top - bottom)*${sigmoid(`slope*log(${x}/ec50)`)} : slope > 0 ? bottom : top`,
    (x, y) => {
      const { asymmetry: _, ...others } = guessDoses(finiteRows(x, y), [1])
      return others
    },
  )
}

/**
 * bottom + (top − bottom)/(1 + (ec50/x)^slope)^asymmetry, for doses x ≥ 0. The curve is half-way at
 * ec50/(2^(1/asymmetry) − 1)^(1/slope), which is ec50 where the asymmetry is 1.
 */
export function fivePL(options: ModelOptions = {}): FitModel {
  return define(
    readModelOptions(options),
    (x) => {
      const t = `slope*log(ec50/${x})`
      // log(1 + e^t) without overflow.
      const rise = `(max(${t}, 0) + log(1 + exp(-abs(${t}))))`
      return `${x} > 0 ? bottom + (top - bottom)*exp(-asymmetry*${rise}) : slope > 0 ? bottom : top`
    },
    (x, y) => guessDoses(finiteRows(x, y), [1, 0.5, 2]),
  )
}

interface Shape {
  /** The number of the center, of CENTERS. */
  readonly center: number
  /** How often the least slope is doubled. */
  readonly doublings: number
}

const CENTERS = 13

function* shapes(doublings: number): Generator<Shape> {
  for (let d = 0; d <= doublings; d++)
    for (let center = 0; center < CENTERS; center++) yield { center, doublings: d }
}

/** 1/(1 + v^(2^doublings)), v = odds × factor. */
function curve(odds: Float64Array, factor: number, doublings: number): Float64Array {
  return odds.map((at) => {
    let v = at * factor
    for (let k = 0; k < doublings; k++) v *= v
    return 1 / (1 + v)
  })
}

/** Rises, and falls: the better one. */
function* bothWays(doublings: number): Generator<Shape & { readonly sign: number }> {
  for (const sign of [1, -1]) for (const shape of shapes(doublings)) yield { ...shape, sign }
}

/** The least rate beside 1/range. */
const SLOWEST = 2

function guessLogistic({ x, y, range }: Rows): Readonly<Record<string, number>> {
  // Growth may have just begun, or be over nearly.
  const centers = Array.from({ length: CENTERS }, (_, j) => x[0] + range * (j / 8 - 0.25))
  const odds = x.map((at) => exp((-SLOWEST * (at - centers[0])) / range))
  const factors = centers.map((center) => exp((SLOWEST * (center - centers[0])) / range))
  const { candidate, coefficients } = bestOf(
    bothWays(6),
    ({ center, doublings, sign }) => [flip(curve(odds, factors[center], doublings), sign)],
    y,
  )
  const { center, doublings, sign } = candidate
  return {
    amplitude: coefficients[0],
    rate: (sign * SLOWEST * powerOfTwo(doublings)) / range,
    center: centers[center],
  }
}

function flip(column: Float64Array, sign: number): Float64Array {
  return sign > 0 ? column : column.map((at) => 1 - at)
}

/** The least slope is ½; places of centers in a geometric sequence over the doses above 0. */
function dosesOf({ x }: Rows) {
  const positive = x.filter((at) => at > 0)
  const [low, high] = positive.length === 0 ? [1, 1] : [positive[0], positive[positive.length - 1]]
  const centers = Array.from({ length: CENTERS }, (_, j) => low * pow(high / low, j / (CENTERS - 1)))
  const odds = x.map((at) => (at > 0 ? Math.sqrt(low / at) : Infinity))
  const factors = centers.map((center) => Math.sqrt(center / low))
  return { centers, odds, factors }
}

function guessHill(rows: Rows): Readonly<Record<string, number>> {
  const { centers, odds, factors } = dosesOf(rows)
  const { candidate, coefficients } = bestOf(
    bothWays(4),
    ({ center, doublings, sign }) => [flip(curve(odds, factors[center], doublings), sign)],
    rows.y,
  )
  const { center, doublings, sign } = candidate
  return { vmax: coefficients[0], k: centers[center], n: sign * powerOfTwo(doublings - 1) }
}

/** Where 1/(1 + v)^asymmetry is ½. */
const halfOdds = (asymmetry: number) => pow(2, 1 / asymmetry) - 1

/** Symmetric curves tell first which way it goes, since they may go either. */
function guessDoses(rows: Rows, asymmetries: readonly number[]) {
  const { centers, odds, factors } = dosesOf(rows)
  const constant = ones(rows.y)
  const best = (sign: number, of: readonly number[]) =>
    bestOf(
      of.flatMap((asymmetry) => [...shapes(4)].map((shape) => ({ ...shape, asymmetry }))),
      ({ center, doublings, asymmetry }) => {
        // From where the curve is half-way to ec50.
        const shift = pow(halfOdds(asymmetry), sign * powerOfTwo(-doublings))
        const column = flip(curve(odds, factors[center] * shift, doublings), sign)
        return [constant, asymmetry === 1 ? column : column.map((at) => pow(at, asymmetry))]
      },
      rows.y,
    )
  const sign = best(1, [1]).coefficients[1] < 0 ? -1 : 1
  const { candidate, coefficients } = best(sign, asymmetries)
  const { center, doublings, asymmetry } = candidate
  const slope = sign * powerOfTwo(doublings - 1)
  const [bottom, difference] = coefficients
  const ec50 = centers[center] * pow(halfOdds(asymmetry), 1 / slope)
  return { bottom, top: bottom + difference, ec50, slope, asymmetry }
}
