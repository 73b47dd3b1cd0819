/** What is kept beside the parameters: their averages, and the slow weights of lookahead. */

import { OptionError } from '../ground/errors.js'
import { isObject, ownProperties } from '../ground/given.js'
import { isCount } from '../ground/numbers.js'
import { readOptions } from '../options/read.js'
import { following } from './cohorts.js'
import type { Averaged } from './part.js'

/** An exponential moving average; see {@link ema}. */
export interface Ema {
  readonly average: 'ema'
  /** β in [0, 1). */
  readonly decay: number
  /** Whether the first parameters have no part in it. */
  readonly corrected: boolean
}

/** A plain mean; see {@link swa}. */
export interface Swa {
  readonly average: 'swa'
  /** The optimizer's updates before the first that may count, ≥ 0. */
  readonly start: number
  /** From one update that counts to the next, ≥ 1. */
  readonly every: number
}

/** What the option `average` keeps: what `ema` or `swa` returns. */
export type Average = Ema | Swa

/** Slow weights beside the parameters; see the option `lookahead`. */
export interface Lookahead {
  /** Fast updates between two synchronizations, ≥ 1; 6. */
  readonly steps?: number
  /** How far the slow weights go towards the fast ones, in (0, 1]; 0.5. */
  readonly alpha?: number
}

/**
 * An exponential moving average of the parameters, for `average`: after each update e ← e + (1−β)·(θ − e),
 * from the first parameters on, as timm and Torch's AveragedModel have it. With `corrected` it is of
 * visited points alone, as Adam's m̂: the weight is (1−β)/(1−βᵗ) then, and the first update gives θ.
 * (Polyak and Juditsky, 1992)
 *
 * @param decay β in [0, 1); 0.999
 * @param options `corrected`, false by default
 * @throws OptionError where an option is unknown or out of its range
 */
export function ema(decay = 0.999, options: { readonly corrected?: boolean } = {}): Ema {
  const { corrected = false } = readOptions('ema: options', options, ['corrected'])
  return readAverage({ average: 'ema', decay, corrected }, 'ema') as Ema
}

/**
 * The mean of the parameters after updates start + every, start + 2·every, …, for `average`. Until the
 * first of them it holds the first parameters. (Izmailov et al., 2018)
 *
 * @param options `start` ≥ 0, by default 0, and `every` ≥ 1, by default 1: both count the optimizer's updates
 * @throws OptionError where an option is unknown or out of its range
 */
export function swa(options: { readonly start?: number; readonly every?: number } = {}): Swa {
  const { start = 0, every = 1 } = readOptions('swa: options', options, ['start', 'every'])
  return readAverage({ average: 'swa', start, every }, 'swa') as Swa
}

/** @throws OptionError where it is none */
export function readAverage(given: unknown, what = 'average'): Average {
  const expected = 'ema(), swa(), or what they return'
  if (!isObject(given)) throw new OptionError(what, expected, given)
  const { average, ...rest } = ownProperties(given)
  const names = average === 'ema' ? ['decay', 'corrected'] : ['start', 'every']
  const stranger = Object.keys(rest).find((name) => !names.includes(name))
  if (stranger !== undefined) throw new OptionError(what, expected, stranger)
  const { decay, corrected, start, every } = ownProperties(rest)
  if (average === 'ema') {
    if (!(typeof decay === 'number' && decay >= 0 && decay < 1)) {
      throw new OptionError(`${what}: decay`, 'a number in [0, 1)', decay)
    }
    if (typeof corrected !== 'boolean') {
      throw new OptionError(`${what}: corrected`, 'true or false', corrected)
    }
    return Object.freeze({ average, decay, corrected })
  }
  if (average !== 'swa') throw new OptionError(what, expected, given)
  if (!isCount(start)) throw new OptionError(`${what}: start`, 'a whole number ≥ 0', start)
  if (!isCount(every, 1)) throw new OptionError(`${what}: every`, 'a whole number ≥ 1', every)
  return Object.freeze({ average, start, every })
}

/** @throws OptionError where it is none */
export function readLookahead(given: unknown): Required<Lookahead> {
  const names = ['steps', 'alpha']
  const { steps = 6, alpha = 0.5 } = readOptions<Lookahead>('lookahead', given, names)
  if (!isCount(steps, 1)) throw new OptionError('lookahead: steps', 'a whole number ≥ 1', steps)
  if (!(typeof alpha === 'number' && alpha > 0 && alpha <= 1)) {
    throw new OptionError('lookahead: alpha', 'a number in (0, 1]', alpha)
  }
  return Object.freeze({ steps, alpha })
}

/**
 * The weight w of e ← e + w·(θ − e) after update `updates` of the optimizer, and what has been averaged
 * then; null where the average does not change.
 */
export function weightOf(
  average: Average,
  updates: number,
  { count, product }: Averaged,
): { readonly weight: number; readonly averaged: Averaged } | null {
  if (average.average === 'swa') {
    const since = updates - average.start
    if (since < average.every || since % average.every !== 0) return null
    return { weight: 1 / (count + 1), averaged: { count: following(count), product } }
  }
  const { decay, corrected } = average
  const left = product * decay
  const weight = corrected ? (1 - decay) / (1 - left) : 1 - decay
  // Where no trace of it is left in 1 − x it stays: subnormal numbers are slow.
  return { weight, averaged: { count: following(count), product: left < 1e-300 ? 0 : left } }
}
