/** The table of estimates: each parameter with its value, standard error and interval. */

import { formatEstimate, formatWithError } from '../../../dist/page.js'
import { formatNumber, h } from '../dom.js'
import type { ShownFit } from './displayed-fit.js'

export class EstimateTable {
  readonly element: HTMLElement
  readonly #caption = h('caption', {}, 'Parameters')
  readonly #body = h('tbody')

  constructor() {
    const heads = ['Parameter', 'Value ± standard error', '95% interval']
    this.element = h(
      'div',
      { className: 'found estimates', tabIndex: 0, role: 'region', 'aria-label': 'Parameters' },
      h(
        'table',
        {},
        this.#caption,
        h('thead', {}, h('tr', {}, ...heads.map((text) => h('th', { scope: 'col' }, text)))),
        this.#body,
      ),
    )
  }

  /**
   * @param names the model's parameters, which precede the derived quantities
   * @param group name of the fitted group, if there are several
   */
  show(fit: ShownFit | null, names: readonly string[], group: string | null): void {
    this.#caption.textContent =
      group === null ? 'Parameters' : `Parameters of ${group === '' ? '(empty)' : group}`
    const intervals = fit?.intervals()
    const all = [...new Set([...names, ...Object.keys(fit?.values ?? {})])]
    this.#body.replaceChildren(
      ...all.map((name) => {
        const varies = fit && (fit.free.includes(name) || fit.errors[name] !== 0)
        const texts = [
          fit && name in fit.values ? describeEstimate(fit, name) : '–',
          varies ? formatInterval(fit, intervals?.[name], name) : '–',
        ]
        return h('tr', {}, h('th', { scope: 'row' }, name), ...texts.map((text) => h('td', {}, text)))
      }),
    )
  }
}

function formatInterval(
  { errors }: ShownFit,
  ends: readonly [number, number] | undefined,
  name: string,
): string {
  if (ends === undefined || ends.some(Number.isNaN)) return '–'
  return ends.map((end) => formatWithError(end, errors[name])).join(' to ')
}

/** The value and its standard error, rounded to the second significant digit of the error. */
export function describeEstimate(
  { values, errors, free, atBound, unidentifiable }: ShownFit,
  name: string,
): string {
  const value = formatNumber(values[name], 7)
  if (!free.includes(name) && errors[name] === 0) return value
  if (atBound.includes(name)) return `${value}, at bound`
  if (unidentifiable.includes(name)) return `${value}, not identifiable from the data`
  const error = errors[name]
  return Number.isFinite(error) ? formatEstimate(values[name], error) : `${value}, no standard error`
}
