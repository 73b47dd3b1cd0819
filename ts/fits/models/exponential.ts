import { ROWS_PER_SLICE } from '../../core/slices.js'
import { exp } from '../../functions/index.js'
import { defineByOrigin, type OriginOptions } from './define.js'
import { finiteRows, type SortedRows, sortedRows, zeros } from './linear-least-squares.js'
import type { FitModel, GuessArguments } from './model.js'
import { CandidateShapes, centerColumn, columnMean, type DrawnShapes } from './shapes.js'

/**
 * amplitude·e^(−rate·x) + offset. The rate is by unit of x, 1/τ of a decay, and below 0 where y runs away. With an `origin`,
 * which is the first x unless it is given, x − origin stands for x, and the amplitude is that at the origin.
 */
export function exponential(
  options: OriginOptions = {},
): FitModel<'amplitude' | 'rate' | 'offset' | 'origin'> {
  return defineByOrigin(options, 0, (x) => `amplitude*exp(-rate*${x}) + offset`, guess)
}

/** From one rate to the next they double, from this part of 1/range on. */
const MIN_RATE = 0.25
const MAX_DOUBLINGS = 24
/** Closer rates by the best one of these: about 2^(−½) to 2^½. */
const REFINEMENT_FACTORS = [0.71, 0.77, 0.84, 0.92, 1, 1.09, 1.19, 1.3, 1.41]
/** Amplitudes where x is 0 are this many times those of the data at most, or less by it. */
const MAX_ABSCISSA = 1e200

const shapes = /* @__PURE__ */ new CandidateShapes((at) => {
  const { x } = at
  // Where e^(−rate·x) is 1 instead: at the end from where it falls.
  const end = (rate: number) => x[rate > 0 ? 0 : x.length - 1]
  const scale = (rate: number) => exp(rate * end(rate))
  const isNear = (rate: number) => {
    const far = scale(rate)
    return far > 1 / MAX_ABSCISSA && far < MAX_ABSCISSA
  }
  const rates = candidateRates(at).filter(isNear)
  const count = rates.length
  // Closer ones come behind all of these, half of them slower than each, and half faster.
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
      // Most of the first ones are twice the one before: then curves are squares, and few need powers of e.
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
  // So far from 0 no amplitude is a number.
  if (rates.length === 0) return { amplitude: 0, rate: 1 / rows.range, offset: rows.y[0] }
  const mean = columnMean(rows.y)
  const rest = centerColumn(rows.y, mean)
  if (!drawn.multiply(rest)) yield* drawn.multiplyInSlices(rest)
  const best = drawn.best(rest)
  const first = rates.length + best * REFINEMENT_FACTORS.length
  // From there to where it does not get better any more.
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

/** Where, of closer ones, a parabola through the gains of a rate, half of it and twice it has its top. */
function interpolatePeak(drawn: DrawnShapes<{ readonly rates: readonly number[] }>, best: number): number {
  const { rates } = drawn.grid
  const middle = REFINEMENT_FACTORS.length >> 1
  if (!(isDoubled(rates, best) && isDoubled(rates, best + 1))) return middle
  const here = drawn.gain(best)
  const below = here - drawn.gain(best - 1)
  const above = here - drawn.gain(best + 1)
  // Both are 0 where all are alike.
  return below + above > 0 ? middle + Math.round((middle * (below - above)) / (below + above)) : middle
}

const isDoubled = (rates: readonly number[], k: number) =>
  k > 0 && k < rates.length && rates[k] === 2 * rates[k - 1]

/** Up to those that are over from one x to the next. */
function candidateRates({ x, range }: Omit<SortedRows, 'y'>): number[] {
  const last = x.length - 1
  // The next ones that are others, from both ends.
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
