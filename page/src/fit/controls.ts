/** The controls that choose the model and the columns of the fit. */

import { losses } from '../../../dist/page.js'
import { h, labeled, select, uniqueId } from '../dom.js'
import { type FitPageState, modelNames } from './state.js'
import type { DataTable } from './table.js'
import { type ChosenColumns, type FitTask, modelWeights } from './task.js'

type SelectOptions = readonly (readonly [value: string, text: string])[]

export class Controls {
  readonly element: HTMLElement
  readonly #model = select(
    { ...Object.fromEntries(modelNames.map((name) => [name, name])), own: 'custom' },
    'own',
  )
  readonly #expression = h('input', { type: 'text', size: 34, spellcheck: false, autocomplete: 'off' })
  readonly #columns = {
    x: select({}, ''),
    y: select({}, ''),
    sigma: select({}, ''),
    weights: select({}, ''),
    group: select({}, ''),
  }
  readonly #loss = select(Object.fromEntries(Object.keys(losses).map((name) => [name, name])), 'squared')
  readonly #derive = h('input', { type: 'text', size: 34, spellcheck: false, autocomplete: 'off' })
  readonly #absolute = h('input', { type: 'checkbox' })
  readonly #formula = h('p', { className: 'formula' })
  readonly #message = h('p', { className: 'error', id: uniqueId('message'), role: 'alert' })

  constructor(onChange: (changed: Partial<FitPageState>) => void) {
    const { x, y, sigma, weights, group } = this.#columns
    this.#derive.placeholder = 'half = log(2)/b'
    this.#expression.setAttribute('aria-describedby', this.#message.id)
    this.element = h(
      'section',
      { className: 'settings', 'aria-label': 'Model' },
      h('div', { className: 'row' }, labeled('model', this.#model), labeled('f =', this.#expression)),
      h(
        'div',
        { className: 'row choice' },
        ...[labeled('x', x), labeled('y', y), labeled('σ', sigma)],
        labeled('σ is known', this.#absolute),
        labeled('weights', weights),
        labeled('loss', this.#loss),
        labeled('group', group),
      ),
      h('div', { className: 'row' }, labeled('derived quantities', this.#derive)),
      this.#formula,
      this.#message,
    )
    // The settings of parameters belong to the previous model, so a new model starts without them.
    this.#model.addEventListener('change', () =>
      onChange({ model: this.#model.value as FitPageState['model'], parameters: {} }),
    )
    this.#expression.addEventListener('input', () => onChange({ expression: this.#expression.value }))
    this.#derive.addEventListener('input', () => onChange({ derive: this.#derive.value }))
    this.#loss.addEventListener('change', () => onChange({ loss: this.#loss.value as FitPageState['loss'] }))
    for (const [name, control] of Object.entries(this.#columns)) {
      control.addEventListener('change', () => onChange({ [name]: control.value }))
    }
    this.#absolute.addEventListener('change', () => onChange({ absoluteSigma: this.#absolute.checked }))
  }

  /** @param missing names of columns that the table lacks; their controls show no choice */
  show(
    { columns, all }: DataTable,
    chosen: ChosenColumns,
    state: FitPageState,
    missing: readonly string[] = [],
  ): void {
    const textsOf = (values: DataTable['columns']): SelectOptions =>
      values.map(({ name, title }) => [name, name === title ? name : `${title} (${name})`])
    const texts = textsOf(columns)
    fill(this.#columns.x, texts, missing.includes(state.x) ? '' : chosen.x.name)
    fill(this.#columns.y, texts, missing.includes(state.y) ? '' : chosen.y.name)
    fill(this.#columns.sigma, [['', 'none'], ...texts], chosen.sigma?.name ?? '')
    const weights = [['', 'none'], ...modelWeights.map((text) => [text, text] as const), ...texts] as const
    fill(this.#columns.weights, weights, chosen.sigma ? '' : state.weights)
    this.#columns.weights.disabled = chosen.sigma !== null
    fill(
      this.#columns.group,
      [['', 'none'], ...textsOf(all)],
      missing.includes(state.group) ? '' : state.group,
    )
    this.#loss.value = state.loss
    if (this.#derive !== document.activeElement) this.#derive.value = state.derive
    this.#absolute.disabled = chosen.sigma === null
    this.#absolute.checked = chosen.sigma !== null && state.absoluteSigma
    this.#model.value = state.model
    this.#expression.disabled = state.model !== 'own'
    if (this.#expression !== document.activeElement) this.#expression.value = state.expression
  }

  /** Describes the fit in a sentence; null clears the sentence if the model is invalid. */
  describe(task: FitTask | null): void {
    this.#formula.textContent = task === null ? '' : describeTask(task)
    if (task !== null && this.#expression.disabled) this.#expression.value = task.text
  }

  /** Shows why there is no fit; '' if there is a fit. */
  fail(sentence: string): void {
    this.#message.textContent = sentence
    if (sentence !== '' && !this.#expression.disabled) this.#expression.setAttribute('aria-invalid', 'true')
    else this.#expression.removeAttribute('aria-invalid')
  }
}

/** Replaces the options only if they have changed, because the user may have the list open. */
function fill(control: HTMLSelectElement, options: SelectOptions, value: string): void {
  const key = JSON.stringify(options)
  if (control.dataset.options !== key) {
    control.replaceChildren(...options.map(([value, textContent]) => h('option', { value, textContent })))
    control.dataset.options = key
  }
  control.value = value
}

function describeTask({ text, names: { y }, columns, parameters }: FitTask): string {
  const list = (words: readonly string[], what: string) =>
    words.length === 0 ? `no ${what}` : `the ${what}${words.length === 1 ? '' : 's'} ${words.join(', ')}`
  return `${y} = ${text}, with ${list(columns, 'column')} and ${list(parameters, 'parameter')}`
}
