/** `profile`: confidence intervals by profile likelihood. */

import { OptionError } from '../../core/errors.js'
import { createRecord } from '../../core/untrusted-input.js'
import { CallProgress, executeSync } from '../../many/engines/execute.js'
import { readOptions } from '../../options/read.js'
import type { Fit, FitManyResult } from '../fit/result.js'
import type { LikelihoodFit, LikelihoodResult } from '../likelihood/result.js'
import type { LikelihoodGroup, SharedLikelihoodFit } from '../likelihood/shared-result.js'
import {
  createProfile,
  createProfiles,
  type Profile,
  type ProfileColumns,
  type ProfileManyOptions,
  type ProfileManyValues,
  type ProfileOptions,
  profileManyTable,
  profileNames,
  profileTable,
  toRecord,
} from '../profiles/profile-result.js'
import type { SharedGroup } from '../shared/group.js'
import { groupQuantities, localParameters, quantityNames, toProfiled } from '../shared/profiled-parameters.js'
import type { SharedFit } from '../shared/result.js'
import { type GroupSource, groupSources, type SharedSource, sharedSources } from '../shared/result-source.js'
import { type SharedProfiles, toSharedProfiles } from '../shared/shared-profiles.js'
import { getIndex } from '../shared-solve/group-batch.js'
import type { SharedProfile } from '../shared-solve/profile.js'
import { type ProfileRequest, ProfileRun } from '../shared-solve/profile-slots.js'
import { likelihoodOf } from '../solve/distribution.js'
import type { FitContext } from '../solve/fit-context.js'
import { fitManySources, fitSources } from '../solve/result-source.js'
import { type Computation, checkResult, run, runSync } from './computation.js'

type Profiles<Name extends string> = Readonly<Record<Name, Profile>>
type GroupProfiles = Readonly<Record<string, SharedProfile>>
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
 * Profile intervals of a fit with a distribution: −2 log L rises to the threshold, by a χ² quantile. Names are free
 * parameters and derived quantities.
 */
export function profile<Names extends string, Name extends Names = Names>(
  found: LikelihoodFit<Names>,
  names?: Name | readonly Name[],
  options?: ProfileOptions,
): Profiles<Name>
/** Profile intervals of each fit with a distribution. The profiles are computed one after the other. */
export function profile<Names extends string, Name extends Names = Names>(
  found: LikelihoodResult<Names>,
  names?: Name | readonly Name[],
  options?: ProfileManyOptions,
): ManyProfiles<Name>
/**
 * Profile intervals of a fit with a distribution and shared parameters: of its shared parameters, or for a group of all
 * parameters of the group. All other parameters of all groups minimize −2 log L.
 */
export function profile(
  found: SharedLikelihoodFit | LikelihoodGroup,
  names?: string | readonly string[],
  options?: ProfileOptions,
): Profiles<string>
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
 * @param found a result of `fitShared` for a name in the result's `shared`. For a name in a group's `free` and for a
 * derived quantity, a group of the result.
 * @param name name of the parameter to profile
 * @throws (rejects with) OptionError if the name is unknown, or if the level is not between 0 and 1; the reason of the
 * AbortSignal if the call is aborted
 */
export function profile(
  found: SharedFit | SharedGroup,
  name: string,
  options?: ProfileManyOptions,
): Promise<SharedProfile>
/**
 * Computes the profile intervals of all shared, local and derived parameters of a fit with shared parameters. The searches for
 * endpoints run side by side in lanes.
 *
 * @param found a result of `fitShared`
 * @throws (rejects with) OptionError if the level is not between 0 and 1; the reason of the AbortSignal if the call is
 * aborted
 * @example
 * const { shared, local } = await profile(found)
 * local.ec50.low // one endpoint per group
 */
export function profile(
  found: SharedFit,
  names?: undefined,
  options?: ProfileManyOptions,
): Promise<SharedProfiles>
/** Computes the profile intervals of all parameters in `free` of a group, and of its derived quantities. */
export function profile(
  found: SharedGroup,
  names?: undefined,
  options?: ProfileManyOptions,
): Promise<GroupProfiles>
export function profile(
  found: object,
  names?: string | readonly string[],
  options: ProfileManyOptions = {},
):
  | Profiles<string>
  | ManyProfiles<string>
  | Promise<ManyProfiles<string> | SharedProfile | SharedProfiles | GroupProfiles> {
  const likelihood = likelihoodOf(found)
  if (likelihood) return likelihood.profile(names, options) as Profiles<string> | ManyProfiles<string>
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
export function profileSync(found: SharedFit, names?: undefined, options?: ProfileManyOptions): SharedProfiles
export function profileSync(
  found: SharedGroup,
  names?: undefined,
  options?: ProfileManyOptions,
): GroupProfiles
export function profileSync(
  found: object,
  names?: string | readonly string[],
  options: ProfileManyOptions = {},
): ManyProfiles<string> | SharedProfile | SharedProfiles | GroupProfiles {
  const expected = 'a result of fitMany or fitShared, or one of its groups'
  checkResult(found, expected, fitManySources, sharedSources, groupSources)
  return runSync(prepareProfile(found, names, readOptions('options', options, profileManyTable)))
}

async function profileAsync(found: object, names: unknown, options: ProfileManyOptions) {
  const read = readOptions('options', options, profileManyTable)
  return run(prepareProfile(found, names, read), read.signal)
}

function prepareProfile(
  found: object,
  names: unknown,
  options: ProfileManyValues,
): Computation<ManyProfiles<string> | SharedProfile | SharedProfiles | GroupProfiles> {
  const context = fitManySources.get(found)
  if (context) return prepareMany(context, profileNames(names, context.problem), options)
  const group = groupSources.get(found)
  if (group) return prepareGroup(found as SharedGroup, group, names, options)
  return prepareShared(found as SharedFit, sharedSources.get(found) as SharedSource, names, options)
}

function prepareMany(
  context: FitContext,
  names: readonly string[],
  { level, onProgress }: ProfileManyValues,
): Computation<ManyProfiles<string>> {
  const progress = new CallProgress(onProgress)
  progress.total = context.observations.length
  function* calls() {
    const { low, high, lowReason, highReason } = yield* createProfiles(
      context,
      undefined,
      names,
      level,
      (done) => progress.advance(done),
    )
    return createRecord(names, (_, k): ProfileColumns => {
      return { low: low[k], high: high[k], lowReason: lowReason[k], highReason: highReason[k] }
    })
  }
  return { choice: context.choice, calls: calls(), progress }
}

function prepareShared(
  found: SharedFit,
  source: SharedSource,
  names: unknown,
  options: ProfileManyValues,
): Computation<SharedProfile | SharedProfiles> {
  const { run, statistics } = source
  if (names !== undefined) {
    const parameter = toProfiled(run, statistics, readName(names, found.shared))
    return prepareRun(source, [parameter], options, ([profile]) => profile)
  }
  const shared = run.parsed.shared.map((_, k) => toProfiled(run, statistics, k))
  const ofGroups = found.groups.flatMap((_, group) => {
    const location = source.locate(group)
    return [...localParameters(location), ...groupQuantities(location, () => found.at(group))]
  })
  return prepareRun(source, [...shared, ...ofGroups], options, (profiles) =>
    toSharedProfiles(source, profiles),
  )
}

function prepareGroup(
  group: SharedGroup,
  source: GroupSource,
  name: unknown,
  options: ProfileManyValues,
): Computation<SharedProfile | GroupProfiles> {
  const { run, statistics, batch, index } = source
  const { sharedPlaces } = run.solver.batches[batch]
  const all = [
    ...localParameters(source),
    ...sharedPlaces.map((place) => toProfiled(run, statistics, getIndex(place, index))),
    ...groupQuantities(source, () => group),
  ]
  const names = [...group.free, ...quantityNames(source)]
  if (name !== undefined)
    return prepareRun(source, [all[readName(name, names)]], options, ([profile]) => profile)
  return prepareRun(source, all, options, (profiles) => createRecord(names, (_, i) => profiles[i]))
}

function prepareRun<T>(
  { run, statistics }: SharedSource | GroupSource,
  parameters: ProfileRequest['parameters'],
  { level, onProgress }: ProfileManyValues,
  toResult: (profiles: readonly SharedProfile[]) => T,
): Computation<T> {
  const progress = new CallProgress(onProgress)
  const profiles = new ProfileRun({ run, statistics, parameters, level, progress })
  function* calls() {
    return toResult(yield* profiles.calls())
  }
  return { choice: run.choice, calls: calls(), release: () => profiles.release(), progress }
}

/** @returns the index of a validated name among the known names */
function readName(name: unknown, known: readonly string[]): number {
  const at = known.indexOf(name as string)
  if (at < 0) throw new OptionError('name', `one of ${known.join(', ')}`, name)
  return at
}
