/** Which model is fitted, and to which columns. */

import { losses } from '../../../dist/fits/loss.js'
import { h, labelled, select, uniqueId } from '../dom.js'
import { modelNames, type State } from './state.js'
import type { Table } from './table.js'
import { byModel, type Chosen, type Task } from './task.js'

type Options = readonly (readonly [value: string, text: string])[]

export class Controls {
  readonly element: HTMLElement
  readonly #model = select(
    { ...Object.fromEntries(modelNames.map((name) => [name, name])), own: 'my own' },
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

  constructor(onChange: (changed: Partial<State>) => void) {
    const { x, y, sigma, weights, group } = this.#columns
    this.#derive.placeholder = 'as in half = log(2)/b'
    this.#expression.setAttribute('aria-describedby', this.#message.id)
    this.element = h(
      'section',
      { className: 'settings', 'aria-label': 'Model' },
      h('div', { className: 'row' }, labelled('model', this.#model), labelled('f =', this.#expression)),
      h(
        'div',
        { className: 'row choice' },
        ...[labelled('x', x), labelled('y', y), labelled('σ', sigma)],
        labelled('σ is known', this.#absolute),
        labelled('weights', weights),
        labelled('loss', this.#loss),
        labelled('group', group),
      ),
      h('div', { className: 'row' }, labelled('derived', this.#derive)),
      this.#formula,
      this.#message,
    )
    // What was said of a model's parameters is not meant for another's.
    this.#model.addEventListener('change', () =>
      onChange({ model: this.#model.value as State['model'], parameters: {} }),
    )
    this.#expression.addEventListener('input', () => onChange({ expression: this.#expression.value }))
    this.#derive.addEventListener('input', () => onChange({ derive: this.#derive.value }))
    this.#loss.addEventListener('change', () => onChange({ loss: this.#loss.value as State['loss'] }))
    for (const [name, control] of Object.entries(this.#columns)) {
      control.addEventListener('change', () => onChange({ [name]: control.value }))
    }
    this.#absolute.addEventListener('change', () => onChange({ absoluteSigma: this.#absolute.checked }))
  }

  /** @param missing names of columns that the table does not have: nothing is chosen in their places */
  show({ columns, all }: Table, chosen: Chosen, state: State, missing: readonly string[] = []): void {
    const textsOf = (of: Table['columns']): Options =>
      of.map(({ name, title }) => [name, name === title ? name : `${title} (${name})`])
    const texts = textsOf(columns)
    fill(this.#columns.x, texts, missing.includes(state.x) ? '' : chosen.x.name)
    fill(this.#columns.y, texts, missing.includes(state.y) ? '' : chosen.y.name)
    fill(this.#columns.sigma, [['', 'none'], ...texts], chosen.sigma?.name ?? '')
    const weights = [['', 'none'], ...byModel.map((text) => [text, text] as const), ...texts] as const
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

  /** What is fitted, in words; null where that cannot be understood. */
  describe(task: Task | null): void {
    this.#formula.textContent = task === null ? '' : wordsOf(task)
    if (task !== null && this.#expression.disabled) this.#expression.value = task.text
  }

  /** Why there is no fit, or '' if there is one. */
  fail(sentence: string): void {
    this.#message.textContent = sentence
    if (sentence !== '' && !this.#expression.disabled) this.#expression.setAttribute('aria-invalid', 'true')
    else this.#expression.removeAttribute('aria-invalid')
  }
}

/** Options are made anew only where they are others: somebody may have them open. */
function fill(control: HTMLSelectElement, options: Options, value: string): void {
  const key = JSON.stringify(options)
  if (control.dataset.options !== key) {
    control.replaceChildren(...options.map(([value, textContent]) => h('option', { value, textContent })))
    control.dataset.options = key
  }
  control.value = value
}

function wordsOf({ text, names: { y }, columns, parameters }: Task): string {
  const list = (words: readonly string[], what: string) =>
    words.length === 0 ? `no ${what}` : `the ${what}${words.length === 1 ? '' : 's'} ${words.join(', ')}`
  return `${y} = ${text}, with ${list(columns, 'column')} and ${list(parameters, 'parameter')}`
}
