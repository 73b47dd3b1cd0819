/** Fits from several starts, and the minima that they end at. */

import { OptionError } from '../../core/errors.js'
import { type GivenOf, integerBetween, keyOption, type ValuesOf } from '../../options/kinds.js'
import { latinHypercubeStarts, sobolStarts, uniformStarts } from '../../random/starts.js'
import type { Problem } from './problem.js'

const samplers = { latinHypercube: latinHypercubeStarts, sobol: sobolStarts, uniform: uniformStarts }

export const multiStart = {
  /** How many starts each fit has, its own one with them. */
  count: integerBetween(1, 4096),
  /** How they are spread over the box of the parameters' bounds; 'latinHypercube'. */
  sample: keyOption<keyof typeof samplers, 'latinHypercube'>(samplers, 'latinHypercube'),
  /** An integer from 0 to 2³² − 1; 0. */
  seed: integerBetween(0, 0xffff_ffff, 0, '2^32 - 1'),
}

export interface MultiStart extends GivenOf<typeof multiStart> {}

/** A point at which some of a fit's starts end. */
export interface FitMinimum {
  /** Of the parameters that vary. */
  readonly values: Readonly<Record<string, number>>
  readonly chiSquared: number
  /** How many starts end there. */
  readonly starts: number
}

/**
 * Starts beside each fit's own, a column for each parameter that varies.
 *
 * @param problem as users have it
 * @param steps as steps have it, and these columns do
 * @throws OptionError where a parameter has no bounds
 */
export function sampleStarts(
  problem: Pick<Problem, 'min' | 'max'>,
  { free, min, max }: Pick<Problem, 'free' | 'min' | 'max'>,
  { count, sample, seed }: ValuesOf<typeof multiStart>,
): Float64Array[] {
  if (count === 1) return free.map(() => new Float64Array(0))
  const open = free.findIndex((_, i) => !Number.isFinite(min[i]) || !Number.isFinite(max[i]))
  if (open >= 0) {
    throw new OptionError(
      `start: ${free[open]}`,
      `finite min and max${problem.min[open] > min[open] ? ', above 0' : ''}, for multiStart`,
      `${problem.min[open]} and ${problem.max[open]}`,
    )
  }
  const box = Object.fromEntries(free.map((name, i) => [name, [min[i], max[i]] as const]))
  const columns =
    sample === 'sobol' ? sobolStarts(box, count - 1) : samplers[sample](box, count - 1, { seed })
  return free.map((name) => columns[name])
}

/** Ends are the same minimum where no parameter differs by more than this part of itself, or of its error. */
const RELATIVE_DISTANCE = 1e-4
const DISTANCE_IN_ERRORS = 1e-2

/** An end: its point, its χ², and the errors of its point. */
export interface LocalFit {
  readonly x: readonly number[]
  readonly errors: readonly number[]
  readonly chiSquared: number
}

/** Ends as minima, the best one first; those whose χ² is no number are none. */
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
