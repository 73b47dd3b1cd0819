/** What is raced on, from where, and when it is over. */

import { objectives, type Point, type View } from 'antigrad'
import { h, labelled, select, uniqueId } from './dom.js'
import { titles } from './functions.js'
import { isView, numerics, type State } from './state.js'

export class Settings {
  readonly #function = select(titles, 'rosenbrock')
  readonly #expression = h('input', { type: 'text', size: 34, spellcheck: false, autocomplete: 'off' })
  readonly #message = h('p', { className: 'error', id: uniqueId('message'), role: 'alert' })
  readonly #formula = h('p', { className: 'formula' })
  readonly #numbers = new Map<string, HTMLInputElement>()
  readonly #onlyOwn: HTMLElement
  readonly #onlyBowl: HTMLElement
  readonly #onChange: (state: State) => void
  readonly element: HTMLElement
  #state!: State

  constructor(onChange: (state: State) => void) {
    this.#onChange = onChange
    this.#onlyBowl = h('div', { className: 'row' }, this.#number('condition', 'condition number'))
    const sides = ['x from', 'x to', 'y from', 'y to'].map((label, i) => this.#number(`view${i}`, label))
    this.#onlyOwn = h('div', { className: 'row' }, labelled('F(x, y) =', this.#expression), ...sides)
    this.#expression.setAttribute('aria-describedby', this.#message.id)
    const shared = h(
      'div',
      { className: 'row' },
      labelled('Function', this.#function),
      this.#number('x', 'start x'),
      this.#number('y', 'y'),
      this.#number('distance', 'arrived within'),
      this.#number('tolerance', 'at rest below'),
      this.#number('maxIterations', 'updates at most'),
    )
    this.element = h(
      'section',
      { className: 'settings' },
      shared,
      this.#onlyBowl,
      this.#onlyOwn,
      this.#formula,
      this.#message,
    )
    this.element.setAttribute('aria-label', 'Function and start')
    this.#function.addEventListener('change', () => {
      const objective = this.#function.value as State['objective']
      const start = objective === 'own' ? this.#state.start : objectives[objective]().start
      this.#onChange({ ...this.#state, objective, start })
    })
    this.#expression.addEventListener('change', () =>
      this.#onChange({ ...this.#state, expression: this.#expression.value }),
    )
  }

  show(state: State): void {
    this.#state = state
    this.#function.value = state.objective
    if (this.#expression !== document.activeElement) this.#expression.value = state.expression
    this.#onlyBowl.hidden = state.objective !== 'bowl'
    this.#onlyOwn.hidden = state.objective !== 'own'
    for (const [name, input] of this.#numbers) {
      input.value = String(numberIn(state, name))
      input.removeAttribute('aria-invalid')
    }
    this.fail('')
  }

  formula(text: string): void {
    this.#formula.textContent = `F(x, y) = ${text}`
    this.#formula.hidden = this.#state.objective === 'own'
  }

  /** What cannot be done, or '' if all is well. */
  fail(message: string): void {
    this.#message.textContent = message
    if (message !== '' && this.#state.objective === 'own')
      this.#expression.setAttribute('aria-invalid', 'true')
    else this.#expression.removeAttribute('aria-invalid')
  }

  #number(name: string, label: string): HTMLLabelElement {
    const input = h('input', { type: 'text', inputMode: 'decimal', size: 7, autocomplete: 'off', name })
    input.setAttribute('aria-describedby', this.#message.id)
    this.#numbers.set(name, input)
    input.addEventListener('change', () => {
      const value = input.value.trim() === '' ? NaN : Number(input.value)
      const changed = withNumber(this.#state, name, value)
      if (typeof changed !== 'string') return this.#onChange(changed)
      this.#message.textContent = `${label}: expected ${changed}, got “${input.value}”.`
      input.setAttribute('aria-invalid', 'true')
    })
    return labelled(label, input)
  }
}

function numberIn(state: State, name: string): number {
  if (name === 'x' || name === 'y') return state.start[name === 'x' ? 0 : 1]
  if (name.startsWith('view')) return state.view[Number(name.slice(4))]
  return state[name as keyof typeof numerics]
}

/** The state with that number, or what was expected instead. */
function withNumber(state: State, name: string, value: number): State | string {
  if (name === 'x' || name === 'y') {
    if (!Number.isFinite(value)) return 'a finite number'
    const start = state.start.with(name === 'x' ? 0 : 1, value) as unknown as Point
    return { ...state, start }
  }
  if (name.startsWith('view')) {
    const view = state.view.with(Number(name.slice(4)), value) as unknown as View
    return isView(view) ? { ...state, view } : '“from” below “to”, both finite'
  }
  const { accepts, expected } = numerics[name as keyof typeof numerics]
  return accepts(value) ? { ...state, [name]: value } : expected
}
