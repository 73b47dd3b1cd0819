/** `toTable` and `toCsv`: results as tables. */

import { ArgumentError } from '../../core/errors.js'
import { isRecord, ownProperties } from '../../core/untrusted-input.js'
import { readOptions } from '../../options/read.js'
import type { InverseEstimate, InverseReason } from '../analysis/inverse.js'
import { readTable } from '../problem/data-table.js'
import type { FitReason, ProfileEndReason } from '../problem/reasons.js'
import type { GroupLabel } from '../problem/shared-parameters.js'
import {
  type ComparisonResult,
  type NamedProfiles,
  tabulateComparisons,
  tabulateProfiles,
} from './analyses.js'
import { writeCsv } from './csv.js'
import {
  type BootstrapResult,
  type DerivedQuantities,
  isBootstrapResult,
  tabulateEstimates,
} from './estimates.js'
import { type FitList, type LabeledFit, listFits, type SeveralFits, type SingleFit } from './fit-list.js'
import { tabulateFits } from './fits.js'
import {
  type CsvOptions,
  csvOptions,
  type TableContents,
  type TableOptions,
  type TableValues,
  tableOptions,
} from './options.js'

/** Parameters of fits, with one row per parameter (and group). */
export interface ParameterTable {
  /** Labels of the groups, for results with groups; null for a parameter that all groups of `fitShared` share. */
  readonly group?: readonly (GroupLabel | null)[]
  /** For `fitShared`, whether the parameter belongs to all groups, to a subset, or to one group. */
  readonly scope?: readonly ('shared' | 'subset' | 'group')[]
  readonly parameter: readonly string[]
  readonly value: Float64Array
  /** Standard errors, as in `errors` of the result. */
  readonly error: Float64Array
  /** Lower endpoints of the confidence intervals. */
  readonly low: Float64Array
  /** Upper endpoints of the confidence intervals. */
  readonly high: Float64Array
  /** Reasons why the fits ended. */
  readonly reason: readonly FitReason[]
}

/** Statistics of fits, with one row per fit. A statistic that a fit lacks is NaN. */
export interface StatisticsTable {
  /** Labels of the groups, for results with groups. */
  readonly group?: readonly GroupLabel[]
  readonly chiSquared: Float64Array
  readonly reducedChiSquared: Float64Array
  readonly rSquared: Float64Array
  readonly minus2LogLikelihood: Float64Array
  readonly aic: Float64Array
  readonly bic: Float64Array
  readonly degreesOfFreedom: Float64Array
  readonly observations: Float64Array
  readonly droppedRows: Float64Array
  readonly evaluations: Float64Array
  /** F of the test of lack of fit, and its p-value. NaN for data without replicates. */
  readonly lackOfFit: Float64Array
  readonly lackOfFitPValue: Float64Array
  readonly reason: readonly FitReason[]
  readonly message: readonly string[]
}

/**
 * Rows of the data with the residuals. The table also contains the columns of the model and the response, by their
 * names.
 */
export interface ResidualTable {
  /** Labels of the groups, for results with groups. */
  readonly group?: readonly GroupLabel[]
  /** Indices of the rows in the data of the fit. */
  readonly row: Float64Array
  /** Names of the responses, for models with several responses. */
  readonly response?: readonly string[]
  /** Values of the model. */
  readonly predicted: Float64Array
  /** Residuals y − f, without weights. */
  readonly residual: Float64Array
  readonly [column: string]: Float64Array | readonly unknown[] | undefined
}

/** Points of fitted curves. The table also contains the columns of the model, by their names. */
export interface CurveTable {
  /** Labels of the groups, for results with groups. */
  readonly group?: readonly GroupLabel[]
  /** Names of the responses, for models with several responses. */
  readonly response?: readonly string[]
  /** Values of the model. */
  readonly predicted: Float64Array
  /** Lower limits of the band. */
  readonly low: Float64Array
  /** Upper limits of the band. */
  readonly high: Float64Array
  readonly [column: string]: Float64Array | readonly unknown[] | undefined
}

/** Profile intervals, with one row per parameter (and group). */
export interface ProfileTable {
  /** Labels of the groups, for results with groups; null for a parameter that all groups share. */
  readonly group?: readonly (GroupLabel | null)[]
  /** For `fitShared`, whether the parameter belongs to all groups, to a subset, or to one group. */
  readonly scope?: readonly ('shared' | 'subset' | 'group')[]
  readonly parameter: readonly string[]
  readonly low: Float64Array
  readonly high: Float64Array
  readonly lowReason: readonly ProfileEndReason[]
  readonly highReason: readonly ProfileEndReason[]
}

/** Comparisons of models, with one row per comparison or ranked model. */
export interface ComparisonTable {
  /** Labels of the groups, for comparisons of the fits of `fitMany`. */
  readonly group?: readonly GroupLabel[]
  readonly [column: string]: Float64Array | readonly unknown[] | undefined
}

/** Bootstraps, with one row per parameter (and fit). */
export interface BootstrapTable {
  /** Labels of the fits, for results of `fitMany` and `fitShared`; null for a parameter that all groups share. */
  readonly group?: readonly (GroupLabel | null)[]
  /** For `fitShared`, whether the parameter belongs to all groups, to a subset, or to one group. */
  readonly scope?: readonly ('shared' | 'subset' | 'group')[]
  readonly parameter: readonly string[]
  /** Standard errors: the standard deviations of the converged replicates. */
  readonly error: Float64Array
  /** Differences between the means of the replicates and the estimates. */
  readonly bias: Float64Array
  /** Lower endpoints of the 'bca' intervals. */
  readonly low: Float64Array
  /** Upper endpoints of the 'bca' intervals. */
  readonly high: Float64Array
  /** Numbers of replicates. */
  readonly replicates: Float64Array
  /** Numbers of replicates that have not converged. */
  readonly failed: Float64Array
}

/** Quantities of `derive`, with one row per quantity. */
export interface DerivedTable {
  readonly parameter: readonly string[]
  readonly value: Float64Array
  readonly error: Float64Array
  readonly low: Float64Array
  readonly high: Float64Array
}

/** Estimates of `inverse`, with one row per unknown. */
export interface InverseTable {
  /** Measured responses, or their means. */
  readonly y: Float64Array
  /** Numbers of responses in the means. */
  readonly replicates: Float64Array
  readonly value: Float64Array
  readonly error: Float64Array
  readonly low: Float64Array
  readonly high: Float64Array
  readonly reason: readonly InverseReason[]
  readonly message: readonly string[]
}

interface TablesByContents {
  readonly parameters: ParameterTable
  readonly statistics: StatisticsTable
  readonly residuals: ResidualTable
  readonly curve: CurveTable
}

/** The table of the given contents. */
export type TableByContents<Contents extends TableContents> = TablesByContents[Contents]

/** A result that `toTable` and `toCsv` convert. */
export type TabularResult =
  | SingleFit
  | LabeledFit
  | SeveralFits
  | NamedProfiles
  | ComparisonResult
  | BootstrapResult
  | DerivedQuantities
  | readonly InverseEstimate[]

const EXPECTED =
  'a result of fit, fitMany, fitShared, fitStream, profile, compare, bootstrap, derive or inverse'

/**
 * Converts a result to a table in long form: an object of columns of equal length. Numbers are in `Float64Array`s, and
 * other columns are arrays. Results with groups have a column `group`.
 *
 * @param found a result of `fit`, `fitMany` or `fitShared`, a fit of `fitStream`, an array of single fits, or a result
 * of `profile`, `compare`, `bootstrap`, `derive` or `inverse`
 * @param options contents of the table. Profiles and comparisons have only the option `groups`, and bootstraps also
 * have the option `level`.
 * @throws ArgumentError if the value is not such a result, or if the number of labels is wrong; OptionError if an option
 * is invalid
 * @example
 * const { parameter, value, error } = toTable(fit(models.line(), data))
 * const { x, predicted, low, high } = toTable(found, { contents: 'curve', level: 0.99 })
 */
export function toTable<const Contents extends TableContents = 'parameters'>(
  found: SingleFit | LabeledFit | SeveralFits,
  options?: TableOptions<Contents>,
): TableByContents<Contents>
/** Converts profiles of several parameters. */
export function toTable(found: NamedProfiles, options?: Pick<TableOptions, 'groups'>): ProfileTable
/** Converts comparisons and rankings of models. */
export function toTable(found: ComparisonResult, options?: Pick<TableOptions, 'groups'>): ComparisonTable
/** Converts bootstraps. */
export function toTable(
  found: BootstrapResult,
  options?: Pick<TableOptions, 'groups' | 'level'>,
): BootstrapTable
/** Converts derived quantities. */
export function toTable(found: DerivedQuantities): DerivedTable
/** Converts estimates of unknowns. */
export function toTable(found: readonly InverseEstimate[]): InverseTable
export function toTable(found: unknown, options: object = {}): object {
  const values = readOptions('options', options, tableOptions)
  const table = tabulate(found, listFits(found), values)
  if (table === undefined) throw new ArgumentError('found', EXPECTED, found)
  return table
}

/**
 * Writes a result as CSV (RFC 4180). Reading a number of the text returns the same float64. Missing
 * numbers are `NaN`, and missing text is an empty cell. Text that a spreadsheet would run as a formula gets a leading
 * apostrophe, unless the option `escapeFormulas` is false.
 *
 * @param found a result as for `toTable`, or a table: an object of columns, or an array of objects
 * @param options options of `toTable`, and the format of the text
 * @returns the text, with a line end after the last line
 * @throws ArgumentError if the value is not a result or a table; OptionError if an option is invalid
 * @example
 * writeFileSync('fits.csv', toCsv(await fitMany(model, data), { groups: wells }))
 */
export function toCsv(
  found: TabularResult | Readonly<Record<string, ArrayLike<unknown> | undefined>> | readonly object[],
  options: CsvOptions = {},
): string {
  const values = readOptions('options', options, csvOptions)
  // Results of calls without `await` are promises.
  const isTable = (isRecord(found) && !(found instanceof Promise)) || Array.isArray(found)
  if (!isTable) throw new ArgumentError('found', `${EXPECTED}, or a table`, found)
  // Each column of a table is read once.
  const fits = listFits(found)
  const isPlain = fits === undefined && isRecord(found) && !isBootstrapResult(found)
  const copy = isPlain ? ownProperties(found) : found
  return writeCsv(readTable('found', tabulate(copy, fits, values) ?? copy), values)
}

function tabulate(found: unknown, fits: FitList | undefined, values: TableValues) {
  if (fits !== undefined) return tabulateFits(found, fits, values)
  return (
    tabulateProfiles(found, values.groups) ??
    tabulateComparisons(found, values.groups) ??
    tabulateEstimates(found, values)
  )
}
