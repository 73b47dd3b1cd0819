/** Tables of bootstraps, of derived quantities and of inverse estimates. */

import { ArgumentError } from '../../core/errors.js'
import { isObject, isRecord, toBoundedArray } from '../../core/untrusted-input.js'
import type { DerivedQuantity } from '../analysis/derive.js'
import type { InverseEstimate } from '../analysis/inverse.js'
import type { GroupLabel } from '../problem/shared-parameters.js'
import type { Bootstrap, BootstrapMany } from '../uncertainty/bootstrap-result.js'
import type { SharedBootstrap } from '../uncertainty/shared-bootstrap-result.js'
import { type ColumnType, type ResultColumns, TableBuilder } from './table-builder.js'

/** A result of `bootstrap`. */
export type BootstrapResult = Bootstrap | BootstrapMany | SharedBootstrap
/** A result of `derive`. */
export type DerivedQuantities = Readonly<Record<string, DerivedQuantity>>

/** Options of the table. */
interface EstimateTableOptions {
  readonly level: number
  readonly groups?: readonly GroupLabel[] | undefined
}

const BOOTSTRAP_COLUMNS: readonly (readonly [string, ColumnType])[] = [
  ['parameter', 'values'],
  ['error', 'numbers'],
  ['bias', 'numbers'],
  ['low', 'numbers'],
  ['high', 'numbers'],
  ['replicates', 'numbers'],
  ['failed', 'numbers'],
]

// The classes are recognized by their members, so that a table does not need the code of the bootstrap.
const isBootstrap = (given: unknown): given is Bootstrap =>
  isObject(given) && 'bias' in given && 'failed' in given && 'intervals' in given && !('at' in given)
const isSharedBootstrap = (given: unknown): given is SharedBootstrap =>
  isObject(given) && 'bias' in given && 'failed' in given && 'intervals' in given && 'at' in given
const isBootstrapMany = (given: unknown): given is BootstrapMany =>
  isObject(given) && !('bias' in given) && 'failed' in given && 'intervals' in given && 'at' in given
const isDerived = (given: unknown): given is DerivedQuantity =>
  isRecord(given) && ['value', 'error', 'low', 'high'].every((name) => name in given) && !('reason' in given)
const isInverse = (given: unknown): given is InverseEstimate =>
  isRecord(given) && ['y', 'replicates', 'value', 'error', 'reason'].every((name) => name in given)

export const isBootstrapResult = (given: unknown): given is BootstrapResult =>
  isBootstrap(given) || isBootstrapMany(given) || isSharedBootstrap(given)

/** @returns a table of estimates, or undefined for other values */
export function tabulateEstimates(found: unknown, options: EstimateTableOptions): ResultColumns | undefined {
  if (isBootstrap(found)) {
    const table = new TableBuilder(BOOTSTRAP_COLUMNS)
    addBootstrap(table, [], found, options.level)
    return table.toTable()
  }
  if (isBootstrapMany(found)) return tabulateBootstraps(found, options)
  if (isSharedBootstrap(found)) return tabulateSharedBootstrap(found, options)
  const estimates = toBoundedArray(found)
  if (estimates?.length && estimates.every(isInverse)) return tabulateInverse(estimates)
  if (!isRecord(found)) return undefined
  const quantities = Object.entries(found)
  if (quantities.length === 0 || !quantities.every(([, one]) => isDerived(one))) return undefined
  const table = new TableBuilder([
    ['parameter', 'values'],
    ['value', 'numbers'],
    ['error', 'numbers'],
    ['low', 'numbers'],
    ['high', 'numbers'],
  ])
  for (const [name, { value, error, low, high }] of quantities as [string, DerivedQuantity][])
    table.add([name, value, error, low, high])
  return table.toTable()
}

function checkLabels(
  groups: readonly GroupLabel[] | undefined,
  { length }: { readonly length: number },
): void {
  if (groups && groups.length !== length)
    throw new ArgumentError('groups', `${length} labels, like the fits`, `${groups.length} labels`)
}

/** One row per shared parameter, and one row per group (or subset) and other parameter. */
function tabulateSharedBootstrap(
  found: SharedBootstrap,
  { level, groups }: EstimateTableOptions,
): ResultColumns {
  checkLabels(groups, found)
  const { errors, bias, count, failed } = found
  const { low, high } = found.intervals(level)
  const table = new TableBuilder([['group', 'values'], ['scope', 'values'], ...BOOTSTRAP_COLUMNS])
  for (const name of Object.keys(errors.shared)) {
    const cells = [errors, bias, low, high].map(({ shared }) => shared[name])
    table.add([null, 'shared', name, ...cells, count, failed])
  }
  for (const name of Object.keys(errors.sharedBy)) {
    for (const k of errors.sharedBy[name].keys()) {
      const cells = [errors, bias, low, high].map(({ sharedBy }) => sharedBy[name][k])
      table.add([k, 'subset', name, ...cells, count, failed])
    }
  }
  const isJoint = (name: string) => Object.hasOwn(errors.shared, name) || Object.hasOwn(errors.sharedBy, name)
  for (let k = 0; k < found.length; k++)
    addBootstrap(table, [groups?.[k] ?? k, 'group'], found.at(k), level, (name) => !isJoint(name))
  return table.toTable()
}

function tabulateBootstraps(found: BootstrapMany, { level, groups }: EstimateTableOptions): ResultColumns {
  checkLabels(groups, found)
  const table = new TableBuilder([['group', 'values'], ...BOOTSTRAP_COLUMNS])
  for (let k = 0; k < found.length; k++) addBootstrap(table, [groups?.[k] ?? k], found.at(k), level)
  return table.toTable()
}

/** Adds one row per selected parameter. */
function addBootstrap(
  table: TableBuilder,
  group: readonly GroupLabel[],
  found: Bootstrap,
  level: number,
  isSelected: (name: string) => boolean = () => true,
): void {
  const { errors, bias, count, failed } = found
  const intervals = found.intervals(level)
  for (const [name, error] of Object.entries(errors).filter(([name]) => isSelected(name)))
    table.add([...group, name, error, bias[name], intervals[name][0], intervals[name][1], count, failed])
}

function tabulateInverse(estimates: readonly InverseEstimate[]): ResultColumns {
  const table = new TableBuilder([
    ['y', 'numbers'],
    ['replicates', 'numbers'],
    ['value', 'numbers'],
    ['error', 'numbers'],
    ['low', 'numbers'],
    ['high', 'numbers'],
    ['reason', 'values'],
    ['message', 'values'],
  ])
  for (const { y, replicates, value, error, low, high, reason, message } of estimates)
    table.add([y, replicates, value, error, low, high, reason, message])
  return table.toTable()
}
