/** What is said of fits: tables, and JSON. */

import type { Fit } from '../../fits/result.js'
import { grouped, printable } from '../../ground/text.js'
import { columns } from '../report.js'

/** A fit: values and errors, and below what holds of it as a whole. */
export function describeFit(fit: Fit): string {
  const { values, errors, free, minima } = fit
  const intervals = fit.intervals(0.95)
  const rows = Object.keys(values).map((name) => {
    const interval = errors[name] === 0 ? ['', ''] : intervals[name].map((end) => short(end))
    return [name, short(values[name], 8), errorOf(fit, name), ...interval]
  })
  const quality = [
    ['χ²', fit.chiSquared],
    ['reduced χ²', fit.reducedChiSquared],
    ['R²', fit.rSquared],
    ['AIC', fit.aic],
    ['BIC', fit.bic],
  ] as const
  const ends = minima.map(({ chiSquared, starts }) => `χ² ${short(chiSquared)} from ${starts} starts`)
  const several = minima.length > 1 ? [`${minima.length} minima: ${ends.join('; ')}`] : []
  return [
    columns([['', 'value', 'error', '95 % from', 'to'], ...rows], [1, 2, 3, 4]),
    '',
    quality.map(([name, x]) => `${name} ${short(x)}`).join(', '),
    ...several,
    `${grouped(fit.rows)} rows, ${free.length} parameters; ${fit.reason} after ${fit.evaluations} evaluations`,
    ...(fit.message === '' ? [] : [fit.message]),
  ].join('\n')
}

/** A line for each group. */
export function describeGroups(by: string, groups: readonly string[], fits: readonly Fit[]): string {
  const names = Object.keys(fits[0].values)
  const head = [printable(by), 'rows', ...names.flatMap((name) => [name, '±']), 'χ²', 'R²', 'reason']
  const lines = fits.map((fit, k) => [
    ...[printable(groups[k]), `${fit.rows}`],
    ...names.flatMap((name) => [short(fit.values[name]), errorOf(fit, name)]),
    ...[short(fit.chiSquared), short(fit.rSquared)],
    fit.message === '' ? fit.reason : `${fit.reason}: ${fit.message}`,
  ])
  // Names are to the left, and so is the reason.
  const numbers = head.map((_, i) => i).slice(1, -1)
  return columns([head, ...lines], numbers)
}

/** A fit's line of JSON; what is no number is null. */
export function inJson(fit: Fit, group: string | undefined): string {
  const { reason, values, errors, free, covariance, chiSquared, reducedChiSquared, rSquared, aic, bic } = fit
  const { message, held, undetermined, rows, freedom, evaluations, minima } = fit
  return JSON.stringify({
    ...{ group, reason, message, values, errors, free, held, undetermined, covariance },
    ...{ chiSquared, reducedChiSquared, rSquared, aic, bic, rows, freedom, evaluations },
    ...(minima.length > 0 && { minima }),
  })
}

/** 0 is the error of what is fixed. */
function errorOf({ errors, held }: Fit, name: string): string {
  if (held.includes(name)) return 'at bound'
  return errors[name] === 0 ? 'fixed' : short(errors[name], 3)
}

function short(x: number, digits = 6): string {
  if (Number.isNaN(x)) return '–'
  return Number.isFinite(x) ? `${Number(x.toPrecision(digits))}` : `${x > 0 ? '' : '−'}∞`
}
