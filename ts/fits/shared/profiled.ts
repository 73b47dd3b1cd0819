/** How profiles of fits with shared parameters are asked for. */

import { drive, driveSync } from '../../many/drive.js'
import { readOptions } from '../../options/read.js'
import { profileManyTable } from '../profiled.js'
import type { Ended } from './ending.js'
import { type Profiled, profileShared, type SharedProfileOptions } from './profile.js'
import type { SharedRun } from './run.js'

export function sharedProfiled(
  { read }: SharedRun,
  { covariance, step, sharedStates }: Ended,
  at: number,
): Profiled {
  const error = Math.sqrt(covariance[at * step.dense.size + at])
  return {
    held: { shared: at, own: null },
    parameter: read.shared[at].parameter,
    error,
    state: sharedStates[at],
  }
}

export async function profiledAsync(
  run: SharedRun,
  ended: Ended,
  of: Profiled,
  options: SharedProfileOptions,
) {
  const { level, signal } = readOptions('options', options, profileManyTable)
  const arrow = run.makeArrow()
  const calls = profileShared(arrow, ended, of, level, run.isAbsolute, run.most)
  const profile = await drive(run.choice, calls, signal, () => arrow.leave())
  arrow.leave()
  return profile
}

export function profiledSync(run: SharedRun, ended: Ended, of: Profiled, options: SharedProfileOptions) {
  const { level } = readOptions('options', options, profileManyTable)
  const arrow = run.makeArrow()
  const profile = driveSync(run.choice, profileShared(arrow, ended, of, level, run.isAbsolute, run.most))
  arrow.leave()
  return profile
}
