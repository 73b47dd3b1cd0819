/** `antigrad fit --shared`: one fit of all groups. */

import { OptionError } from '../../core/errors.js'
import { toKebabCase } from '../../core/text.js'
import { omitUndefined } from '../../core/untrusted-input.js'
import { profile } from '../../fits/analysis/profile.js'
import type { SharedLikelihoodFit } from '../../fits/likelihood/shared-result.js'
import { type ProfileEndReason, profileEndReasons } from '../../fits/problem/reasons.js'
import type { ProfileColumns } from '../../fits/profiles/profile-result.js'
import { createByLikelihood, type SharedData } from '../../fits/shared/fit-shared.js'
import { SharedFit } from '../../fits/shared/result.js'
import type { SharedProfile } from '../../fits/shared-solve/profile.js'
import type { SharedModel } from '../../fits/shared-solve/read.js'
import { SharedRun } from '../../fits/shared-solve/run.js'
import type { FitOfGroups } from '../../fits/tables/fit-list.js'
import { type ErrorModel, makeFitSettings, type ResolvedFits } from '../../jobs/fits.js'
import type { ModelInput } from '../../jobs/model.js'
import { execute } from '../../many/engines/execute.js'
import type { Table } from '../../tables/read-csv.js'
import { describeRate } from '../sweep/progress.js'
import { print, reporter, STOPPED, say } from '../terminal.js'
import { describeShared, type GroupProfileMaps, sharedInJson } from './describe-shared.js'
import { drawable, type FitDrawing } from './drawing.js'
import { type DateUnits, describeDates, sayDates } from './input.js'
import type { FitCommandOptions, Sharing } from './options.js'
import { NOT_CONVERGED, untilStopped } from './until-stopped.js'

/** The distinct columns whose labels share parameters. */
export function columnsOfSubsets({ shared }: FitCommandOptions): string[] {
  return [...new Set(Object.values(shared?.sharedBy ?? {}))]
}

interface TogetherExtras {
  readonly draw: FitDrawing | null
  readonly dates: DateUnits
  /** The distribution, for fits by likelihood. */
  readonly errorModel: ErrorModel | undefined
}

/** Runs one fit of all groups with shared parameters. The result is undefined after Ctrl-C. */
export async function fitTogether(
  table: Table,
  { model }: ResolvedFits,
  options: FitCommandOptions,
  { draw, dates, errorModel }: TogetherExtras,
): Promise<void> {
  const stop = new AbortController()
  const { group, json } = options
  const run = startTogether(table, model, options, errorModel, stop.signal)
  const done = await untilStopped(stop, async () => {
    const found = await run()
    return { found, profiles: options.profile ? await computeProfiles(found, stop.signal) : undefined }
  })
  if (done === undefined) {
    say('stopped before the fit was done')
    process.exitCode = STOPPED
    return
  }
  const { found, profiles } = done
  if (options.csv) {
    const { toCsv } = await import('../../fits/tables/to-table.js')
    await print(toCsv(found, { contents: options.contents ?? 'parameters', lineEnd: '\n' }))
    sayDates(dates)
  } else if (json) for (const line of sharedInJson(found, profiles, dates)) await print(`${line}\n`)
  else await print(`${describeShared(group as string, found, profiles)}\n${describeDates(dates)}`)
  draw?.now(
    table,
    found.groups.map((_, k) => {
      const one = found.at(k)
      return 'residualsOf' in one ? drawable(one) : one
    }),
    dates,
  )
  if (found.reason === 'converged') return
  say('the fit did not converge')
  process.exitCode ??= NOT_CONVERGED
}

/** Validates the options, and returns a function that runs the fit. */
function startTogether(
  table: Table,
  model: ModelInput,
  options: FitCommandOptions,
  errorModel: ErrorModel | undefined,
  signal: AbortSignal,
): () => Promise<FitOfGroups> {
  const { shared, multiStart, derive } = options
  const { all, sharedBy } = shared as Sharing
  const { data, settings } = makeFitSettings(table.columns, Object.values(model.x), model, options, {
    ...options,
    outliers: undefined,
    signal,
    errorModel,
  })
  // The columns are renamed, so that their names in the file cannot collide with other data.
  const columns = columnsOfSubsets(options)
  const nameOf = (column: string) => `${settings.y ?? 'y'}_by${columns.indexOf(column)}`
  const labels = columns.map((column, k) => [nameOf(column), table.labels[k]] as const)
  const whole = { ...data, ...Object.fromEntries(labels) }
  const call = {
    ...settings,
    shared: all,
    ...omitUndefined({ multiStart, derive }),
    sharedBy: Object.fromEntries(Object.entries(sharedBy).map(([name, column]) => [name, nameOf(column)])),
  }
  const byLikelihood =
    errorModel &&
    createByLikelihood(
      model.model as SharedModel,
      whole as SharedData,
      { ...call, distribution: errorModel.distribution },
      table.groups,
    )
  if (byLikelihood)
    return async () => {
      await execute(byLikelihood.choice, byLikelihood.calls(), signal, () => {})
      return byLikelihood.result() as SharedLikelihoodFit
    }
  const run = new SharedRun(model.model, whole, call)
  return async () => {
    const ended = await execute(run.choice, run.calls(), signal, () => run.release())
    return new SharedFit(run, ended, table.groups)
  }
}

/** Profiles of the shared parameters, and of the parameters and derived quantities of each group. */
async function computeProfiles(found: FitOfGroups, signal: AbortSignal): Promise<GroupProfileMaps> {
  return 'minus2LogLikelihood' in found ? profileLikelihood(found) : profileSquares(found, signal)
}

function profileLikelihood(found: SharedLikelihoodFit): GroupProfileMaps {
  const isJoint = (name: string) =>
    Object.hasOwn(found.values.shared, name) || Object.hasOwn(found.values.sharedBy, name)
  return {
    shared: new Map(Object.entries(profile(found))),
    local: found.groups.map((_, k) => {
      const group = found.at(k)
      // The standard error of a fixed parameter is 0.
      const names = Object.keys(group.values).filter((name) => !isJoint(name) && group.errors[name] !== 0)
      return new Map(Object.entries(profile(group, names)))
    }),
  }
}

async function profileSquares(found: SharedFit, signal: AbortSignal): Promise<GroupProfileMaps> {
  const onProgress = reporter((seconds, done: number, total: number) =>
    describeRate('profiles', done, total, seconds),
  )
  const all = await profile(found, undefined, { signal, onProgress })
  const pick = ({ low, high, lowReason, highReason }: ProfileColumns, k: number): SharedProfile => {
    const reasonOf = (codes: Uint8Array) => profileEndReasons[codes[k]] as ProfileEndReason
    return { low: low[k], high: high[k], lowReason: reasonOf(lowReason), highReason: reasonOf(highReason) }
  }
  const subsets = Object.entries(found.subsetLabels).flatMap(([name, labels]) =>
    labels.map((label, k) => [`${name}[${label}]`, pick(all.sharedBy[name], k)] as const),
  )
  const profiles = new Map([...Object.entries(all.shared), ...subsets])
  const columns = Object.entries({ ...all.local, ...all.derived })
  return {
    shared: new Map(found.shared.map((name) => [name, profiles.get(name) as SharedProfile])),
    local: found.groups.map(
      (_, group) => new Map(columns.map(([name, column]) => [name, pick(column, group)])),
    ),
  }
}

/** @throws OptionError if an option cannot be combined with --shared */
export function checkShared(options: FitCommandOptions): void {
  const { group, correlations, compare, covariance, outliers, unknown, sample } = options
  if (group === undefined)
    throw new OptionError('--shared', '--group as well (the groups share the parameters)', 'none')
  const others = { correlations, compare, covariance, outliers, unknown, sample }
  for (const [name, value] of Object.entries(others)) {
    if (value !== undefined) throw new OptionError(`--${toKebabCase(name)}`, 'no value with --shared', value)
  }
}
