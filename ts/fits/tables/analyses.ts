/** Tables of profiles and comparisons. */

import { ArgumentError } from '../../core/errors.js'
import { isObject, isRecord, toBoundedArray } from '../../core/untrusted-input.js'
import type { Comparison, RankedModel } from '../analysis/compare.js'
import type { LikelihoodComparison, RankedLikelihood } from '../likelihood/comparison.js'
import { profileEndReasons } from '../problem/reasons.js'
import type { GroupLabel } from '../problem/shared-parameters.js'
import type { Profile, ProfileColumns } from '../profiles/profile-result.js'
import type { SharedProfiles } from '../shared/shared-profiles.js'
import type { SharedProfile } from '../shared-solve/profile.js'
import { type ColumnType, type ResultColumns, TableBuilder } from './table-builder.js'

/** A result of `profile` for all parameters: of a fit, of `fitMany`, or of `fitShared`. */
export type NamedProfiles =
  | Readonly<Record<string, Profile | SharedProfile>>
  | Readonly<Record<string, ProfileColumns>>
  | SharedProfiles
/** A result of `compare`. */
export type ComparisonResult =
  | Comparison
  | LikelihoodComparison
  | readonly (Comparison | RankedModel | RankedLikelihood)[]
  | readonly (readonly RankedModel[])[]

const isProfile = (given: unknown): given is SharedProfile =>
  isRecord(given) && typeof (given as SharedProfile).low === 'number' && 'lowReason' in given
const isProfileColumns = (given: unknown): given is ProfileColumns =>
  isRecord(given) && (given as ProfileColumns).low instanceof Float64Array && 'lowReason' in given

/** @returns a table of profiles, or undefined for other values */
export function tabulateProfiles(
  found: unknown,
  groups: readonly GroupLabel[] | undefined,
): ResultColumns | undefined {
  if (!isRecord(found)) return undefined
  const entries: readonly [string, unknown][] = Object.entries(found)
  if (entries.length === 0) return undefined
  if (entries.every(([, one]) => isProfile(one))) {
    const table = new TableBuilder(PROFILE_COLUMNS)
    for (const [name, one] of entries) table.add([name, ...cellsOf(one as SharedProfile)])
    return table.toTable()
  }
  if (entries.every(([, one]) => isProfileColumns(one))) {
    const table = new TableBuilder([['group', 'values'], ...PROFILE_COLUMNS])
    addColumns(table, found as Readonly<Record<string, ProfileColumns>>, [], groups)
    return table.toTable()
  }
  const parts = ['shared', 'sharedBy', 'local', 'derived'] as const
  if (!parts.every((name) => isRecord((found as Readonly<Record<string, unknown>>)[name]))) return undefined
  const { shared, sharedBy, local, derived } = found as SharedProfiles
  const table = new TableBuilder([['group', 'values'], ['scope', 'values'], ...PROFILE_COLUMNS])
  for (const [name, one] of Object.entries(shared)) table.add([null, 'shared', name, ...cellsOf(one)])
  addColumns(table, sharedBy, ['subset'], undefined)
  addColumns(table, { ...local, ...derived }, ['group'], groups)
  return table.toTable()
}

const PROFILE_COLUMNS: readonly (readonly [string, ColumnType])[] = [
  ['parameter', 'values'],
  ['low', 'numbers'],
  ['high', 'numbers'],
  ['lowReason', 'values'],
  ['highReason', 'values'],
]

const cellsOf = ({ low, high, lowReason, highReason }: SharedProfile) => [low, high, lowReason, highReason]

/** Adds one row per group and parameter. */
function addColumns(
  table: TableBuilder,
  profiles: Readonly<Record<string, ProfileColumns>>,
  scope: readonly string[],
  groups: readonly GroupLabel[] | undefined,
): void {
  const entries = Object.entries(profiles)
  const count = entries[0]?.[1].low.length ?? 0
  if (groups && entries.length > 0 && groups.length !== count)
    throw new ArgumentError('groups', `${count} labels, like the profiles`, `${groups.length} labels`)
  for (let k = 0; k < count; k++) {
    for (const [name, { low, high, lowReason, highReason }] of entries) {
      const reasons = [profileEndReasons[lowReason[k]], profileEndReasons[highReason[k]]]
      table.add([groups?.[k] ?? k, ...scope, name, low[k], high[k], ...reasons])
    }
  }
}

/** Columns of comparisons by contents. The table has the columns of its first row. */
const isComparison = (given: unknown): given is Comparison =>
  isObject(given) && 'akaikeWeights' in given && 'fullModel' in given
const isRanked = (given: unknown): given is RankedModel | RankedLikelihood =>
  isObject(given) && 'akaikeWeight' in given && 'index' in given
const isLikelihoodComparison = (given: unknown): given is LikelihoodComparison =>
  isObject(given) && 'akaikeWeight' in given && 'deltaAic' in given

/** @returns a table of comparisons, or undefined for other values */
export function tabulateComparisons(
  found: unknown,
  groups: readonly GroupLabel[] | undefined,
): ResultColumns | undefined {
  if (isComparison(found) || isLikelihoodComparison(found)) return tabulate([[undefined, found]])
  const list = toBoundedArray(found)
  if (list === undefined || list.length === 0) return undefined
  if (list.every(isRanked)) return tabulate(list.map((one) => [undefined, one]))
  const isNested = list.every((one) => {
    const inner = toBoundedArray(one)
    return inner !== undefined && inner.length > 0 && inner.every(isRanked)
  })
  if (!isNested && !list.every(isComparison)) return undefined
  if (groups && groups.length !== list.length)
    throw new ArgumentError(
      'groups',
      `${list.length} labels, like the comparisons`,
      `${groups.length} labels`,
    )
  return tabulate(
    list.flatMap((one, k) =>
      (isNested ? (one as readonly RankedModel[]) : [one as Comparison]).map(
        (row) => [groups?.[k] ?? k, row] as const,
      ),
    ),
  )
}

type ComparisonRow = Comparison | LikelihoodComparison | RankedModel | RankedLikelihood

function tabulate(
  rows: readonly (readonly [group: GroupLabel | undefined, row: ComparisonRow])[],
): ResultColumns {
  const table = new TableBuilder([])
  for (const [group, row] of rows) {
    if (group !== undefined) table.set('group', group, 'values')
    if (isComparison(row)) setComparison(table, row)
    else if (isRanked(row)) setRanked(table, row)
    else setNumbers(table, row)
    table.end()
  }
  return table.toTable()
}

function setComparison(table: TableBuilder, row: Comparison): void {
  table.set('fullModel', row.fullModel, 'values')
  setTest(table, row)
  for (const [k, side] of ['A', 'B'].entries()) {
    table.set(`aicc${side}`, row.aicc[k])
    table.set(`akaikeWeight${side}`, row.akaikeWeights[k])
  }
  table.set('message', row.message, 'values')
}

/** A ranked model, with the test of the best model against it. */
function setRanked(table: TableBuilder, row: RankedModel | RankedLikelihood): void {
  const { index, ...others } = row
  table.set('model', index)
  setNumbers(table, others)
  if (!('comparison' in row)) return
  setTest(table, row.comparison)
  table.set('message', row.comparison?.message ?? '', 'values')
}

function setTest(table: TableBuilder, test: Comparison | null): void {
  table.set('test', test?.test ?? null, 'values')
  table.set('statistic', test?.statistic ?? NaN)
  table.set('numeratorDegreesOfFreedom', test?.degreesOfFreedom[0] ?? NaN)
  table.set('denominatorDegreesOfFreedom', test?.degreesOfFreedom[1] ?? NaN)
  table.set('pValue', test?.pValue ?? NaN)
}

function setNumbers(table: TableBuilder, row: object): void {
  for (const [name, value] of Object.entries(row)) if (typeof value === 'number') table.set(name, value)
}
