/** `report`: the result of a fit as text. */

import { toPrintable } from '../../core/text.js'
import { isObject } from '../../core/untrusted-input.js'
import { type GivenOf, unitInterval, type ValuesOf } from '../../options/kinds.js'
import { readOptions } from '../../options/read.js'
import { tryLackOfFit } from '../analysis/lack-of-fit.js'
import type { Fit } from '../fit/result.js'
import type { LikelihoodFit } from '../likelihood/result.js'
import type { Parameter } from '../problem/parameters.js'
import { correlationMatrix } from '../programs/ldlt.js'
import { fitSources } from '../solve/result-source.js'
import { type FitViewSource, viewSources } from '../uncertainty/fit-view.js'
import {
  type FitOfGroups,
  isShared,
  type LabeledFit,
  readSingle,
  type SingleFit,
  type TabulatedFit,
} from './fit-list.js'

const table = {
  /** Smallest magnitude of the correlations in the report. Default 0.1. */
  minCorrelation: unitInterval(0.1),
}

/** Options of `report`. */
export interface ReportOptions extends GivenOf<typeof table> {}

/** Number of significant digits of values and statistics. */
const DIGITS = 8

/**
 * Reports a fit as text, like lmfit's `fit_report`: the model, statistics, parameters with standard errors, and
 * correlations.
 *
 * @param found the result of one fit, or a result of `fitShared`
 * @returns lines with line ends
 * @throws ArgumentError if the value is not such a result; OptionError if an option is invalid
 * @example
 * console.log(report(fit(models.fourPL(), data)))
 */
export function report(found: SingleFit | LabeledFit | FitOfGroups, options: ReportOptions = {}): string {
  const values = readOptions('options', options, table)
  const sections = isShared(found)
    ? reportShared(found, values)
    : reportFit(readSingle('found', found), values)
  const lines = sections.flatMap(([title, own]) => (own.length > 0 ? [title, ...own] : []))
  return lines.map((line) => `${line}\n`).join('')
}

type ReportSection = readonly [title: string, lines: readonly string[]]

function reportFit(fit: TabulatedFit, options: ValuesOf<typeof table>): ReportSection[] {
  const { distribution, parts } = viewSources.get(fit) as FitViewSource
  const texts = parts().map(({ context }) => context.problem.text || 'a function')
  const isOf = new Map(distribution.parameters.map((one) => [one.name, one]))
  const startAt = startsOf(fit)
  const names = Object.keys(fit.values)
  const width = Math.max(...names.map((name) => toPrintable(name).length))
  const { atBound, unidentifiable } = fit
  const variables = names.map((name) => {
    const [value, error] = [fit.values[name], fit.errors[name]]
    const label = `${toPrintable(name)}:`.padEnd(width + 2)
    const remarks = [
      ...(atBound.includes(name) ? ['(at a bound)'] : []),
      ...(unidentifiable.includes(name) ? ['(not determined by the data)'] : []),
      ...describeParameter(isOf.get(name), startAt(name)),
    ]
    const { isFixed, expr } = isOf.get(name) ?? { isFixed: false, expr: null }
    return [
      `    ${label}${isFixed && expr === null ? digits(value) : withError(value, error)}`,
      ...remarks,
    ].join(' ')
  })
  return [
    ['[[Model]]', texts.map((text) => `    ${toPrintable(text)}`)],
    ['[[Fit Statistics]]', [...align(statisticsOf(fit)), ...warnings((fit as Fit).message ?? '')]],
    ['[[Variables]]', variables],
    correlations(fit.free, fit.correlation, options.minCorrelation),
  ]
}

/** Rows of statistics. Missing statistics are left out. */
function statisticsOf(fit: TabulatedFit | FitOfGroups): [string, string | number | undefined][] {
  const { engine, reason, evaluations, observations } = fit as Fit
  const { minus2LogLikelihood, distribution } = fit as Partial<LikelihoodFit>
  const isLikelihood = minus2LogLikelihood !== undefined
  const { reducedChiSquared, rSquared, aic, bic, degreesOfFreedom, droppedRows } = fit as Partial<Fit>
  return [
    ['reason', reason],
    ['engine', engine],
    ['distribution', distribution],
    ['evaluations', evaluations],
    ['observations', observations],
    ['dropped rows', droppedRows || undefined],
    ['degrees of freedom', degreesOfFreedom],
    ['-2 log likelihood', minus2LogLikelihood],
    ['chi-squared', isLikelihood ? undefined : (fit as Fit).chiSquared],
    ['reduced chi-squared', isLikelihood ? undefined : reducedChiSquared],
    ['Akaike criterion', aic],
    ['Bayesian criterion', bic],
    ['R-squared', rSquared],
    ['lack of fit', describeLackOfFit(fit)],
  ]
}

/** The test of lack of fit, if the data have replicates. */
function describeLackOfFit(fit: TabulatedFit | FitOfGroups): string | undefined {
  const test = tryLackOfFit(fit)
  return (
    test && `F(${test.degreesOfFreedom.join(', ')}) = ${digits(test.statistic)}, p = ${digits(test.pValue)}`
  )
}

function align(rows: readonly (readonly [name: string, value: string | number | undefined])[]): string[] {
  return rows.flatMap(([name, value]) =>
    value === undefined
      ? []
      : [`    ${name.padEnd(20)}= ${typeof value === 'number' ? digits(value) : value}`],
  )
}

const warnings = (message: string) => (message === '' ? [] : [`    warning: ${message}`])

/** The start, the bounds or the expression of a parameter. */
function describeParameter(parameter: Parameter | undefined, start: number | undefined): string[] {
  if (parameter === undefined) return []
  if (parameter.expr !== null) return [`== '${toPrintable(parameter.expr)}'`]
  if (parameter.isFixed) return ['(fixed)']
  return start === undefined || Number.isNaN(start) ? [] : [`(start = ${digits(start)})`]
}

/** Starting values by name. Groups of shared fits have none. */
function startsOf(fit: TabulatedFit): (name: string) => number | undefined {
  const source = isObject(fit) ? fitSources.get(fit) : undefined
  if (source === undefined) return () => undefined
  const { starts } = source.context.whitened?.plain ?? source.context
  return (name) => starts.get(name)?.[source.index]
}

const digits = (x: number): string => String(Number(x.toPrecision(DIGITS)))

/** A value with its standard error, and the error in percent of the value. */
function withError(value: number, error: number): string {
  const percent = Math.abs((100 * error) / value)
  const relative = Number.isFinite(percent) ? ` (${percent.toPrecision(3)}%)` : ''
  return Number.isNaN(error) ? `${digits(value)} ± unknown` : `${digits(value)} ± ${digits(error)}${relative}`
}

/** Correlations of pairs of parameters, with the largest magnitude first. */
function correlations(
  names: readonly string[],
  matrix: readonly (readonly number[])[],
  min: number,
): ReportSection {
  const pairs = names.flatMap((a, i) =>
    names
      .slice(i + 1)
      .map((b, k) => ({ text: `C(${toPrintable(a)}, ${toPrintable(b)})`, r: matrix[i][i + 1 + k] })),
  )
  const shown = pairs.filter(({ r }) => Math.abs(r) >= min).sort((a, b) => Math.abs(b.r) - Math.abs(a.r))
  const width = Math.max(0, ...shown.map(({ text }) => text.length))
  return [
    `[[Correlations]] (magnitudes below ${min} are left out)`,
    shown.map(({ text, r }) => `    ${text.padEnd(width)} = ${r < 0 ? '-' : '+'}${Math.abs(r).toFixed(4)}`),
  ]
}

/** The shared parameters, and the number of local parameters. */
function reportShared(found: FitOfGroups, options: ValuesOf<typeof table>): ReportSection[] {
  const { values, errors, subsetLabels } = found
  const row = (name: string, value: number, error: number) =>
    [toPrintable(name), withError(value, error)] as const
  const rows = [
    ...Object.keys(values.shared).map((name) => row(name, values.shared[name], errors.shared[name])),
    ...Object.keys(values.sharedBy).flatMap((name) =>
      subsetLabels[name].map((label, k) =>
        row(`${name}[${label}]`, values.sharedBy[name][k], errors.sharedBy[name][k]),
      ),
    ),
  ]
  const width = Math.max(0, ...rows.map(([name]) => name.length))
  const local = Object.keys(values.local)
  return [
    [
      '[[Fit Statistics]]',
      [...align([['groups', found.length], ...statisticsOf(found)]), ...warnings(found.message)],
    ],
    ['[[Shared Variables]]', rows.map(([name, text]) => `    ${`${name}:`.padEnd(width + 2)}${text}`)],
    [
      '[[Local Variables]]',
      local.map((name) => `    ${toPrintable(name)}: one value per group (see toTable)`),
    ],
    correlations(found.shared, correlationMatrix(found.covariance), options.minCorrelation),
  ]
}
