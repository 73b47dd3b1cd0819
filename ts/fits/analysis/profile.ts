/** `profile`: confidence intervals by profile likelihood. */

import { OptionError } from '../../core/errors.js'
import { createRecord } from '../../core/untrusted-input.js'
import { executeSync } from '../../many/engines/execute.js'
import { readOptions } from '../../options/read.js'
import type { Fit, FitManyResult } from '../fit/result.js'
import {
  createProfile,
  createProfiles,
  type Profile,
  type ProfileColumns,
  type ProfileManyOptions,
  type ProfileOptions,
  profileManyTable,
  profileNames,
  profileTable,
  toRecord,
} from '../profiles/profile-result.js'
import type { SharedGroup } from '../shared/group.js'
import type { SharedFit } from '../shared/result.js'
import { type GroupSource, groupSources, type SharedSource, sharedSources } from '../shared/result-source.js'
import { getIndex } from '../shared-solve/group-batch.js'
import { type ProfiledParameter, profileShared, type SharedProfile } from '../shared-solve/profile.js'
import type { SharedRun } from '../shared-solve/run.js'
import type { SharedStatistics } from '../shared-solve/shared-statistics.js'
import type { FitContext } from '../solve/fit-context.js'
import { fitManySources, fitSources } from '../solve/result-source.js'
import { type Computation, checkResult, run, runSync } from './computation.js'

type Profiles<Name extends string> = Readonly<Record<Name, Profile>>
type ManyProfiles<Name extends string> = Readonly<Record<Name, ProfileColumns>>

/**
 * Computes profile-likelihood intervals. An endpoint is the value of a parameter at which χ², minimized over all other
 * parameters, has risen to the threshold of the confidence level. If σ is unknown, the threshold exceeds the minimum of
 * χ² by F(1, n)·χ²/n with n degrees of freedom (as in lmfit's `conf_interval`). If σ is known, the threshold exceeds
 * the minimum by a χ² quantile (as in MINOS). Profile intervals need not be symmetric, and remain valid if the model is
 * nonlinear within the standard errors.
 *
 * @param found a result of `fit`
 * @param names names of free parameters or derived quantities; default: all of them
 * @throws OptionError if a name is neither free nor derived, or if the level is not between 0 and 1
 * @example
 * const { low, high } = profile(found, ['b']).b
 */
export function profile<Names extends string, Name extends Names = Names>(
  found: Fit<Names>,
  names?: Name | readonly Name[],
  options?: ProfileOptions,
): Profiles<Name>
/**
 * Computes the profile intervals of each fit of a batch. Thousands of profiles run side by side. Each column of the
 * result contains one endpoint per fit. A reason per endpoint explains the endpoint's position. The native engine does
 * not block the event loop.
 *
 * @param found a result of `fitMany`
 * @throws (rejects with) OptionError if a name or the level is invalid; the reason of the AbortSignal if the call is
 * aborted
 */
export function profile<Names extends string, Name extends Names = Names>(
  found: FitManyResult<Names>,
  names?: Name | readonly Name[],
  options?: ProfileManyOptions,
): Promise<ManyProfiles<Name>>
/**
 * Computes the profile interval of one parameter of a fit with shared parameters. χ² is minimized over all
 * other parameters of all groups.
 *
 * @param found a result of `fitShared` if the name is listed in the result's `shared`, or a group of the result if the
 * name is listed in the group's `free`
 * @param name name of the parameter to profile
 * @throws (rejects with) OptionError if the name is unknown, or if the level is not between 0 and 1; the reason of the
 * AbortSignal if the call is aborted
 */
export function profile(
  found: SharedFit | SharedGroup,
  name: string,
  options?: ProfileManyOptions,
): Promise<SharedProfile>
export function profile(
  found: object,
  names?: string | readonly string[],
  options: ProfileManyOptions = {},
): Profiles<string> | Promise<ManyProfiles<string> | SharedProfile> {
  const expected = 'a result of fit, fitMany or fitShared, or one of its groups'
  checkResult(found, expected, fitSources, fitManySources, sharedSources, groupSources)
  const source = fitSources.get(found)
  if (source === undefined) return profileAsync(found, names, options)
  const { context, index } = source
  const { level } = readOptions('options', options, profileTable)
  const profiles = createProfiles(context, index, profileNames(names, context.problem), level)
  const endpoints = executeSync(context.choice, profiles)
  return toRecord(endpoints, (k) => createProfile(context, endpoints, k, index))
}

/** Synchronous version of {@link profile} for results of `fitMany` and `fitShared`, and for groups. */
export function profileSync<Names extends string, Name extends Names = Names>(
  found: FitManyResult<Names>,
  names?: Name | readonly Name[],
  options?: ProfileManyOptions,
): ManyProfiles<Name>
export function profileSync(
  found: SharedFit | SharedGroup,
  name: string,
  options?: ProfileManyOptions,
): SharedProfile
export function profileSync(
  found: object,
  names?: string | readonly string[],
  options: ProfileManyOptions = {},
): ManyProfiles<string> | SharedProfile {
  const expected = 'a result of fitMany or fitShared, or one of its groups'
  checkResult(found, expected, fitManySources, sharedSources, groupSources)
  const { level } = readOptions('options', options, profileManyTable)
  return runSync<ManyProfiles<string> | SharedProfile>(prepareProfile(found, names, level))
}

async function profileAsync(found: object, names: unknown, options: ProfileManyOptions) {
  const { level, signal } = readOptions('options', options, profileManyTable)
  return run<ManyProfiles<string> | SharedProfile>(prepareProfile(found, names, level), signal)
}

function prepareProfile(
  found: object,
  names: unknown,
  level: number,
): Computation<ManyProfiles<string>> | Computation<SharedProfile> {
  const context = fitManySources.get(found)
  if (context) return prepareMany(context, profileNames(names, context.problem), level)
  const group = groupSources.get(found)
  if (group) return prepareShared(group, findGroupParameter(found as SharedGroup, group, names), level)
  const shared = sharedSources.get(found) as SharedSource
  const at = readName(names, (found as SharedFit).shared)
  return prepareShared(shared, toProfiled(shared.run, shared.statistics, at), level)
}

function prepareMany(context: FitContext, names: readonly string[], level: number) {
  function* calls() {
    const { low, high, lowReason, highReason } = yield* createProfiles(context, undefined, names, level)
    return createRecord(names, (_, k): ProfileColumns => {
      return { low: low[k], high: high[k], lowReason: lowReason[k], highReason: highReason[k] }
    })
  }
  return { choice: context.choice, calls: calls() }
}

function prepareShared(
  { run, statistics }: SharedSource | GroupSource,
  parameter: ProfiledParameter,
  level: number,
): Computation<SharedProfile> {
  const { isAbsolute, maxIterations } = run
  const solver = run.createSolver()
  return {
    choice: run.choice,
    calls: profileShared(solver, statistics, parameter, { level, isAbsolute, maxIterations }),
    release: () => solver.release(),
  }
}

function findGroupParameter(group: SharedGroup, source: GroupSource, name: unknown): ProfiledParameter {
  const { run, statistics, batch, index } = source
  const i = readName(name, group.free)
  const { local, sharedPlaces, free } = run.solver.batches[batch]
  if (i >= local) return toProfiled(run, statistics, getIndex(sharedPlaces[i - local], index))
  const parameter = free[i]
  const factor = parameter.isLogarithmic ? group.values[parameter.name] : 1
  return {
    fixed: { shared: null, local: { batch, parameter: i, index } },
    parameter,
    error: group.errors[parameter.name] / factor,
    state: statistics.localStates[batch][i][index],
  }
}

/** The shared parameter with the given index among the shared parameters. */
function toProfiled(
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

/** @returns the index of a validated name among the known names */
function readName(name: unknown, known: readonly string[]): number {
  const at = known.indexOf(name as string)
  if (at < 0) throw new OptionError('name', `one of ${known.join(', ')}`, name)
  return at
}
