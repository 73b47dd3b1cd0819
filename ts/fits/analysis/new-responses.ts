/** New responses of `inverse`: their means, and the variance of each mean. */

import { OptionError } from '../../core/errors.js'
import { isArrayLike, isObject, toBoundedArray, toFloat64Array } from '../../core/untrusted-input.js'
import { exp, log } from '../../functions/index.js'
import type { MeasuredMean } from '../uncertainty/inverse-search.js'

/** Numbers per unknown, or arrays of replicates per unknown. */
export type Measurements = ArrayLike<number | null> | readonly ArrayLike<number | null>[]

/** The mean of an unknown in the unit of the response, and `y` in the unit of the curve. */
export interface NewMean extends MeasuredMean {
  readonly response: number
  readonly replicates: number
}

export interface MeanOptions {
  readonly sigma: unknown
  readonly trials: unknown
  readonly replicates: number
  /** Number of trials of each response with the binomial distribution, or NaN; undefined for other distributions. */
  readonly ownTrials: number | undefined
  /** Whether means are means of logarithms. */
  readonly isLogarithmic: boolean
}

/**
 * The mean of each unknown, weighted by 1/σ² or by the number of trials, and the variance of the mean relative to one
 * response with σ = 1, or to one trial.
 */
export function readMeans(given: unknown, options: MeanOptions): NewMean[] {
  const { replicates, ownTrials, isLogarithmic } = options
  const lists = readLists('y', given)
  const [name, numbers] = ownTrials === undefined ? ['sigma', options.sigma] : ['trials', options.trials]
  const own = readPerResponse(name, lists, numbers === undefined ? (ownTrials ?? 1) : numbers)
  return lists.map((list, k) => {
    let [sum, weights, count, total] = [0, 0, 0, 0]
    for (let i = 0; i < list.length; i++) {
      if (Number.isNaN(list[i])) continue
      const weight = ownTrials === undefined ? 1 / (own[k][i] * own[k][i]) : own[k][i]
      if (!(weight > 0 && weight < Infinity))
        throw new OptionError(`${name}[${k}]`, 'a finite number > 0', own[k][i])
      // A sum of successes needs no weights, because each success counts once.
      sum += ownTrials === undefined ? weight * (isLogarithmic ? logarithm(list[i]) : list[i]) : list[i]
      weights += weight
      total += list[i]
      count++
    }
    const y = sum / weights
    // A single response keeps its bits.
    const isGeometric = isLogarithmic && count > 1 && y > -Infinity
    const isPlain = isLogarithmic || ownTrials !== undefined
    const response = isGeometric ? exp(y) : isPlain ? total / count : y
    return { y, response, replicates: count * replicates, scatterFactor: 1 / (weights * replicates) }
  })
}

/** A logarithm that is −∞ for responses that the log-normal distribution cannot have. */
const logarithm = (y: number) => (y > 0 ? log(y) : -Infinity)

/** One positive number per response. */
function readPerResponse(name: string, lists: readonly Float64Array[], given: unknown): Float64Array[] {
  if (typeof given === 'number') {
    if (!(given > 0 && given < Infinity)) throw new OptionError(name, 'a finite number > 0', given)
    return lists.map((list) => new Float64Array(list.length).fill(given))
  }
  const own = readLists(name, given)
  if (own.length !== lists.length) throw new OptionError(name, `${lists.length} numbers, like y`, own.length)
  for (const [k, { length }] of own.entries()) {
    if (length !== lists[k].length)
      throw new OptionError(`${name}[${k}]`, `${lists[k].length} numbers, like y[${k}]`, length)
  }
  return own
}

function readLists(argument: string, given: unknown): Float64Array[] {
  const numbers = toFloat64Array(given, true)
  if (numbers !== undefined) return Array.from(numbers, (x) => Float64Array.of(x))
  const list = isObject(given) && isArrayLike(given) ? toBoundedArray(given) : undefined
  if (list === undefined)
    throw new OptionError(argument, 'an array of numbers, or of arrays of replicates', given)
  return list.map((one, k) => {
    if (typeof one === 'number' || one === null) return Float64Array.of(one ?? NaN)
    const replicates = toFloat64Array(one, true)
    if (replicates === undefined)
      throw new OptionError(`${argument}[${k}]`, 'a number, or an array of replicates', one)
    return replicates
  })
}
