/** Sigmoid models between two levels: the logistic function of x, or of log x for doses. */

import { ROWS_PER_SLICE, type Slices } from '../../core/slices.js'
import { exp, pow } from '../../functions/index.js'
import { log10 } from '../../functions/logarithms.js'
import { powerOfTwo } from '../../functions/numbers.js'
import { flag } from '../../options/kinds.js'
import { readOptions } from '../../options/read.js'
import { commonOptions, define, setSearch } from './define.js'
import { finiteRows, firstWhere, type SortedRows, sortedRows, zeros } from './linear-least-squares.js'
import type {
  FitModel,
  Guess,
  GuessArguments,
  GuessAtOnce,
  ModelOptions,
  StartList,
  StartSearch,
} from './model.js'
import { CandidateShapes, centerColumn, columnMean, type LeastSquaresMatch } from './shapes.js'
import { doseStarts, hillStarts, logisticStarts, refinePower, sigmoidSearch } from './sigmoid-search.js'

/** Expression of the logistic function 1/(1 + e^(−t)) that cannot overflow. */
const sigmoid = (t: string) => `(0.5 + 0.5*tanh(0.5*${t}))`

type DoseParameters = 'bottom' | 'top' | 'ec50' | 'slope'

/**
 * Logistic growth amplitude/(1 + e^(−rate·(x − center))). The curve rises to the amplitude if rate > 0, and falls from
 * the amplitude if rate < 0.
 */
export function logistic(options: ModelOptions = {}): FitModel<'amplitude' | 'rate' | 'center'> {
  const model = define<'amplitude' | 'rate' | 'center'>(
    options,
    (x) => `amplitude*${sigmoid(`rate*(${x} - center)`)}`,
    guessLogistic,
  )
  const transition = { center: 'center', slope: 'rate', isLinear: true }
  setSearch(model.guess as GuessAtOnce, () => sigmoidSearch(transition, logisticStarts))
  return model
}

/**
 * Hill equation vmax·xⁿ/(kⁿ + xⁿ), for doses x ≥ 0. The parameter k, in the unit of x, is the dose at half of vmax. If
 * n < 0, the Hill curve falls from vmax to 0.
 */
export function hill(options: ModelOptions = {}): FitModel<'vmax' | 'k' | 'n'> {
  return defineDoseModel<'vmax' | 'k' | 'n'>(
    () => sigmoidSearch({ center: 'k', slope: 'n' }, hillStarts),
    options,
    // The dose 0 is a separate case, because 0 has no logarithm.
    (x) => `${x} > 0 ? vmax*${sigmoid(`n*log(${x}/k)`)} : n > 0 ? 0 : vmax`,
    guessHill,
  )
}

/**
 * Defines a model whose fits warn about negative doses. The curve treats negative doses as 0, but negative doses may be
 * logarithms that the user passed by mistake.
 */
function defineDoseModel<Names extends string>(
  search: () => StartSearch,
  ...given: Parameters<typeof define<Names>>
): FitModel<Names> {
  const model = define(...given)
  setSearch(model.guess as GuessAtOnce, search, (_, x) => describeNegativeDoses(x))
  return model
}

function describeNegativeDoses(x: ArrayLike<number>): string {
  const below = Array.from(x).filter((dose) => dose < 0).length
  if (below === 0) return ''
  return `${below} ${below === 1 ? 'row has a dose' : 'rows have doses'} below 0, treated as 0: are they logarithms?`
}

/** Options of dose-response models. */
export interface DoseOptions extends ModelOptions {
  /**
   * Whether the fit uses the parameter `logEC50`, log10 of the half-maximal dose, instead of `ec50`. Default
   * false.
   */
  readonly logEC50?: boolean
}

const table = { ...commonOptions, logEC50: flag(false) }

/**
 * Four-parameter logistic bottom + (top − bottom)/(1 + (ec50/x)^slope), for doses x ≥ 0. The parameter ec50, in the
 * unit of x, is the half-maximal dose. If slope < 0, the logistic curve falls from top to bottom. The option `logEC50`
 * replaces ec50 by 10^logEC50.
 */
export function fourPL(options: DoseOptions = {}): FitModel<DoseParameters | 'logEC50'> {
  const { logEC50, ...rest } = readOptions('options', options, table)
  const t = (x: string) => (logEC50 ? `slope*(log(${x}) - log(10)*logEC50)` : `slope*log(${x}/ec50)`)
  return defineDoseModel<DoseParameters | 'logEC50'>(
    () => doseSearch(logEC50),
    rest,
    (x) => `${x} > 0 ? bottom + (top - bottom)*${sigmoid(t(x))} : slope > 0 ? bottom : top`,
    logEC50 ? guessLogarithms(guessFourPL) : (guessFourPL as Guess<DoseParameters | 'logEC50'>),
  )
}

/**
 * Five-parameter logistic bottom + (top − bottom)/(1 + (ec50/x)^slope)^asymmetry, for doses x ≥ 0. The half-maximal
 * dose is ec50/(2^(1/asymmetry) − 1)^(1/slope), which equals ec50 if the asymmetry is 1. The option `logEC50` replaces
 * ec50 with log10 of the half-maximal dose, whatever the asymmetry is.
 */
export function fivePL(options: DoseOptions = {}): FitModel<DoseParameters | 'asymmetry' | 'logEC50'> {
  type SigmoidParameter = DoseParameters | 'asymmetry' | 'logEC50'
  const { logEC50, ...rest } = readOptions('options', options, table)
  return defineDoseModel<SigmoidParameter>(
    () => doseSearch(logEC50, STARTING_ASYMMETRIES),
    rest,
    (x) => {
      const t = logEC50
        ? `(slope*(log(10)*logEC50 - log(${x})) + log(expm1(log(2)/asymmetry)))`
        : `slope*log(ec50/${x})`
      // log(1 + e^t) without overflow.
      const rise = `(max(${t}, 0) + log(1 + exp(-abs(${t}))))`
      return `${x} > 0 ? bottom + (top - bottom)*exp(-asymmetry*${rise}) : slope > 0 ? bottom : top`
    },
    logEC50 ? guessLogarithms(guessFivePL) : (guessFivePL as Guess<SigmoidParameter>),
  )
}

/** Asymmetries of the further starting points of a five-parameter logistic, in turns. */
const STARTING_ASYMMETRIES = [1, 0.4, 2.5]

/**
 * Further starting points of a dose-response model.
 *
 * @param asymmetries asymmetries of the starting points, in turns
 */
function doseSearch(logEC50: boolean, asymmetries: readonly number[] = [1]): StartSearch {
  const toX = (log: number) => pow(10, log)
  const transition = logEC50
    ? { center: 'logEC50', slope: 'slope', toX, fromX: log10 }
    : { center: 'ec50', slope: 'slope' }
  const complete = (list: StartList): StartList =>
    list.map((start, k) => {
      const { ec50, slope, asymmetry = asymmetries[k % asymmetries.length] } = start
      const center = ec50 * pow(halfMaximumOdds(asymmetry), 1 / slope)
      return { ...start, ec50: center, asymmetry, logEC50: log10(ec50) }
    })
  return sigmoidSearch(
    transition,
    function* (...data) {
      return complete(yield* doseStarts(...data))
    },
    (...solution) => complete(refinePower(...solution)),
  )
}

/** Replaces ec50 in a guess by log10 of the half-maximal dose. */
function guessLogarithms<Names extends string>(guess: Guess): Guess<Names> {
  return function* (...data) {
    const { ec50, ...others } = yield* guess(...data)
    const { slope, asymmetry = 1 } = others
    const logEC50 = log10(ec50) - log10(halfMaximumOdds(asymmetry)) / slope
    return { ...others, logEC50 } as Readonly<Record<string, number>> as Readonly<Record<Names, number>>
  }
}

/**
 * A family of candidate curves p^asymmetry. For the sign 1, p is 1/(1 + v). For the sign −1, p is 1 − 1/(1 + v). In
 * both cases v = ratio·(odds·factor)^(2^doublings).
 */
interface SigmoidFamily {
  readonly sign: 1 | -1
  /** Exponent `asymmetry` of the candidate curves: 1, ½ or 2. */
  readonly asymmetry: number
  readonly ratio: number
}

const CENTER_COUNT = 13
const sigmoidFamily = (sign: 1 | -1, asymmetry: number): SigmoidFamily => {
  // The centers of all candidate curves are half-maximal positions.
  return { sign, asymmetry, ratio: asymmetry === 1 ? 1 : pow(halfMaximumOdds(asymmetry), sign) }
}

/** The value of v at which 1/(1 + v)^asymmetry equals ½. */
const halfMaximumOdds = (asymmetry: number) => pow(2, 1 / asymmetry) - 1

/** Grid of candidate values for the center of a sigmoid curve. */
interface GridPositions {
  readonly centers: readonly number[]
  /**
   * The odds v in a row for the first center. For each further center, the odds are multiplied by an element of
   * `factors`.
   */
  readonly odds: (x: number) => number
  readonly factors: readonly number[]
}

interface ShapeGridOptions {
  readonly positions: (at: Omit<SortedRows, 'y'>) => GridPositions
  readonly signs: readonly (1 | -1)[]
  readonly asymmetries: readonly number[]
  /** Number of doublings of the smallest slope. */
  readonly most: number
  readonly isCentered: boolean
}

/** The best candidate curve, and its least-squares fit to y. */
interface GridChoice extends LeastSquaresMatch {
  readonly family: SigmoidFamily
  readonly doublings: number
  readonly center: number
  /** Index of the pair of slope and center in the grid. The index is the same for all families. */
  readonly step: number
}

/**
 * Grid of candidate curves: all combinations of a slope, a center and a family. Each slope is twice the previous
 * slope.
 */
class SigmoidGrid {
  readonly #shapes: CandidateShapes<{
    readonly families: readonly SigmoidFamily[]
    readonly centers: readonly number[]
  }>
  readonly #count: number
  readonly #slopes: number
  /** Indices of the candidates with every second center and every second slope. */
  readonly #coarse: Uint32Array
  readonly #neighborShapes = new Map<number, Uint32Array>()

  constructor({ positions, signs, asymmetries, most, isCentered }: ShapeGridOptions) {
    const count = signs.length * asymmetries.length
    const slopes = most + 1
    this.#count = count
    this.#slopes = slopes
    this.#coarse = this.#where((center, doublings) => center % 2 === 0 && doublings % 2 === 1)
    let made: readonly SigmoidFamily[] | undefined
    this.#shapes = new CandidateShapes((rows) => {
      made ??= signs.flatMap((sign) => asymmetries.map((asymmetry) => sigmoidFamily(sign, asymmetry)))
      const families = made
      const { x } = rows
      const { centers, odds, factors } = positions(rows)
      const ofFirst = zeros(Math.min(x.length, ROWS_PER_SLICE))
      const powers = zeros(ofFirst.length)
      // First row of the block, and index of the slope and center, whose values the buffers contain.
      let [first, step] = [-1, -1]
      return {
        grid: { families, centers },
        count: count * slopes * CENTER_COUNT,
        more: 0,
        drawCandidate(k, on, at, from, to) {
          const rows = to - from
          if (from !== first) {
            for (let row = 0; row < rows; row++) ofFirst[row] = odds(x[from + row])
            first = from
            step = -1
          }
          const next = Math.floor(k / count)
          if (next !== step) {
            const doublings = next % slopes
            let done = step === next - 1 && doublings > 0 ? doublings - 1 : 0
            if (done === 0) {
              const factor = factors[(next - doublings) / slopes]
              for (let row = 0; row < rows; row++) powers[row] = ofFirst[row] * factor
            }
            for (; done < doublings; done++) for (let row = 0; row < rows; row++) powers[row] *= powers[row]
            step = next
          }
          draw(families[k % count], powers, on, at, rows)
        },
      }
    }, isCentered)
  }

  /**
   * Finds the best candidate curve. If the grid is cached, the search is local and ends at a curve that no neighboring
   * curve improves on.
   *
   * @param near index of a slope and center at which the search starts, if known
   */
  *best(rows: SortedRows, y: Float64Array, near?: number): Slices<GridChoice> {
    const drawn = this.#shapes.drawn(rows)
    const first = near === undefined ? this.#coarse : this.#neighbors(near * this.#count)
    let best = drawn.climb(y, first, (k) => this.#neighbors(k))
    if (best === null) {
      yield* drawn.multiplyInSlices(y)
      best = drawn.best(y)
    }
    const { families, centers } = drawn.grid
    const step = Math.floor(best / this.#count)
    const doublings = step % this.#slopes
    const { offset, factor } = drawn.match(best)
    const center = centers[(step - doublings) / this.#slopes]
    return { family: families[best % this.#count], doublings, center, step, offset, factor }
  }

  /** Candidates whose center and slope differ by at most one grid step from a given candidate. */
  #neighbors(k: number): Uint32Array {
    const step = Math.floor(k / this.#count)
    const own = step % this.#slopes
    const at = (step - own) / this.#slopes
    const isBeside = (center: number, doublings: number) =>
      Math.abs(center - at) <= 1 && Math.abs(doublings - own) <= 1
    const found = this.#neighborShapes.get(step) ?? this.#where(isBeside)
    this.#neighborShapes.set(step, found)
    return found
  }

  /** Candidates of all families that satisfy a condition. */
  #where(holds: (center: number, doublings: number) => boolean): Uint32Array {
    const found: number[] = []
    for (let step = 0; step < CENTER_COUNT * this.#slopes; step++) {
      const doublings = step % this.#slopes
      if (!holds((step - doublings) / this.#slopes, doublings)) continue
      for (let total = 0; total < this.#count; total++) found.push(step * this.#count + total)
    }
    return Uint32Array.from(found)
  }
}

/** Writes a range of rows of a candidate curve of a family. */
function draw(family: SigmoidFamily, powers: Float64Array, on: Float64Array, at: number, rows: number): void {
  const { sign, asymmetry, ratio } = family
  for (let row = 0; row < rows; row++) {
    const small = 1 / (1 + ratio * powers[row])
    const part = sign > 0 ? small : 1 - small
    on[at + row] = asymmetry === 1 ? part : asymmetry < 1 ? Math.sqrt(part) : part * part
  }
}

/** Product of the smallest candidate rate and the range of x. */
const MIN_STEEPNESS = 2
/** Number of times that the smallest rate is doubled. */
const STEEPNESS_FACTOR = 6

const growthGrid = /* @__PURE__ */ new SigmoidGrid({
  positions({ x, range }) {
    // The center may lie outside the data, if growth has just begun or is nearly complete.
    const centers = Array.from({ length: CENTER_COUNT }, (_, j) => x[0] + range * (j / 8 - 0.25))
    return {
      centers,
      odds: (x) => exp((-MIN_STEEPNESS * (x - centers[0])) / range),
      factors: centers.map((center) => exp((MIN_STEEPNESS * (center - centers[0])) / range)),
    }
  },
  signs: [1, -1],
  asymmetries: [1],
  most: STEEPNESS_FACTOR,
  isCentered: false,
})

function* guessLogistic(...[xs, ys]: GuessArguments) {
  const rows = sortedRows(xs, ys) ?? (yield* finiteRows(xs, ys))
  const { family, doublings, center, factor } = yield* growthGrid.best(rows, rows.y)
  return {
    amplitude: factor,
    rate: (family.sign * MIN_STEEPNESS * powerOfTwo(doublings)) / rows.range,
    center,
  }
}

/** Number of times that the smallest slope is doubled. The slopes are ½, 1, 2, 4 and 8. */
const DOSE_STEEPNESS_FACTOR = 4

/** Candidate centers in a geometric sequence over the positive doses. */
function dosePositions({ x }: Pick<SortedRows, 'x'>): GridPositions {
  const first = firstWhere(x, (at) => at > 0)
  const [low, high] = first === x.length ? [1, 1] : [x[first], x[x.length - 1]]
  const step = pow(high / low, 1 / (CENTER_COUNT - 1))
  const root = Math.sqrt(step)
  const [centers, factors] = [[low], [1]]
  for (let j = 1; j < CENTER_COUNT; j++) {
    centers.push(centers[j - 1] * step)
    factors.push(factors[j - 1] * root)
  }
  return { centers, odds: (x) => (x > 0 ? Math.sqrt(low / x) : Infinity), factors }
}

const doseGrid = (signs: readonly (1 | -1)[], asymmetries: readonly number[], isCentered: boolean) =>
  new SigmoidGrid({ positions: dosePositions, signs, asymmetries, most: DOSE_STEEPNESS_FACTOR, isCentered })

const bothDirections = /* @__PURE__ */ doseGrid([1, -1], [1], false)

function* guessHill(...[xs, ys]: GuessArguments) {
  const rows = sortedRows(xs, ys) ?? (yield* finiteRows(xs, ys))
  const { family, doublings, center, factor } = yield* bothDirections.best(rows, rows.y)
  return { vmax: factor, k: center, n: family.sign * powerOfTwo(doublings - 1) }
}

const symmetricDoses = /* @__PURE__ */ doseGrid([1], [1], true)
const risingDoses = /* @__PURE__ */ doseGrid([1], [1, 0.5, 2], true)
const fallingDoses = /* @__PURE__ */ doseGrid([-1], [1, 0.5, 2], true)

function* guessFourPL(...[xs, ys]: GuessArguments) {
  const rows = sortedRows(xs, ys) ?? (yield* finiteRows(xs, ys))
  const mean = columnMean(rows.y)
  const { doublings, center, factor, offset } = yield* symmetricDoses.best(rows, centerColumn(rows.y, mean))
  const low = mean + offset
  const slope = powerOfTwo(doublings - 1)
  // A falling symmetric curve equals a rising curve with a negative factor and another constant.
  const isFalling = factor < 0
  return {
    bottom: isFalling ? low + factor : low,
    top: isFalling ? low : low + factor,
    ec50: center,
    slope: isFalling ? -slope : slope,
  }
}

function* guessFivePL(...[xs, ys]: GuessArguments) {
  const rows = sortedRows(xs, ys) ?? (yield* finiteRows(xs, ys))
  const mean = columnMean(rows.y)
  const rest = centerColumn(rows.y, mean)
  // The fit of a symmetric curve determines the direction and the start of the search.
  const either = yield* symmetricDoses.best(rows, rest)
  const grid = either.factor < 0 ? fallingDoses : risingDoses
  const { family, doublings, center, factor, offset } = yield* grid.best(rows, rest, either.step)
  const { sign, asymmetry } = family
  const slope = sign * powerOfTwo(doublings - 1)
  const bottom = mean + offset
  const ec50 = center * pow(halfMaximumOdds(asymmetry), 1 / slope)
  return { bottom, top: bottom + factor, ec50, slope, asymmetry }
}
