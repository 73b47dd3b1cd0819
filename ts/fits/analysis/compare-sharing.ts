/** `compareSharing`: whether groups need separate values of a parameter. */

import { ArgumentError } from '../../core/errors.js'
import { isRecord } from '../../core/untrusted-input.js'
import { execute, executeSync } from '../../many/engines/execute.js'
import { callOptions } from '../../many/options.js'
import type { GivenOf } from '../../options/kinds.js'
import { readOptions } from '../../options/read.js'
import { SharedFit } from '../shared/result.js'
import { type SharedSource, sharedSources } from '../shared/result-source.js'
import type { SharedOptions } from '../shared-solve/options.js'
import { SharedRun } from '../shared-solve/run.js'
import { type Comparison, compare } from './compare.js'
import { checkResult } from './computation.js'

const table = {
  /** AbortSignal for the call. If the signal aborts, the promise is rejected with the reason of the signal. */
  signal: callOptions.signal,
}

/** Options of `compareSharing`. */
export interface CompareSharingOptions extends GivenOf<typeof table> {}

/** Comparison of the fits with one value of a parameter for all groups (a), and with one value per group (b). */
export interface SharingComparison extends Comparison {
  /** The fit in which all groups, or the groups of a subset, share the parameter. */
  readonly shared: SharedFit
  /** The fit in which each group has its own value of the parameter. */
  readonly separate: SharedFit
}

/**
 * Compares a shared fit with and without sharing a parameter, by the F test and AICc. If the fit shares the parameter,
 * the call fits one value per group. If the parameter is local, the call fits one value for all groups. A
 * parameter that subsets share is compared with one value per group. The other fit
 * starts at the solution of the given fit and, for models with a guess, also at the guess. The better result counts.
 *
 * @param found a result of `fitShared`, whose data must not have changed since
 * @param name name of a free parameter
 * @returns (a promise of) the comparison, in which a shares the parameter and b does not
 * @throws (rejects with) ArgumentError if the name is not a free parameter, or if the data have changed; the reason of the
 * AbortSignal if the call is aborted
 * @example
 * const { pValue, aicc } = await compareSharing(await fitShared(model, data, { shared: ['slope'] }), 'slope')
 */
export async function compareSharing(
  found: SharedFit,
  name: string,
  options: CompareSharingOptions = {},
): Promise<SharingComparison> {
  const { signal } = readOptions('options', options, table)
  const others: SharedFit[] = []
  for (const run of prepare(found, name)) {
    const ended = await execute(run.choice, run.calls(), signal, () => run.release())
    run.release()
    others.push(new SharedFit(run, ended, found.groups))
  }
  return summarize(found, name, others)
}

/** Synchronous version of {@link compareSharing}. */
export function compareSharingSync(found: SharedFit, name: string): SharingComparison {
  const others = prepare(found, name).map((run) => {
    const ended = executeSync(run.choice, run.calls())
    run.release()
    return new SharedFit(run, ended, found.groups)
  })
  return summarize(found, name, others)
}

/** The fits with the other role of the parameter: from the solution, and from the starts of the original call. */
function prepare(found: SharedFit, name: string): SharedRun[] {
  checkResult(found, 'a result of fitShared', sharedSources)
  const { run } = sharedSources.get(found) as SharedSource
  const { values } = found
  const names = [values.shared, values.sharedBy, values.local].flatMap(Object.keys)
  if (!names.includes(name)) throw new ArgumentError('name', `one of ${names.join(', ')}`, name)
  const { local: _, ...others } = run.options
  const roles = changeRole(found, name, run.options as SharedOptions)
  const start = startsAt(found, name, run.options as SharedOptions)
  const settings = {
    ...others,
    ...roles.options,
    onProgress: undefined,
    signal: undefined,
    multiStart: undefined,
  }
  const { model } = run.request
  const warm = new SharedRun(model, roles.columns, { ...settings, start })
  return [warm, new SharedRun(model, roles.columns, settings)]
}

/** Options in which the parameter has the other role, and the data that these options need. */
function changeRole(
  found: SharedFit,
  name: string,
  { shared = [], sharedBy = {}, group }: SharedOptions,
): { readonly options: Partial<SharedOptions>; readonly columns: object } {
  const { run } = sharedSources.get(found) as SharedSource
  const { [name]: labels, ...subsets } = sharedBy
  const others = [...shared].filter((one) => one !== name)
  // A column of labels that no parameter uses would be an error.
  const columns: Record<string, unknown> = { ...(run.request.data as object) }
  if (labels !== undefined && !Object.values(subsets).includes(labels)) delete columns[labels]
  if (Object.hasOwn(found.values.local, name))
    return { options: { shared: [...others, name], sharedBy: subsets }, columns }
  if (others.length + Object.keys(subsets).length > 0)
    return { options: { shared: others, sharedBy: subsets }, columns }
  // `fitShared` needs a shared parameter: a parameter that each group shares with itself is local.
  let column = 'group'
  while (Object.hasOwn(columns, column) || run.parsed.parameters.some((one) => one.name === column))
    column += '_'
  columns[column] = group === undefined ? found.groups : columns[group]
  return { options: { shared: [], sharedBy: { [name]: column } }, columns }
}

/** Starting values at the solution. A parameter that becomes shared starts at the mean of its local values. */
function startsAt(
  found: SharedFit,
  name: string,
  { start = {} }: SharedOptions,
): NonNullable<SharedOptions['start']> {
  const { shared, local, sharedBy } = found.values
  const wasLocal = Object.hasOwn(local, name)
  const points = new Map<string, number | number[]>([...Object.entries(shared)])
  for (const [other, column] of Object.entries(local)) points.set(other, Array.from(column))
  for (const [other, column] of Object.entries(sharedBy)) points.set(other, mean(column))
  if (wasLocal) points.set(name, mean(local[name]))
  const given: Readonly<Record<string, unknown>> = { ...start }
  const entries = [...points].flatMap(([key, point]) => {
    // A group whose model lacks the parameter has no value.
    const isKnown = [point].flat().every(Number.isFinite)
    const before = given[key]
    return isKnown ? [[key, isRecord(before) ? { ...before, start: point } : point] as const] : []
  })
  return { ...start, ...Object.fromEntries(entries) }
}

function mean(column: Float64Array): number {
  const known = column.filter(Number.isFinite)
  return known.reduce((sum, x) => sum + x, 0) / known.length
}

function summarize(found: SharedFit, name: string, others: readonly SharedFit[]): SharingComparison {
  const best = others.reduce((best, one) => (isBetter(one, best) ? one : best))
  const [shared, separate] = Object.hasOwn(found.values.local, name) ? [best, found] : [found, best]
  return { ...compare(shared, separate), shared, separate }
}

function isBetter(one: SharedFit, other: SharedFit): boolean {
  const [a, b] = [one, other].map(({ reason }) => reason === 'converged')
  return a === b ? one.chiSquared < other.chiSquared || Number.isNaN(other.chiSquared) : a
}
