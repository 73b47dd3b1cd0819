/** What is said of a fit as a whole. */

import type { Fit, FitReason } from 'antigrad'
import { h, shown } from '../dom.js'

const reasons: Readonly<Record<FitReason, string>> = {
  converged: 'Converged',
  stalled: 'Stalled: no step makes χ² less, though it does not look like a minimum',
  'max-iterations': 'Not done within the limit of evaluations: other starts may help',
  'not-finite': 'Not finite: the model is no number somewhere; other starts or bounds may help',
  singular: 'Singular: the data do not say what each parameter is; fix some of them',
  'too-few-points': 'Too few points: there have to be as many as parameters that vary',
}

/** Why it has stopped, in words. */
export const why = ({ reason, evaluations }: Fit): string =>
  `${reasons[reason]}, after ${evaluations} ${evaluations === 1 ? 'evaluation' : 'evaluations'}.`

export class Summary {
  readonly element: HTMLElement
  readonly #body = h('tbody')

  constructor() {
    const table = h('table', {}, h('caption', {}, 'The fit'), this.#body)
    this.element = h(
      'div',
      { className: 'found', tabIndex: 0, role: 'region', 'aria-label': 'The fit' },
      table,
    )
  }

  show(fit: Fit | null, milliseconds: number): void {
    this.element.hidden = fit === null
    if (fit === null) return
    const row = ([name, text]: readonly [string, string]) =>
      h('tr', {}, h('th', { scope: 'row' }, name), h('td', {}, text))
    this.#body.replaceChildren(
      ...[
        ...(
          [
            ['χ²', fit.chiSquared],
            ['χ² by degree of freedom', fit.reducedChiSquared],
            ['R²', fit.rSquared],
            ['AIC', fit.aic],
            ['BIC', fit.bic],
          ] as const
        ).map(([name, number]) => row([name, shown(number, 6)])),
        row(['Rows, parameters that vary', `${fit.rows.toLocaleString('en')}, ${fit.free.length}`]),
        row(['Evaluations', fit.evaluations.toLocaleString('en')]),
        row(['Engine, time', `${fit.engine}, ${shown(milliseconds, 2)} ms`]),
      ],
    )
  }
}

/** A fit as a file: numbers read back as the same bits. */
export function toJson(fit: Fit, about: Readonly<Record<string, unknown>>): string {
  const { values, errors, covariance, correlation, chiSquared, reducedChiSquared, rSquared, aic, bic } = fit
  const { rows, free, evaluations, reason, engine } = fit
  return JSON.stringify(
    {
      ...about,
      ...{ reason, values, errors, intervals: fit.intervals(), free, covariance, correlation },
      ...{ chiSquared, reducedChiSquared, rSquared, aic, bic, rows, evaluations, engine },
    },
    null,
    2,
  )
}
