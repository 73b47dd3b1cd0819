import { ROWS_PER_SLICE } from '../../core/slices.js'
import { exp } from '../../functions/index.js'
import { defineByOrigin, type OriginOptions } from './define.js'
import { finiteRows, type SortedRows, sortedRows, zeros } from './linear-least-squares.js'
import type { FitModel, GuessArguments } from './model.js'
import { CandidateShapes, centerColumn, columnMean, type DrawnShapes } from './shapes.js'

/**
 * Exponential amplitude·e^(−rate·x) + offset. The rate has the unit 1/x. For a decay the rate equals 1/τ, with the time
 * constant τ. For growth the rate is negative. An `origin` replaces x by x − origin, and the amplitude is then the
 * value at the origin. The origin 'auto' is the first x.
 */
export function exponential(
  options: OriginOptions = {},
): FitModel<'amplitude' | 'rate' | 'offset' | 'origin'> {
  return defineByOrigin(options, 0, (x) => `amplitude*exp(-rate*${x}) + offset`, guess)
}

/** Smallest candidate rate, as a multiple of 1/(range of x). Each further candidate rate is twice the previous one. */
const MIN_RATE = 0.25
const MAX_DOUBLINGS = 24
/** Factors that refine the best candidate rate: about 2^(−½) to 2^½. */
const REFINEMENT_FACTORS = [0.71, 0.77, 0.84, 0.92, 1, 1.09, 1.19, 1.3, 1.41]
/**
 * Maximum ratio of the amplitude at x = 0 to the amplitude in the data, and of the amplitude in the data to the
 * amplitude at x = 0.
 */
const MAX_ABSCISSA = 1e200

const shapes = /* @__PURE__ */ new CandidateShapes((at) => {
  const { x } = at
  // The x at which the candidate curve is scaled to 1: the first x for a decay, the last x for growth.
  const end = (rate: number) => x[rate > 0 ? 0 : x.length - 1]
  const scale = (rate: number) => exp(rate * end(rate))
  const isNear = (rate: number) => {
    const far = scale(rate)
    return far > 1 / MAX_ABSCISSA && far < MAX_ABSCISSA
  }
  const rates = candidateRates(at).filter(isNear)
  const count = rates.length
  // The refined rates follow all coarse rates. Half of the refined rates around a coarse rate are slower than the
  // coarse rate, and half are faster.
  const rateOf = (k: number) => {
    if (k < count) return rates[k]
    const closer = (k - count) % REFINEMENT_FACTORS.length
    return rates[(k - count - closer) / REFINEMENT_FACTORS.length] * REFINEMENT_FACTORS[closer]
  }
  const powers = zeros(Math.min(x.length, ROWS_PER_SLICE))
  return {
    grid: { rates, rateOf, scale, isNear },
    count,
    more: count * REFINEMENT_FACTORS.length,
    drawCandidate(k, on, begin, from, to) {
      const count = to - from
      const rate = rateOf(k)
      // Most coarse rates are twice their predecessor. Each coarse curve is then the square of the previous curve,
      // which saves calls of exp.
      if (isDoubled(rates, k)) {
        for (let row = 0; row < count; row++) {
          powers[row] *= powers[row]
          on[begin + row] = powers[row]
        }
      } else {
        const first = end(rate)
        for (let row = 0; row < count; row++) {
          powers[row] = exp(-rate * (x[from + row] - first))
          on[begin + row] = powers[row]
        }
      }
    },
  }
}, true)

function* guess(...[xs, ys]: GuessArguments) {
  const rows = sortedRows(xs, ys) ?? (yield* finiteRows(xs, ys))
  const drawn = shapes.drawn(rows)
  const { rates, rateOf, scale, isNear } = drawn.grid
  // The amplitude at x = 0 would overflow for every rate.
  if (rates.length === 0) return { amplitude: 0, rate: 1 / rows.range, offset: rows.y[0] }
  const mean = columnMean(rows.y)
  const rest = centerColumn(rows.y, mean)
  if (!drawn.multiply(rest)) yield* drawn.multiplyInSlices(rest)
  const best = drawn.best(rest)
  const first = rates.length + best * REFINEMENT_FACTORS.length
  // Moves from the interpolated rate to better neighboring rates until the fit stops improving.
  let chosen = best
  let next = first + interpolatePeak(drawn, best)
  for (const by of [1, -1]) {
    for (; next >= first && next < first + REFINEMENT_FACTORS.length && isNear(rateOf(next)); next += by) {
      if (!drawn.multiply(rest, next, next + 1)) yield* drawn.multiplyInSlices(rest, next, next + 1)
      if (chosen !== best && !(drawn.gain(next) > drawn.gain(chosen))) break
      chosen = next
    }
    next = chosen - 1
  }
  const { offset, factor } = drawn.match(chosen)
  const rate = rateOf(chosen)
  return { amplitude: factor * scale(rate), rate, offset: mean + offset }
}

/**
 * Index among the refined rates at the maximum of a parabola. The parabola passes through the reductions of Σ y² at a
 * coarse rate, at half the coarse rate and at twice the coarse rate.
 */
function interpolatePeak(drawn: DrawnShapes<{ readonly rates: readonly number[] }>, best: number): number {
  const { rates } = drawn.grid
  const middle = REFINEMENT_FACTORS.length >> 1
  if (!(isDoubled(rates, best) && isDoubled(rates, best + 1))) return middle
  const here = drawn.gain(best)
  const below = here - drawn.gain(best - 1)
  const above = here - drawn.gain(best + 1)
  // Both differences are 0 if all three gains are equal.
  return below + above > 0 ? middle + Math.round((middle * (below - above)) / (below + above)) : middle
}

const isDoubled = (rates: readonly number[], k: number) =>
  k > 0 && k < rates.length && rates[k] === 2 * rates[k - 1]

/** Candidate rates, up to the rate at which the curve decays within the distance of neighboring x. */
function candidateRates({ x, range }: Omit<SortedRows, 'y'>): number[] {
  const last = x.length - 1
  // The first two distinct x and the last two distinct x of the data.
  let [second, other] = [1, last - 1]
  while (second <= last && x[second] === x[0]) second++
  while (other >= 0 && x[other] === x[last]) other--
  const rates: number[] = []
  const add = (sign: number, gap: number) => {
    let rate = MIN_RATE / range
    for (let k = 0; k < MAX_DOUBLINGS && rate * gap < 4; k++, rate += rate) rates.push(sign * rate)
  }
  add(1, second > last ? range : x[second] - x[0])
  add(-1, other < 0 ? range : x[last] - x[other])
  return rates
}
