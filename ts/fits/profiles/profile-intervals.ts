/** Profile-likelihood intervals that the option `intervals` of fits requests. */

import { executeSync } from '../../many/engines/execute.js'
import { flag, type GivenOf } from '../../options/kinds.js'
import { readOptions } from '../../options/read.js'
import { probability } from '../problem/confidence-level.js'
import type { Problem } from '../problem/problem.js'
import type { ComputeIntervals } from '../solve/fit-context.js'
import { IntervalMethod } from '../solve/interval-method.js'
import { emptyProfiles, profileParameters } from './profile.js'
import { createProfiles, profileNames, toRecord } from './profile-result.js'

const table = {
  /**
   * Confidence level of the intervals that are computed together with the fits. Intervals of other levels are computed
   * on demand. Default 0.95.
   */
  level: probability,
  /** Whether a fit restarts from a lower minimum that the profile of the fit found. Default false. */
  restart: flag(false),
}

/** Options of `profileIntervals`. */
export interface ProfileIntervalOptions extends GivenOf<typeof table> {}

const computeIntervals: ComputeIntervals = (context, fit, level) => {
  const names = profileNames(undefined, context.problem)
  const found = executeSync(context.choice, createProfiles(context, fit, names, level))
  return toRecord(found, (k) => [found.low[k][0], found.high[k][0]] as const)
}

class ProfileIntervals extends IntervalMethod {
  readonly level: number
  readonly restart: boolean
  readonly run = profileParameters
  readonly compute = computeIntervals

  constructor(level: number, restart: boolean) {
    super()
    this.level = level
    this.restart = restart
    Object.freeze(this)
  }

  createColumns(problem: Problem, count: number) {
    return emptyProfiles(profileNames(undefined, problem), this.level, count)
  }
}

/**
 * Lets `fit` and `fitMany` compute profile intervals together with the fits. The method `intervals()` of the results
 * returns these profile intervals. Unlike the intervals value ± t·error, profile intervals remain valid if the model is
 * nonlinear within the standard errors.
 *
 * @param options `level`, between 0 and 1, and `restart`
 * @throws OptionError if the level is not between 0 and 1
 * @example
 * fit(model, data, { start, intervals: profileIntervals({ level: 0.99 }) }).intervals(0.99)
 */
export function profileIntervals(options: ProfileIntervalOptions = {}): IntervalMethod {
  const { level, restart } = readOptions('options', options, table)
  return new ProfileIntervals(level, restart)
}
