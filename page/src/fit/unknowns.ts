/** Unknown samples on a standard curve. This module is loaded on demand. */

import { type InverseEstimate, inverse } from 'antigrad/fit'
import { formatEstimate, formatWithError, getMessage } from '../../../dist/page.js'
import { formatNumber, h, uniqueId } from '../dom.js'
import { sourceOf } from './displayed-fit.js'
import type { DisplayedState } from './displayed-state.js'
import type { FitPageState } from './state.js'

interface Elements {
  readonly text: HTMLTextAreaElement
  readonly message: HTMLElement
  readonly table: HTMLElement
}

interface Sample {
  readonly name: string
  readonly responses: readonly number[]
  /** Trials of each response, or an empty array if no response states its trials. */
  readonly trials: readonly number[]
}

const built = new WeakMap<HTMLElement, Elements>()

/** Shows x for the responses of the setting `unknowns`, on the curve of the selected group. */
export function showUnknowns(
  place: HTMLElement,
  shown: DisplayedState | null,
  onChange: (changed: Partial<FitPageState>) => void,
): void {
  const { text, message, table } = built.get(place) ?? build(place, onChange)
  if (shown !== null && text !== document.activeElement) text.value = shown.state.unknowns
  const fit = shown?.outcome?.fits[shown.at]
  message.textContent = ''
  table.replaceChildren()
  if (shown === null || fit === undefined || shown.state.unknowns.trim() === '') return
  try {
    const samples = readSamples(shown.state.unknowns, shown.state.distribution === 'binomial')
    const source = sourceOf(fit)
    checkScatter(shown)
    const responses = samples.map(({ responses }) => responses)
    const trials = samples.map(({ trials }) => trials)
    const stated = trials.filter((list) => list.length > 0).length
    if (stated > 0 && stated < samples.length)
      throw new Error('Unknowns: expected trials, as in 7/20, in all lines or in no line, got both.')
    const estimates = inverse(source, responses, stated > 0 ? { trials } : {})
    table.replaceChildren(tableOf(samples, estimates, shown.chosen.x.title))
  } catch (thrown) {
    message.textContent = getMessage(thrown)
  }
}

/** @throws Error with a sentence if the scatter of new responses is unknown */
function checkScatter({ chosen: { sigma, weights }, task, state }: DisplayedState): void {
  const column = sigma ?? weights
  if (column && state.distribution === '')
    throw new Error(
      `Unknowns: expected a fit without a column of σ or weights, got “${column.title}”. Choose the weights 1/f or 1/f^2, which also apply to new responses.`,
    )
  if (task?.hasNoiseColumns && state.distribution !== 'binomial')
    throw new Error(
      `Unknowns: expected a scale without columns, got “${state.scale}”. A scale such as prop*f also applies to new responses.`,
    )
}

function build(place: HTMLElement, onChange: (changed: Partial<FitPageState>) => void): Elements {
  const text = h('textarea', { spellcheck: false, autocomplete: 'off', id: uniqueId('unknowns'), rows: 4 })
  const message = h('p', { className: 'error', role: 'alert', id: uniqueId('message') })
  text.placeholder = 'S1 0.83 0.87'
  text.setAttribute('aria-describedby', message.id)
  text.addEventListener('input', () => onChange({ unknowns: text.value }))
  const table = h('div')
  place.append(
    h(
      'label',
      { for: text.id },
      'Responses of unknown samples: one sample per line, with a name and its replicates',
    ),
    text,
    message,
    h('div', { className: 'found', tabIndex: 0, role: 'region', 'aria-label': 'Unknowns' }, table),
  )
  const elements = { text, message, table }
  built.set(place, elements)
  return elements
}

/**
 * Reads samples, one per line: a name, if the first cell is not a number, and responses.
 *
 * @param hasTrials whether a response may be a number of successes with its trials, as in 7/20
 * @throws Error with a sentence that names the line
 */
export function readSamples(text: string, hasTrials = false): Sample[] {
  const samples: Sample[] = []
  for (const [i, line] of text.split(/\r?\n/).entries()) {
    const cells = line.split(/[\t;]+|,\s+|\s+/).filter((cell) => cell !== '')
    if (cells.length === 0) continue
    const toNumber = (cell: string | undefined) => Number(cell?.replace(',', '.') || NaN)
    const toParts = (cell: string) => (hasTrials ? cell.split('/') : [cell])
    const isNamed = toParts(cells[0]).map(toNumber).some(Number.isNaN)
    const own = cells.slice(isNamed ? 1 : 0)
    const parts = own.map(toParts)
    const wrong = parts.findIndex(
      (one) => one.length > 2 || one.length !== parts[0].length || !one.map(toNumber).every(Number.isFinite),
    )
    if (wrong >= 0 || own.length === 0) {
      const expected = hasTrials ? 'numbers of successes, such as 7 or 7/20' : 'numbers'
      const got = wrong >= 0 ? `“${own[wrong]}”` : 'no number'
      throw new Error(`Line ${i + 1} of the unknowns: expected a name and ${expected}, got ${got}.`)
    }
    samples.push({
      name: isNamed ? cells[0] : `${samples.length + 1}`,
      responses: parts.map(([response]) => toNumber(response)),
      trials: parts.flatMap(([, trials]) => (trials === undefined ? [] : [toNumber(trials)])),
    })
  }
  return samples
}

function tableOf(samples: readonly Sample[], estimates: readonly InverseEstimate[], x: string): HTMLElement {
  const heads = ['Sample', 'Mean response', 'Replicates', `${x} ± standard error`, '95% interval']
  const format = (end: number, error: number) => (Number.isNaN(end) ? '–' : formatWithError(end, error))
  return h(
    'table',
    {},
    h('caption', {}, 'Unknowns'),
    h('thead', {}, h('tr', {}, ...heads.map((text) => h('th', { scope: 'col' }, text)))),
    h(
      'tbody',
      {},
      ...samples.map(({ name }, k) => {
        const { y, replicates, value, error, low, high, message } = estimates[k]
        const texts = [
          formatNumber(y, 5),
          `${replicates}`,
          Number.isNaN(value) ? message : formatEstimate(value, error),
          Number.isNaN(low) && Number.isNaN(high) ? '–' : `${format(low, error)} to ${format(high, error)}`,
        ]
        return h('tr', {}, h('th', { scope: 'row' }, name), ...texts.map((text) => h('td', {}, text)))
      }),
    ),
  )
}
