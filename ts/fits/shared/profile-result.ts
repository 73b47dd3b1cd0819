/** How profiles of fits with shared parameters are asked for. */

import { execute, executeSync } from '../../many/engines/execute.js'
import { readOptions } from '../../options/read.js'
import { profileManyTable } from '../profiles/profile-result.js'
import { type ProfiledParameter, profileShared, type SharedProfileOptions } from '../shared-solve/profile.js'
import type { SharedRun } from '../shared-solve/run.js'
import type { SharedStatistics } from '../shared-solve/shared-statistics.js'

export function createSharedProfiles(
  { parsed }: SharedRun,
  { covariance, step, sharedStates }: SharedStatistics,
  at: number,
): ProfiledParameter {
  const error = Math.sqrt(covariance[at * step.dense.size + at])
  return {
    fixed: { shared: at, local: null },
    parameter: parsed.shared[at].parameter,
    error,
    state: sharedStates[at],
  }
}

export async function profileAsync(
  run: SharedRun,
  ended: SharedStatistics,
  parameter: ProfiledParameter,
  options: SharedProfileOptions,
) {
  const { level, signal } = readOptions('options', options, profileManyTable)
  const arrow = run.createSolver()
  const calls = profileShared(arrow, ended, parameter, level, run.isAbsolute, run.maxIterations)
  const profile = await execute(run.choice, calls, signal, () => arrow.release())
  arrow.release()
  return profile
}

export function profileSync(
  run: SharedRun,
  ended: SharedStatistics,
  parameter: ProfiledParameter,
  options: SharedProfileOptions,
) {
  const { level } = readOptions('options', options, profileManyTable)
  const arrow = run.createSolver()
  const profile = executeSync(
    run.choice,
    profileShared(arrow, ended, parameter, level, run.isAbsolute, run.maxIterations),
  )
  arrow.release()
  return profile
}
