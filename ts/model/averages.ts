/** What is kept beside the parameters: their averages, and the slow weights of lookahead. */

import { OptionError } from '../core/errors.js'
import { isObject, ownProperties } from '../core/untrusted-input.js'
import { flag, fraction, integerAtLeast, positiveFraction, type ValuesOf } from '../options/kinds.js'
import { readOption, readOptions } from '../options/read.js'
import { nextCount } from './cohorts.js'
import type { AverageProgress } from './partition.js'

const emas = {
  /** β in [0, 1). */
  decay: fraction(0.999),
  /** Whether the first parameters have no part in it. */
  corrected: flag(false),
}

const swas = {
  /** The optimizer's updates before the first that may count, ≥ 0. */
  start: integerAtLeast(0, 0),
  /** From one update that counts to the next, ≥ 1. */
  every: integerAtLeast(1, 1),
}

const tables = { ema: emas, swa: swas }

/** An exponential moving average; see {@link ema}. */
export interface Ema extends ValuesOf<typeof emas> {
  readonly average: 'ema'
}

/** A plain mean; see {@link swa}. */
export interface Swa extends ValuesOf<typeof swas> {
  readonly average: 'swa'
}

/** What the option `average` keeps: what `ema` or `swa` returns. */
export type Average = Ema | Swa

export const lookahead = {
  /** Fast updates between two synchronizations, ≥ 1; 6. */
  steps: integerAtLeast(1, 6),
  /** How far the slow weights go toward the fast ones, in (0, 1]; 0.5. */
  alpha: positiveFraction(0.5),
}

/** Slow weights beside the parameters; see the option `lookahead`. */
export interface Lookahead extends Partial<ValuesOf<typeof lookahead>> {}

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
export function ema(decay: number = emas.decay.default, options: Partial<Pick<Ema, 'corrected'>> = {}): Ema {
  const { corrected } = readOptions('ema: options', options, { corrected: emas.corrected })
  return Object.freeze({ average: 'ema', decay: readOption('ema: decay', emas.decay, decay), corrected })
}

/**
 * The mean of the parameters after updates start + every, start + 2·every, …, for `average`. Until the
 * first of them it holds the first parameters. (Izmailov et al., 2018)
 *
 * @param options `start` ≥ 0, by default 0, and `every` ≥ 1, by default 1: both count the optimizer's updates
 * @throws OptionError where an option is unknown or out of its range
 */
export function swa(options: Partial<Omit<Swa, 'average'>> = {}): Swa {
  return Object.freeze({ average: 'swa', ...readOptions('swa: options', options, swas) })
}

/** @throws OptionError where it is none */
export function readAverage(what: string, given: unknown): Average {
  const { average, ...rest } = ownProperties(isObject(given) ? given : {})
  if (average !== 'ema' && average !== 'swa') {
    throw new OptionError(what, 'ema(), swa(), or what they return', given)
  }
  return Object.freeze({ average, ...readOptions(what, rest, tables[average]) }) as Average
}

/**
 * The weight w of e ← e + w·(θ − e) after update `updates` of the optimizer, and what has been averaged
 * then; null where the average does not change.
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
  // Where no trace of it is left in 1 − x it stays: subnormal numbers are slow.
  return { weight, averaged: { count: nextCount(count), product: left < 1e-300 ? 0 : left } }
}
