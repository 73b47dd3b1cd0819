/** Curves that go from one level to another: the logistic function of x, or of log x for doses. */

import { exp, pow } from '../../functions/index.js'
import { powerOfTwo } from '../../functions/numbers.js'
import { define } from './define.js'
import type { Data, FitModel, ModelOptions } from './model.js'
import { bestOf, column, finiteRows, firstWhere, type Rows, type Search } from './rows.js'

/** 1/(1 + e^(−t)), in a form without overflow. */
const sigmoid = (t: string) => `(0.5 + 0.5*tanh(0.5*${t}))`

type Doses = 'bottom' | 'top' | 'ec50' | 'slope'

/** amplitude/(1 + e^(−rate·(x − center))): growth towards the amplitude, or where the rate is below 0 decline. */
export function logistic(options: ModelOptions = {}): FitModel<'amplitude' | 'rate' | 'center'> {
  return define(options, (x) => `amplitude*${sigmoid(`rate*(${x} - center)`)}`, guessLogistic)
}

/**
 * vmax·xⁿ/(kⁿ + xⁿ), for doses x ≥ 0; at k, in units of x, half of vmax is reached. Where n is below 0 it falls
 * from vmax to 0.
 */
export function hill(options: ModelOptions = {}): FitModel<'vmax' | 'k' | 'n'> {
  return define(
    options,
    // What has no logarithm is the dose 0.
    (x) => `${x} > 0 ? vmax*${sigmoid(`n*log(${x}/k)`)} : n > 0 ? 0 : vmax`,
    guessHill,
  )
}

/**
 * bottom + (top − bottom)/(1 + (ec50/x)^slope), for doses x ≥ 0; at ec50, in units of x, the curve is half-way. Where
 * the slope is below 0 it falls from top to bottom.
 */
export function fourPL(options: ModelOptions = {}): FitModel<Doses> {
  return define(
    options,
    (x) => `${x} > 0 ? bottom + (top - bottom)*${sigmoid(`slope*log(${x}/ec50)`)} : slope > 0 ? bottom : top`,
    function* (x, y) {
      const { asymmetry: _, ...others } = yield* guessDoses(yield* finiteRows(x, y), [1])
      return others
    },
  )
}

/**
 * bottom + (top − bottom)/(1 + (ec50/x)^slope)^asymmetry, for doses x ≥ 0. The curve is half-way at
 * ec50/(2^(1/asymmetry) − 1)^(1/slope), which is ec50 where the asymmetry is 1.
 */
export function fivePL(options: ModelOptions = {}): FitModel<Doses | 'asymmetry'> {
  return define(
    options,
    (x) => {
      const t = `slope*log(ec50/${x})`
      // log(1 + e^t) without overflow.
      const rise = `(max(${t}, 0) + log(1 + exp(-abs(${t}))))`
      return `${x} > 0 ? bottom + (top - bottom)*exp(-asymmetry*${rise}) : slope > 0 ? bottom : top`
    },
    function* (x, y) {
      return yield* guessDoses(yield* finiteRows(x, y), [1, 0.5, 2])
    },
  )
}

/** p^asymmetry, where p is 1/(1 + v), or 1 − 1/(1 + v) by the sign, and v = (odds·factor)^(2^doublings). */
interface Shape {
  readonly sign: 1 | -1
  readonly doublings: number
  /** The number of the center, of CENTERS. */
  readonly center: number
  readonly factor: number
  /** 1, ½ or 2 */
  readonly asymmetry: number
}

const CENTERS = 13
const bothWays = [1, -1] as const

/**
 * Slopes, each twice the one before, with all centers.
 *
 * @param shift another factor, by slope
 */
function* shapes(
  sign: 1 | -1,
  factors: readonly number[],
  most: number,
  asymmetry = 1,
  shift: (doublings: number) => number = () => 1,
): Generator<Shape> {
  for (let doublings = 0; doublings <= most; doublings++) {
    const by = shift(doublings)
    for (const [center, factor] of factors.entries()) {
      yield { sign, doublings, center, factor: factor * by, asymmetry }
    }
  }
}

function bestShape(y: Float64Array, odds: Float64Array, candidates: Iterable<Shape>, hasOffset: boolean) {
  const fill: Search<Shape>['fill'] = ({ sign, doublings, factor, asymmetry }, [column], from, to) => {
    for (let row = from; row < to; row++) {
      let v = odds[row] * factor
      for (let k = 0; k < doublings; k++) v *= v
      const part = sign > 0 ? 1 / (1 + v) : 1 - 1 / (1 + v)
      column[row] = asymmetry === 1 ? part : asymmetry < 1 ? Math.sqrt(part) : part * part
    }
  }
  return bestOf(y, { candidates, count: 1, fill, hasOffset })
}

/** The least rate beside 1/range, and how often it is doubled. */
const [SLOWEST, FASTER] = [2, 6]

function* guessLogistic(...[xs, ys]: Data) {
  const { x, y, range } = yield* finiteRows(xs, ys)
  // Growth may have just begun, or be over nearly.
  const centers = Array.from({ length: CENTERS }, (_, j) => x[0] + range * (j / 8 - 0.25))
  const odds = yield* column(x.length, (row) => exp((-SLOWEST * (x[row] - centers[0])) / range))
  const factors = centers.map((center) => exp((SLOWEST * (center - centers[0])) / range))
  const candidates = bothWays.flatMap((sign) => [...shapes(sign, factors, FASTER)])
  const { candidate, coefficients } = yield* bestShape(y, odds, candidates, false)
  const { sign, doublings, center } = candidate
  return {
    amplitude: coefficients[0],
    rate: (sign * SLOWEST * powerOfTwo(doublings)) / range,
    center: centers[center],
  }
}

/** Slopes are ½, 1, 2, 4 and 8. */
const STEEPER = 4

/** Centers in a geometric sequence over the doses above 0. */
function* dosesOf({ x }: Rows) {
  const positive = x.subarray(firstWhere(x, (at) => at > 0))
  const [low, high] = positive.length === 0 ? [1, 1] : [positive[0], positive[positive.length - 1]]
  const centers = Array.from({ length: CENTERS }, (_, j) => low * pow(high / low, j / (CENTERS - 1)))
  const odds = yield* column(x.length, (row) => (x[row] > 0 ? Math.sqrt(low / x[row]) : Infinity))
  const factors = centers.map((center) => Math.sqrt(center / low))
  return { centers, odds, factors }
}

function* guessHill(...[x, y]: Data) {
  const rows = yield* finiteRows(x, y)
  const { centers, odds, factors } = yield* dosesOf(rows)
  const candidates = bothWays.flatMap((sign) => [...shapes(sign, factors, STEEPER)])
  const { candidate, coefficients } = yield* bestShape(rows.y, odds, candidates, false)
  const { sign, doublings, center } = candidate
  return { vmax: coefficients[0], k: centers[center], n: sign * powerOfTwo(doublings - 1) }
}

/** Where 1/(1 + v)^asymmetry is ½. */
const halfOdds = (asymmetry: number) => pow(2, 1 / asymmetry) - 1

function* guessDoses(rows: Rows, asymmetries: readonly number[]) {
  const { centers, odds, factors } = yield* dosesOf(rows)
  // Symmetric curves tell which way it goes: upside down they are the same.
  const either = yield* bestShape(rows.y, odds, shapes(1, factors, STEEPER), true)
  const sign = either.coefficients[1] < 0 ? -1 : 1
  const candidates = asymmetries.flatMap((asymmetry) => {
    // Centers are where the curve is half-way.
    const shift = (doublings: number) => pow(halfOdds(asymmetry), sign * powerOfTwo(-doublings))
    return [...shapes(sign, factors, STEEPER, asymmetry, shift)]
  })
  const { candidate, coefficients } = yield* bestShape(rows.y, odds, candidates, true)
  const { doublings, center, asymmetry } = candidate
  const slope = sign * powerOfTwo(doublings - 1)
  const [bottom, difference] = coefficients
  const ec50 = centers[center] * pow(halfOdds(asymmetry), 1 / slope)
  return { bottom, top: bottom + difference, ec50, slope, asymmetry }
}
