/** Averages of the parameters, and the slow weights of lookahead. */

import { OptionError } from '../core/errors.js'
import { isObject, ownProperties } from '../core/untrusted-input.js'
import { flag, fraction, integerAtLeast, positiveFraction, type ValuesOf } from '../options/kinds.js'
import { readOption, readOptions } from '../options/read.js'
import { nextCount } from './cohorts.js'
import type { AverageProgress } from './partition.js'

const emas = {
  /** β in [0, 1). */
  decay: fraction(0.999),
  /** Whether the average excludes the initial parameters. */
  corrected: flag(false),
}

const swas = {
  /** The update of the optimizer after which averaging begins, ≥ 0. */
  start: integerAtLeast(0, 0),
  /** The number of updates between two averaged points, ≥ 1. */
  every: integerAtLeast(1, 1),
}

const tables = { ema: emas, swa: swas }

/** An exponential moving average; see {@link ema}. */
export interface Ema extends ValuesOf<typeof emas> {
  readonly average: 'ema'
}

/** An arithmetic mean; see {@link swa}. */
export interface Swa extends ValuesOf<typeof swas> {
  readonly average: 'swa'
}

/** The value of the option `average`: the result of `ema` or `swa`. */
export type Average = Ema | Swa

export const lookahead = {
  /** Number of fast updates between two synchronizations, ≥ 1; 6 by default. */
  steps: integerAtLeast(1, 6),
  /** Step size of the slow weights toward the fast weights, in (0, 1]; 0.5 by default. */
  alpha: positiveFraction(0.5),
}

/** Settings of the slow weights; see the option `lookahead`. */
export interface Lookahead extends Partial<ValuesOf<typeof lookahead>> {}

/**
 * An exponential moving average of the parameters, for the option `average`. After each update e ← e + (1−β)·(θ − e),
 * starting with the initial parameters, as in timm and PyTorch's `AveragedModel`. If `corrected` is true, only visited
 * points count, as in Adam's m̂. The weight is then (1−β)/(1−βᵗ), so the average equals θ after the first update.
 * (Polyak and Juditsky, 1992)
 *
 * @param decay β in [0, 1); 0.999 by default
 * @param options `corrected`, false by default
 * @throws OptionError if an option is unknown or out of range
 */
export function ema(decay: number = emas.decay.default, options: Partial<Pick<Ema, 'corrected'>> = {}): Ema {
  const { corrected } = readOptions('ema: options', options, { corrected: emas.corrected })
  return Object.freeze({ average: 'ema', decay: readOption('ema: decay', emas.decay, decay), corrected })
}

/**
 * The mean of the parameters after the updates start + every, start + 2·every, …, for the option `average`. Before the
 * first of these updates, the mean equals the initial parameters. (Izmailov et al., 2018)
 *
 * @param options `start` ≥ 0, 0 by default, and `every` ≥ 1, 1 by default, both as counts of the optimizer's updates
 * @throws OptionError if an option is unknown or out of range
 */
export function swa(options: Partial<Omit<Swa, 'average'>> = {}): Swa {
  return Object.freeze({ average: 'swa', ...readOptions('swa: options', options, swas) })
}

/**
 * @throws OptionError if the value is not a valid average
 */
export function readAverage(what: string, given: unknown): Average {
  const { average, ...rest } = ownProperties(isObject(given) ? given : {})
  if (average !== 'ema' && average !== 'swa') {
    throw new OptionError(what, 'a result of ema() or swa()', given)
  }
  return Object.freeze({ average, ...readOptions(what, rest, tables[average]) }) as Average
}

/**
 * The weight w in e ← e + w·(θ − e) after update `updates` of the optimizer, and the new progress of the average; null
 * if the average does not change.
 */
export function averageWeight(
  average: Average,
  updates: number,
  { count, product }: AverageProgress,
): { readonly weight: number; readonly averaged: AverageProgress } | null {
  if (average.average === 'swa') {
    const since = updates - average.start
    if (since < average.every || since % average.every !== 0) return null
    return { weight: 1 / (count + 1), averaged: { count: nextCount(count), product } }
  }
  const { decay, corrected } = average
  const left = product * decay
  const weight = corrected ? (1 - decay) / (1 - left) : 1 - decay
  // When the product x no longer affects 1 − x, x is set to 0, because subnormal numbers are slow.
  return { weight, averaged: { count: nextCount(count), product: left < 1e-300 ? 0 : left } }
}
