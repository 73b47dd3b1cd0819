/** Tables of fits: parameters, statistics, residuals and curves. */

import { ArgumentError } from '../../core/errors.js'
import { toFloat64Array } from '../../core/untrusted-input.js'
import { exp, log } from '../../functions/index.js'
import { type DataColumn, numbersInRun } from '../../many/batch/data.js'
import { tryLackOfFit } from '../analysis/lack-of-fit.js'
import type { Fit } from '../fit/result.js'
import type { LikelihoodFit } from '../likelihood/result.js'
import { readTable } from '../problem/data-table.js'
import type { GroupLabel } from '../problem/shared-parameters.js'
import { modelColumns } from '../programs/function-curve.js'
import type { Predictor } from '../uncertainty/bands.js'
import { type FitViewSource, viewSources } from '../uncertainty/fit-view.js'
import type { RequestedColumns } from '../uncertainty/linearize.js'
import { type FitList, type FitOfGroups, isShared, type TabulatedFit } from './fit-list.js'
import type { TableContents, TableValues } from './options.js'
import { type ColumnType, type ResultColumns, TableBuilder } from './table-builder.js'

/** Columns of a table in front of its other columns: the label of the group. */
const GROUP = ['group', 'values'] as const
type ColumnList = readonly (readonly [name: string, type: ColumnType])[]

const numbers = (...names: readonly string[]): ColumnList => names.map((name) => [name, 'numbers'])

/** Makes a table of the given contents. */
export function tabulateFits(found: unknown, fits: FitList, options: TableValues): ResultColumns {
  const { groups } = options
  if (groups && groups.length !== fits.length)
    throw new ArgumentError('groups', `${fits.length} labels, like the fits`, `${groups.length} labels`)
  const labeled: FitList = groups ? { ...fits, isGrouped: true, label: (k) => groups[k], at: fits.at } : fits
  if (options.contents === 'parameters' && isShared(found))
    return tabulateShared(found, labeled, options.level)
  return tables[options.contents](labeled, options)
}

const tables: Readonly<Record<TableContents, (fits: FitList, options: TableValues) => ResultColumns>> = {
  parameters: (fits, { level }) => {
    const table = start(fits, [
      ['parameter', 'values'],
      ...numbers('value', 'error', 'low', 'high'),
      ['reason', 'values'],
    ])
    forEachFit(fits, (fit, label) => {
      const intervals = fit.intervals(level)
      for (const name of Object.keys(fit.values))
        table.add([...label, name, fit.values[name], fit.errors[name], ...intervals[name], fit.reason])
    })
    return table.toTable()
  },

  statistics: (fits) => {
    const table = start(fits, [
      ...numbers(...STATISTICS.map(({ name }) => name), 'lackOfFit', 'lackOfFitPValue'),
      ['reason', 'values'],
      ['message', 'values'],
    ])
    forEachFit(fits, (fit, label) => {
      const { message = '' } = fit as Partial<Fit>
      const { statistic = NaN, pValue = NaN } = tryLackOfFit(fit) ?? {}
      const cells = STATISTICS.map(({ read }) => read(fit))
      table.add([...label, ...cells, statistic, pValue, fit.reason, message])
    })
    return table.toTable()
  },

  residuals: (fits) => {
    const table = start(fits, [])
    const own = [...(fits.isGrouped ? ['group'] : []), 'row', 'response', 'predicted', 'residual']
    forEachFit(fits, (fit, label) => {
      const results = { predicted: fit.predict(), residual: fit.residuals }
      addRows(table, label, rowsOf(fit, own), results, true)
    })
    return table.toTable()
  },

  curve: (fits, options) => {
    const table = start(fits, [])
    const requested = options.at === undefined ? undefined : copyColumns(options.at)
    const own = [...(fits.isGrouped ? ['group'] : []), 'response', 'predicted', 'low', 'high']
    forEachFit(fits, (fit, label) => {
      const at = requested ?? gridOf(fit, options.points)
      const { low, high } = fit.band(at, { level: options.level, kind: options.kind })
      addRows(table, label, rowsOf(fit, own, at), { predicted: fit.predict(at), low, high })
    })
    return table.toTable()
  },
}

/** Statistics of a fit. A fit by least squares has χ², and a fit with a distribution has −2 log L. */
const STATISTICS: readonly { readonly name: string; readonly read: (fit: TabulatedFit) => number }[] = [
  ...(['chiSquared', 'reducedChiSquared', 'rSquared'] as const).map((name) => ({
    name,
    read: (fit: TabulatedFit) => ('minus2LogLikelihood' in fit ? NaN : ((fit as Fit)[name] ?? NaN)),
  })),
  {
    name: 'minus2LogLikelihood',
    read: (fit) => (fit as Partial<LikelihoodFit>).minus2LogLikelihood ?? NaN,
  },
  ...(['aic', 'bic', 'degreesOfFreedom', 'observations', 'droppedRows', 'evaluations'] as const).map(
    (name) => ({ name, read: (fit: TabulatedFit) => (fit as Fit)[name] ?? NaN }),
  ),
]

/**
 * One row per shared parameter, and one row per group and local parameter. The group of a parameter that all groups
 * share is null.
 */
function tabulateShared(found: FitOfGroups, fits: FitList, level: number): ResultColumns {
  const { values, errors, subsetLabels } = found
  const { low, high } = found.intervals(level)
  const table = start(fits, [
    ['scope', 'values'],
    ['parameter', 'values'],
    ...numbers('value', 'error', 'low', 'high'),
    ['reason', 'values'],
  ])
  for (const name of Object.keys(values.shared)) {
    const cells = [values, errors, low, high].map(({ shared }) => shared[name])
    table.add([null, 'shared', name, ...cells, found.reason])
  }
  for (const name of Object.keys(values.sharedBy)) {
    for (const [k, label] of subsetLabels[name].entries()) {
      const cells = [values, errors, low, high].map(({ sharedBy }) => sharedBy[name][k])
      table.add([label, 'subset', name, ...cells, found.reason])
    }
  }
  const isJoint = (name: string) => Object.hasOwn(values.shared, name) || Object.hasOwn(values.sharedBy, name)
  forEachFit(fits, (group, label) => {
    const intervals = group.intervals(level)
    for (const name of Object.keys(group.values)) {
      if (isJoint(name)) continue
      const cells = [group.values[name], group.errors[name], ...intervals[name]]
      table.add([...label, 'group', name, ...cells, group.reason])
    }
  })
  return table.toTable()
}

const start = ({ isGrouped }: FitList, columns: ColumnList) =>
  new TableBuilder([...(isGrouped ? [GROUP] : []), ...columns])

/** @param call receives the fit, and its label in an array that is empty without labels */
function forEachFit(fits: FitList, call: (fit: TabulatedFit, label: readonly GroupLabel[]) => void): void {
  for (let k = 0; k < fits.length; k++) call(fits.at(k), fits.isGrouped ? [fits.label(k)] : [])
}

/**
 * Adds one row per row of each response.
 *
 * @param label the label of the group, or an empty array
 * @param results columns whose numbers follow each other in the order of the responses
 * @param isNumbered whether a column contains the index of the row
 */
function addRows(
  table: TableBuilder,
  label: readonly GroupLabel[],
  parts: readonly RowsOfResponse[],
  results: Readonly<Record<string, ArrayLike<number>>>,
  isNumbered = false,
): void {
  const resultColumns = Object.entries(results)
  let at = 0
  for (const { count, response, columns } of parts) {
    for (let row = 0; row < count; row++, at++) {
      if (label.length) table.set('group', label[0], 'values')
      if (isNumbered) table.set('row', row)
      if (response !== undefined) table.set('response', response, 'values')
      for (const [name, column] of columns) table.set(name, column[row])
      for (const [name, column] of resultColumns) table.set(name, column[at])
      table.end()
    }
  }
}

/** Reads each requested column once. */
function copyColumns(given: RequestedColumns): Readonly<Record<string, ArrayLike<number>>> {
  const table = readTable('at', given)
  return Object.fromEntries(
    [...table.keys()].map((name) => {
      const column = table.get(name) as ArrayLike<number>
      // The model may ignore a column that does not contain numbers.
      return [name, toFloat64Array(column) ?? column]
    }),
  )
}

/** The rows of one response of a fit. */
interface RowsOfResponse {
  readonly count: number
  /** Name of the response, if the model has several responses. */
  readonly response: string | undefined
  readonly columns: readonly (readonly [name: string, numbers: ArrayLike<number>])[]
}

/**
 * The rows of a fit, or the requested rows, by response.
 *
 * @param own names of columns of the table. A column of the data with such a name is preceded by `data.`
 */
function rowsOf(
  fit: TabulatedFit,
  own: readonly string[],
  at?: Readonly<Record<string, ArrayLike<number>>>,
): RowsOfResponse[] {
  const parts = partsOf(fit)
  const toName = (name: string) => (own.includes(name) ? `data.${name}` : name)
  return parts.map(({ context, index }) => {
    const { problem, data } = context
    const read = (name: string) => numbersInRun(data.get(name) as DataColumn, index)
    const y = at === undefined && !problem.y.startsWith('@') ? [problem.y] : []
    const names = [...namedColumns({ context, index }), ...y]
    const columns = names.map((name) => {
      const cells = at?.[name] ?? read(name)
      return [toName(name), cells] as const
    })
    const count = at ? columns[0][1].length : read(problem.y).length
    return { count, response: parts.length > 1 ? problem.y : undefined, columns }
  })
}

const partsOf = (fit: TabulatedFit): readonly Predictor[] => (viewSources.get(fit) as FitViewSource).parts()

/** Names of the columns that the model uses, without internal columns. */
const namedColumns = ({ context }: Predictor): string[] =>
  modelColumns(context.problem as Parameters<typeof modelColumns>[0]).filter((name) => !name.startsWith('@'))

/** Ratio of the largest x to the smallest x from which points are evenly spaced in log x. */
const LOGARITHMIC_RATIO = 100

/** Points that cover the range of x; undefined if the model has more than one column. */
function gridOf(fit: TabulatedFit, points: number): Readonly<Record<string, Float64Array>> | undefined {
  const parts = partsOf(fit)
  const names = new Set(parts.flatMap(namedColumns))
  if (names.size !== 1) return undefined
  const [name] = names
  let [low, high] = [Infinity, -Infinity]
  for (const { context, index } of parts) {
    for (const x of numbersInRun(context.data.get(name) as DataColumn, index)) {
      if (x < low) low = x
      if (x > high) high = x
    }
  }
  if (!(low <= high)) return undefined
  const isLogarithmic = low > 0 && high >= LOGARITHMIC_RATIO * low
  const step = (isLogarithmic ? log(high / low) : high - low) / (points - 1)
  const x = Float64Array.from({ length: points }, (_, k) =>
    k === points - 1 ? high : isLogarithmic ? low * exp(k * step) : low + k * step,
  )
  return Object.fromEntries([[name, x]])
}
