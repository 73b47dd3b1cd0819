/** The results of fits as tables. */

import { plural, toPrintable } from '../../core/text.js'
import type { Comparison } from '../../fits/analysis/compare.js'
import { tryLackOfFit } from '../../fits/analysis/lack-of-fit.js'
import { profile } from '../../fits/analysis/profile.js'
import type { Fit } from '../../fits/fit/result.js'
import type { ModelComparison } from '../../jobs/fits.js'
import { columns } from '../report.js'

/** A table of parameter values and standard errors, followed by the statistics of the whole fit. */
export function describeFit(
  fit: Fit,
  isProfiled: boolean,
  hasCorrelations: boolean,
  comparison: ModelComparison | undefined,
): string {
  const { values, errors, free, minima } = fit
  const intervals = fit.intervals(0.95)
  const rows = Object.keys(values).map((name) => {
    const interval = errors[name] === 0 ? ['', ''] : intervals[name].map((end) => short(end))
    return [name, short(values[name], 8), formatError(fit, name), ...interval]
  })
  const quality = [
    ['χ²', fit.chiSquared],
    ['reduced χ²', fit.reducedChiSquared],
    ['R²', fit.rSquared],
    ['AIC', fit.aic],
    ['BIC', fit.bic],
  ] as const
  const ends = minima.map(
    ({ chiSquared, starts }) => `χ² ${short(chiSquared)} from ${plural(starts, 'start')}`,
  )
  const several = minima.length > 1 ? [`${minima.length} minima: ${ends.join('; ')}`] : []
  return [
    columns([['', 'value', 'error', '95% from', 'to'], ...rows], [1, 2, 3, 4]),
    '',
    quality.map(([name, x]) => `${name} ${short(x)}`).join(', '),
    ...describeLackOfFit(fit),
    ...several,
    `${plural(fit.observations, 'row')}, ${plural(free.length, 'parameter')}; ${fit.reason} after ${plural(fit.evaluations, 'evaluation')}`,
    ...(fit.message === '' ? [] : [fit.message]),
    ...(isProfiled ? endsInWords(fit) : []),
    ...(hasCorrelations ? correlated(fit) : []),
    ...(comparison ? compared(fit, comparison) : []),
  ].join('\n')
}

/** The test of lack of fit as a line, if the data have replicates. */
export function describeLackOfFit(fit: object): string[] {
  const test = tryLackOfFit(fit)
  if (test === undefined) return []
  const { degreesOfFreedom, statistic, pValue } = test
  return [`lack of fit: F(${degreesOfFreedom.join(', ')}) = ${short(statistic)}, p = ${short(pValue, 3)}`]
}

/** A table of both models, followed by the test that compares the models. */
function compared(fit: Fit, { comparison, fit: other, texts }: ModelComparison): string[] {
  const { aicc, akaikeWeights, message } = comparison
  const rows = [fit, other].map((each, k) => [
    'ab'[k],
    toPrintable(texts[k]),
    `${each.observations - each.degreesOfFreedom}`,
    ...[each.chiSquared, aicc[k], akaikeWeights[k]].map((x) => short(x)),
    each.reason,
  ])
  const head = ['', 'model', 'parameters', 'χ²', 'AICc', 'weight', 'reason']
  return [
    '',
    columns([head, ...rows], [2, 3, 4, 5]),
    ...tested(comparison),
    ...(message === '' ? [] : [message]),
  ]
}

function tested({
  test,
  statistic,
  degreesOfFreedom: [above, below],
  pValue,
  fullModel,
}: Comparison): string[] {
  if (test === null) return []
  const what = test === 'F' ? `F(${above}, ${below})` : `Δχ² of ${above}`
  return [`${fullModel} is the full model: ${what} = ${short(statistic)}, p = ${short(pValue, 3)}`]
}

/** The lower triangle of the correlation matrix. */
export function correlated({ free, correlation }: Pick<Fit, 'free' | 'correlation'>): string[] {
  const rows = free.map((name, i) => [name, ...correlation[i].slice(0, i + 1).map((r) => short(r, 3))])
  return [
    '',
    columns(
      [['correlation', ...free], ...rows],
      [...free.keys()].map((i) => i + 1),
    ),
  ]
}

/** Reasons why profile intervals lack an endpoint. */
function endsInWords(fit: Fit): string[] {
  const messages = Object.values(profile(fit)).map(({ message }) => message)
  return [...new Set(messages)].filter((message) => message !== '')
}

/** A table with one line per group. */
export function describeGroups(
  by: string,
  groups: readonly string[],
  fits: readonly Fit[],
  isProfiled: boolean,
  comparisons: readonly ModelComparison[] | undefined,
): string {
  const names = Object.keys(fits[0].values)
  const valuesOf = (fit: Fit) => {
    const intervals = isProfiled ? fit.intervals() : undefined
    return names.flatMap((name) => {
      const ends = intervals ? intervals[name].map((end) => short(end)) : [formatError(fit, name)]
      return [short(fit.values[name]), ...ends]
    })
  }
  const tests = fits.map(tryLackOfFit)
  const hasTests = tests.some((test) => test !== undefined)
  const head = [
    toPrintable(by),
    'rows',
    ...names.flatMap((name) => (isProfiled ? [name, 'from', 'to'] : [name, '±'])),
    'χ²',
    'R²',
    ...(hasTests ? ['lack of fit p'] : []),
    ...(comparisons ? ['p', 'AICc b − a'] : []),
    'reason',
  ]
  const lines = fits.map((fit, k) => [
    ...[toPrintable(groups[k]), `${fit.observations}`],
    ...valuesOf(fit),
    ...[short(fit.chiSquared), short(fit.rSquared)],
    ...(hasTests ? [short(tests[k]?.pValue ?? NaN, 3)] : []),
    ...(comparisons ? differences(comparisons[k].comparison) : []),
    [fit.reason, fit.message, comparisons?.[k].comparison.message].filter(Boolean).join(': '),
  ])
  // Group names and reasons are left-aligned.
  const numbers = head.map((_, i) => i).slice(1, -1)
  return columns([head, ...lines], numbers)
}

const differences = ({ pValue, aicc: [a, b] }: Comparison) => [short(pValue, 3), short(b - a)]

/** The standard error as text. Fixed parameters have the error 0. */
export function formatError({ errors, atBound }: Pick<Fit, 'errors' | 'atBound'>, name: string): string {
  if (atBound.includes(name)) return 'at bound'
  return errors[name] === 0 ? 'fixed' : short(errors[name], 3)
}

export function short(x: number, digits = 6): string {
  if (Number.isNaN(x)) return '–'
  return Number.isFinite(x) ? `${Number(x.toPrecision(digits))}` : `${x > 0 ? '' : '−'}∞`
}
