/** The statistics of a fit, its end reason, and its JSON file. */

import type { FitReason } from 'antigrad/fit'
import { formatCount } from '../../../dist/page.js'
import { formatNumber, h } from '../dom.js'
import { type ShownFit, type WholeFit, wholeFit } from './displayed-fit.js'

const reasons: Readonly<Record<FitReason, string>> = {
  converged: 'Converged',
  stalled: 'Stalled',
  'max-iterations': 'Iteration limit reached',
  'not-finite': 'Not finite',
  singular: 'Singular',
  'too-few-points': 'Too few points',
}

/** A sentence on why the fit stopped. */
export const describeReason = ({ reason, evaluations, message }: WholeFit): string =>
  `${reasons[reason]}, after ${evaluations} ${evaluations === 1 ? 'evaluation' : 'evaluations'}${message && `: ${message}`}.`

export class FitSummary {
  readonly element: HTMLElement
  readonly #body = h('tbody')

  constructor() {
    const table = h('table', {}, h('caption', {}, 'Fit statistics'), this.#body)
    this.element = h(
      'div',
      { className: 'found', tabIndex: 0, role: 'region', 'aria-label': 'Fit statistics' },
      table,
    )
  }

  /** @param hasSigma whether σ or weights are given; without them, the sum of squares is not called χ² */
  show(fit: WholeFit | null, milliseconds: number, hasSigma: boolean): void {
    this.element.hidden = fit === null
    if (fit === null) return
    const row = ([name, text]: readonly [string, string]) =>
      h('tr', {}, h('th', { scope: 'row' }, name), h('td', {}, text))
    this.#body.replaceChildren(
      ...[
        ...('minus2LogLikelihood' in fit
          ? ([['−2 log L', fit.minus2LogLikelihood]] as const)
          : ([
              [hasSigma ? 'χ²' : 'Residual sum of squares', fit.chiSquared],
              [hasSigma ? 'Reduced χ²' : 'Residual variance', fit.reducedChiSquared],
              ...('rSquared' in fit ? [['R²', fit.rSquared] as const] : []),
            ] as const)
        ).map(([name, number]) => row([name, formatOr(number, 6)])),
        row(['AIC', formatOr(fit.aic, 6)]),
        row(['BIC', formatOr(fit.bic, 6)]),
        row([
          'Observations, free parameters',
          `${formatCount(fit.observations)}, ${fit.observations - fit.degreesOfFreedom + fit.atBound.length}`,
        ]),
        row(['Evaluations', formatCount(fit.evaluations)]),
        row(['Engine, time', `${fit.engine}, ${formatNumber(milliseconds, 2)} ms`]),
      ],
    )
  }
}

/** The correlation matrix of the parameters, which is hidden if there is only one free parameter. */
export class Correlations {
  readonly element: HTMLElement
  readonly #table = h('table')

  constructor() {
    this.element = h(
      'div',
      { className: 'found', tabIndex: 0, role: 'region', 'aria-label': 'Correlations' },
      this.#table,
    )
  }

  show(fit: ShownFit | null): void {
    const free = fit?.free ?? []
    this.element.hidden = free.length < 2
    if (fit === null) return
    const { correlation } = fit
    const head = (name: string, scope: string) => h('th', { scope }, name)
    const row = (name: string, i: number) =>
      h('tr', {}, head(name, 'row'), ...correlation[i].slice(0, i + 1).map((r) => h('td', {}, formatOr(r))))
    this.#table.replaceChildren(
      h('caption', {}, 'Correlations'),
      h('thead', {}, h('tr', {}, h('td'), ...free.map((name) => head(name, 'col')))),
      h('tbody', {}, ...free.map(row)),
    )
  }
}

const formatOr = (x: number, digits = 3) => (Number.isNaN(x) ? '–' : formatNumber(x, digits))

/** A fit as JSON. Its numbers can be read back bit for bit. */
export function toJson(
  fit: ShownFit,
  about: Readonly<Record<string, unknown>>,
  fits: readonly ShownFit[],
): string {
  const { values, errors, covariance, correlation, free, atBound, unidentifiable } = fit
  const whole = wholeFit(fit)
  const { aic, bic, observations, degreesOfFreedom, evaluations, reason, message, engine } = whole
  const least =
    'minus2LogLikelihood' in whole
      ? { minus2LogLikelihood: whole.minus2LogLikelihood }
      : { chiSquared: whole.chiSquared, reducedChiSquared: whole.reducedChiSquared }
  return JSON.stringify(
    {
      ...about,
      ...(fits.length > 1 && {
        fits: fits.map((one) => {
          const { reason, values, errors, chiSquared, observations } = one
          return { reason, values, errors, intervals: one.intervals(), chiSquared, observations }
        }),
      }),
      reason,
      message,
      values,
      errors,
      intervals: fit.intervals(),
      free,
      atBound,
      unidentifiable,
      covariance,
      correlation,
      ...least,
      ...('rSquared' in whole && { rSquared: whole.rSquared }),
      aic,
      bic,
      observations,
      degreesOfFreedom,
      evaluations,
      engine,
    },
    null,
    2,
  )
}
