/** Curves that go from one level to another: the logistic function of x, or of log x for doses. */

import { exp, pow } from '../../functions/index.js'
import { powerOfTwo } from '../../functions/numbers.js'
import { SLICE, type Slices } from '../../ground/slices.js'
import { define } from './define.js'
import type { Data, FitModel, ModelOptions } from './model.js'
import { column, copied, finiteRows, firstWhere, project, type Rows, Sums, zeros } from './rows.js'

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

/** Curves p^asymmetry, where p is 1/(1 + v), or 1 − 1/(1 + v) by the sign, and v = ratio·(odds·factor)^(2^doublings). */
interface Family {
  readonly sign: 1 | -1
  /** 1, ½ or 2 */
  readonly asymmetry: number
  readonly ratio: number
}

interface Shape extends Family {
  readonly doublings: number
  /** The number of the center, of CENTERS. */
  readonly center: number
}

const CENTERS = 13
const bothWays: readonly Family[] = [
  { sign: 1, asymmetry: 1, ratio: 1 },
  { sign: -1, asymmetry: 1, ratio: 1 },
]

const height = (sign: 1 | -1, asymmetry: number, v: number) => {
  const part = sign > 0 ? 1 / (1 + v) : 1 - 1 / (1 + v)
  return asymmetry === 1 ? part : asymmetry < 1 ? Math.sqrt(part) : part * part
}

/** Rows of curves of a family. */
function draw(
  { sign, asymmetry, ratio }: Family,
  powers: Float64Array,
  on: Float64Array,
  rows: number,
): void {
  for (let row = 0; row < rows; row++) on[row] = height(sign, asymmetry, ratio * powers[row])
}

/**
 * The shape that meets y best, and its coefficients: of each family all slopes, each twice the one before, with all
 * centers.
 */
function* bestShape(
  y: Float64Array,
  odds: Float64Array,
  families: readonly Family[],
  factors: readonly number[],
  most: number,
  hasOffset: boolean,
): Slices<{ readonly shape: Shape; readonly coefficients: readonly number[] }> {
  const offset = hasOffset ? [zeros(y.length).fill(1)] : []
  const rest = copied(y)
  yield* project(offset, rest)
  const each = (most + 1) * factors.length
  const sums = new Sums(families.length * each)
  const [powers, curve] = [0, 1].map(() => zeros(Math.min(y.length, SLICE)))
  let visited = 0
  for (let from = 0; from < y.length; from += SLICE) {
    const count = Math.min(SLICE, y.length - from)
    const some = rest.subarray(from, from + count)
    for (let center = 0; center < factors.length; center++) {
      for (let k = 0; k < count; k++) powers[k] = odds[from + k] * factors[center]
      for (let doublings = 0; doublings <= most; doublings++) {
        const first = doublings * factors.length + center
        for (let f = 0; f < families.length; f++) {
          draw(families[f], powers, curve, count)
          sums.add(f * each + first, curve, some)
        }
        for (let k = 0; k < count; k++) powers[k] *= powers[k]
        visited += families.length * count
        if (visited < SLICE) continue
        yield
        visited = 0
      }
    }
  }
  const best = sums.best(rest, hasOffset)
  const [doublings, center] = [Math.floor((best % each) / factors.length), best % factors.length]
  const family = families[Math.floor(best / each)]
  const by = factors[center] * pow(family.ratio, powerOfTwo(-doublings))
  const drawn = yield* column(y.length, (row) => {
    let v = odds[row] * by
    for (let k = 0; k < doublings; k++) v *= v
    return height(family.sign, family.asymmetry, v)
  })
  const coefficients = yield* project([...offset, drawn], copied(y))
  return { shape: { ...family, doublings, center }, coefficients }
}

/** The least rate beside 1/range, and how often it is doubled. */
const [SLOWEST, FASTER] = [2, 6]

function* guessLogistic(...[xs, ys]: Data) {
  const { x, y, range } = yield* finiteRows(xs, ys)
  // Growth may have just begun, or be over nearly.
  const centers = Array.from({ length: CENTERS }, (_, j) => x[0] + range * (j / 8 - 0.25))
  const odds = yield* column(x.length, (row) => exp((-SLOWEST * (x[row] - centers[0])) / range))
  const factors = centers.map((center) => exp((SLOWEST * (center - centers[0])) / range))
  const { shape, coefficients } = yield* bestShape(y, odds, bothWays, factors, FASTER, false)
  const { sign, doublings, center } = shape
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
  const { shape, coefficients } = yield* bestShape(rows.y, odds, bothWays, factors, STEEPER, false)
  const { sign, doublings, center } = shape
  return { vmax: coefficients[0], k: centers[center], n: sign * powerOfTwo(doublings - 1) }
}

/** Where 1/(1 + v)^asymmetry is ½. */
const halfOdds = (asymmetry: number) => pow(2, 1 / asymmetry) - 1

function* guessDoses(rows: Rows, asymmetries: readonly number[]) {
  const { centers, odds, factors } = yield* dosesOf(rows)
  const search = (families: readonly Family[]) => bestShape(rows.y, odds, families, factors, STEEPER, true)
  // Symmetric curves tell which way it goes: upside down they are the same.
  const either = yield* search([bothWays[0]])
  const sign = either.coefficients[1] < 0 ? -1 : 1
  // Centers are where the curve is half-way.
  const families = asymmetries.map(
    (asymmetry) => ({ sign, asymmetry, ratio: pow(halfOdds(asymmetry), sign) }) as const,
  )
  const isKnown = sign > 0 && asymmetries.length === 1
  const { shape, coefficients } = isKnown ? either : yield* search(families)
  const { doublings, center, asymmetry } = shape
  const slope = sign * powerOfTwo(doublings - 1)
  const [bottom, difference] = coefficients
  const ec50 = centers[center] * pow(halfOdds(asymmetry), 1 / slope)
  return { bottom, top: bottom + difference, ec50, slope, asymmetry }
}
