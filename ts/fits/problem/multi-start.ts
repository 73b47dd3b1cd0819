/** Multi-start fits: sampling of the starting points, and the distinct minima that the fits reach. */

import { OptionError } from '../../core/errors.js'
import { log, pow } from '../../functions/index.js'
import { type GivenOf, integerBetween, keyOption, type ValuesOf } from '../../options/kinds.js'
import { latinHypercubeStarts, sobolStarts, uniformStarts } from '../../random/starts.js'
import type { Parameter } from './parameters.js'
import type { Problem } from './problem.js'

const samplers = { latinHypercube: latinHypercubeStarts, sobol: sobolStarts, uniform: uniformStarts }

export const multiStart = {
  /** Number of starting points per fit, from 1 to 4096, including the fit's own start. */
  count: integerBetween(1, 4096),
  /**
   * Sampling method for the box between the bounds `min` and `max` of all free parameters. The box of a parameter
   * without finite bounds surrounds the guess of the model. Default 'latinHypercube'.
   */
  sample: keyOption<keyof typeof samplers, 'latinHypercube'>(samplers, 'latinHypercube'),
  /** Seed of the sampler, an integer from 0 to 2³² − 1. Default 0. */
  seed: integerBetween(0, 0xffff_ffff, 0, '2^32 - 1'),
}

/** The option `multiStart`: number and sampling of the starting points. */
export interface MultiStart extends GivenOf<typeof multiStart> {}

/** A local minimum that at least one start of a fit reached. */
export interface FitMinimum {
  /** Values of the free parameters by name. */
  readonly values: Readonly<Record<string, number>>
  /** Value of χ² at the minimum. */
  readonly chiSquared: number
  /** Number of starts that reached this minimum. */
  readonly starts: number
}

/**
 * Additional starting points, one column per free parameter, or no columns if `count` is 1. The fit's own start is not
 * among these points. The column of a parameter without finite bounds has numbers from −1 to 1, for
 * {@link sampleAround}.
 *
 * @param problem the problem with the user's parameters
 * @param steps the problem whose parameters have internal units, such as logarithms; the returned columns have the same
 * units
 * @param hasGuess whether the model guesses starting values
 * @throws OptionError if a free parameter lacks a finite `min` or `max`, and the model has no guess
 */
export function sampleStarts(
  problem: Pick<Problem, 'min' | 'max'>,
  { free, min, max }: Pick<Problem, 'free' | 'min' | 'max'>,
  { count, sample, seed }: ValuesOf<typeof multiStart>,
  hasGuess = false,
): Float64Array[] {
  if (count === 1) return []
  const isOpen = (i: number) => !isBounded(min[i], max[i])
  const open = free.findIndex((_, i) => isOpen(i))
  if (open >= 0 && !hasGuess) {
    throw new OptionError(
      `start: ${free[open]}`,
      `finite min and max${problem.min[open] > min[open] ? ', above 0' : ''}, for multiStart`,
      `${problem.min[open]} and ${problem.max[open]}`,
    )
  }
  const box = Object.fromEntries(
    free.map((name, i) => [name, isOpen(i) ? ([-1, 1] as const) : ([min[i], max[i]] as const)]),
  )
  const columns =
    sample === 'sobol' ? sobolStarts(box, count - 1) : samplers[sample](box, count - 1, { seed })
  return free.map((name) => columns[name])
}

/** Whether both bounds are finite. */
export const isBounded = (min: number, max: number) => max - min < Infinity

/** Moves a starting value that a model has chosen between the bounds of its parameter. */
export function moveInside({ isLogarithmic, min, max }: Parameter, start: number): number {
  return Math.min(Math.max(isLogarithmic ? Math.abs(start) || 1 : start, min), max)
}

/** The internal value of a starting value that a model has chosen, between the bounds of its parameter. */
export function toInternalStart(parameter: Parameter, start: number): number {
  const inside = moveInside(parameter, start)
  return parameter.isLogarithmic ? log(inside) : inside
}

/**
 * A starting value around a guess: a tenth to ten times the guess, or anywhere in the range of x for a position.
 *
 * @param part position of the starting value, from −1 to 1
 */
export function sampleAround(guess: number, part: number, x: Float64Array | undefined): number {
  if (x === undefined) return guess * pow(10, part)
  const low = x.reduce((a, b) => Math.min(a, b))
  return low + ((x.reduce((a, b) => Math.max(a, b)) - low) * (part + 1)) / 2
}

/**
 * Two endpoints are the same minimum if the values of each parameter agree within this fraction, or within
 * `DISTANCE_IN_ERRORS` standard errors.
 */
const RELATIVE_DISTANCE = 1e-4
const DISTANCE_IN_ERRORS = 1e-2

/** Endpoint of one start: the parameters, their standard errors and χ². */
export interface LocalFit {
  readonly x: readonly number[]
  readonly errors: readonly number[]
  readonly chiSquared: number
}

/** Distinct minima, sorted by χ². Endpoints with an infinite or NaN χ² are ignored. */
export function distinctMinima(free: readonly string[], ends: readonly LocalFit[]): FitMinimum[] {
  const found: { end: LocalFit; starts: number }[] = []
  const finite = ends.filter(({ chiSquared }) => chiSquared < Infinity)
  for (const end of finite.sort((a, b) => a.chiSquared - b.chiSquared)) {
    const same = found.find((other) => isSameMinimum(other.end, end))
    if (same === undefined) found.push({ end, starts: 1 })
    else same.starts++
  }
  return found.map(({ end, starts }) => ({
    values: Object.fromEntries(free.map((name, i) => [name, end.x[i]])),
    chiSquared: end.chiSquared,
    starts,
  }))
}

function isSameMinimum({ x, errors }: LocalFit, { x: other }: LocalFit): boolean {
  return x.every((a, i) => {
    const off = Math.abs(a - other[i])
    return (
      off <= RELATIVE_DISTANCE * Math.max(Math.abs(a), Math.abs(other[i])) ||
      off <= DISTANCE_IN_ERRORS * errors[i]
    )
  })
}
