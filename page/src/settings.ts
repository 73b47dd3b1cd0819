/** The controls for the function, the starting point and the stopping criteria. */

import { objectives, type View } from 'antigrad'
import { explainedField, formatNumber, h, labeled, select, uniqueId } from './dom.js'
import { type ObjectiveView, titles } from './functions.js'
import { areBounds, isView, numerics, type RaceState } from './state.js'

/** The slider position that means no noise, at the left end. */
const NO_NOISE = -2.02

export class Settings {
  readonly #function = select(titles, 'rosenbrock')
  readonly #expression = h('input', { type: 'text', size: 34, spellcheck: false, autocomplete: 'off' })
  readonly #message = h('p', { className: 'error', id: uniqueId('message'), role: 'alert' })
  readonly #formula = h('p', { className: 'formula' })
  readonly #numbers = new Map<string, HTMLInputElement>()
  readonly #equal = h('input', { type: 'checkbox' })
  readonly #bounded = h('input', { type: 'checkbox' })
  /** The fields of the bounds. */
  readonly #box: HTMLElement
  readonly #noise = h('input', { type: 'range', min: '-2.02', max: '2', step: '0.02' })
  readonly #noiseHelp = h(
    'small',
    { className: 'help', id: uniqueId('help') },
    'noise: standard deviation of the normal noise in each gradient component; all optimizers receive the same noise',
  )
  readonly #noiseText = h('output', { className: 'count' })
  readonly #onlyOwn: HTMLElement
  readonly #onlyBowl: HTMLElement
  readonly #onChange: (state: RaceState, isSliding?: boolean) => void
  readonly element: HTMLElement
  #state!: RaceState
  #view: View = [0, 1, 0, 1]

  constructor(onChange: (state: RaceState, isSliding?: boolean) => void) {
    this.#onChange = onChange
    this.#onlyBowl = h('div', { className: 'row' }, this.#number('condition', 'condition number'))
    const sides = ['x from', 'x to', 'y from', 'y to'].map((label, i) => this.#number(`view${i}`, label))
    this.#onlyOwn = h('div', { className: 'row' }, labeled('F(x, y) =', this.#expression), ...sides)
    const limits = {
      'x at least': 'left side of the box',
      'x at most': 'right side of the box',
      'y at least': 'lower side of the box',
      'y at most': 'upper side of the box',
    }
    this.#box = h(
      'div',
      { className: 'options' },
      ...Object.entries(limits).map(([label, help], i) => this.#number(`bounds${i}`, label, help)),
    )
    this.#expression.setAttribute('aria-describedby', this.#message.id)
    const shared = h('div', { className: 'row' }, labeled('Function', this.#function), this.#noiseSlider())
    const more = h(
      'details',
      {},
      h('summary', {}, 'Start and stopping criteria'),
      h(
        'div',
        { className: 'options' },
        this.#number('x', 'start x', 'x coordinate of the starting point (the ring on the map)'),
        this.#number('y', 'y', 'y coordinate of the starting point (the ring on the map)'),
        this.#number(
          'distance',
          'success radius',
          'an optimizer counts as successful within this distance of a minimum',
        ),
        this.#number(
          'tolerance',
          'convergence tolerance',
          'a run converges when every coordinate moves by less than this tolerance in an update; with 0 no run converges',
        ),
        this.#number('maxIterations', 'max. updates', 'number of updates after which an optimizer stops'),
        explainedField(
          'equal axes',
          this.#equal,
          'x and y have the same scale, so that steps of gradient descent are perpendicular to the contours',
        ),
        explainedField(
          'bounds',
          this.#bounded,
          'all optimizers stay in a box: L-BFGS and Newton search only inside; the other optimizers have no bounds of their own, so each of their steps is moved to the closest point of the box',
        ),
        this.#box,
        this.#noiseHelp,
      ),
    )
    this.#bounded.addEventListener('change', () =>
      this.#onChange({ ...this.#state, bounds: this.#bounded.checked ? middle(this.#view) : null }),
    )
    this.#equal.addEventListener('change', () =>
      this.#onChange({ ...this.#state, equal: Number(this.#equal.checked) }),
    )
    this.element = h(
      'section',
      { className: 'settings' },
      shared,
      this.#formula,
      this.#onlyBowl,
      this.#onlyOwn,
      this.#message,
      more,
    )
    this.element.setAttribute('aria-label', 'Function and starting point')
    this.#function.addEventListener('change', () => {
      const objective = this.#function.value as RaceState['objective']
      const start = objective === 'own' ? this.#state.start : objectives[objective]().start
      this.#onChange({ ...this.#state, objective, start })
    })
    this.#expression.addEventListener('change', () =>
      this.#onChange({ ...this.#state, expression: this.#expression.value }),
    )
  }

  show(state: RaceState): void {
    this.#state = state
    this.#function.value = state.objective
    this.#equal.checked = state.equal === 1
    this.#bounded.checked = state.bounds !== null
    this.#box.hidden = state.bounds === null
    this.#noise.value = String(state.noise > 0 ? Math.log10(state.noise) : NO_NOISE)
    this.#noiseText.textContent = state.noise > 0 ? formatNumber(state.noise, 3) : 'none'
    this.#noise.setAttribute('aria-valuetext', this.#noiseText.textContent)
    if (this.#expression !== document.activeElement) this.#expression.value = state.expression
    this.#onlyBowl.hidden = state.objective !== 'bowl'
    this.#onlyOwn.hidden = state.objective !== 'own'
    for (const [name, input] of this.#numbers) {
      input.value = String(getNumber(state, name))
      input.removeAttribute('aria-invalid')
    }
    this.fail('')
  }

  /** Shows the formula of the function. */
  describe({ formula, view }: ObjectiveView): void {
    this.#view = view
    this.#formula.textContent = `F(x, y) = ${formula}`
    this.#formula.hidden = this.#state.objective === 'own'
  }

  /** Shows an error; '' removes it. */
  fail(message: string): void {
    this.#message.textContent = message
    if (message !== '' && this.#state.objective === 'own')
      this.#expression.setAttribute('aria-invalid', 'true')
    else this.#expression.removeAttribute('aria-invalid')
  }

  /** A logarithmic slider with “none” at its left end. The paths are updated while it moves. */
  #noiseSlider(): HTMLLabelElement {
    this.#noise.setAttribute('aria-label', 'Noise in the gradients')
    this.#noise.setAttribute('aria-describedby', this.#noiseHelp.id)
    this.#noise.addEventListener('input', () => {
      const place = Number(this.#noise.value)
      const noise = place <= NO_NOISE ? 0 : Number((10 ** place).toPrecision(3))
      this.#onChange({ ...this.#state, noise }, true)
    })
    return h('label', { className: 'slider' }, h('span', {}, 'noise'), this.#noise, this.#noiseText)
  }

  #number(name: string, label: string, help = ''): HTMLElement {
    const input = h('input', { type: 'text', inputMode: 'decimal', size: 7, autocomplete: 'off', name })
    input.setAttribute('aria-describedby', this.#message.id)
    this.#numbers.set(name, input)
    input.addEventListener('change', () => {
      const value = input.value.trim() === '' ? NaN : Number(input.value)
      const changed = setNumber(this.#state, name, value)
      if (typeof changed !== 'string') return this.#onChange(changed)
      this.#message.textContent = `${label}: expected ${changed}, got “${input.value}”.`
      input.setAttribute('aria-invalid', 'true')
    })
    return help === '' ? labeled(label, input) : explainedField(label, input, help, this.#message.id)
  }
}

/** The middle of a view, with half its width and half its height. */
function middle([x0, x1, y0, y1]: View): View {
  const [w, h] = [(x1 - x0) / 4, (y1 - y0) / 4]
  const round = (x: number) => Number(x.toPrecision(3))
  return [round(x0 + w), round(x1 - w), round(y0 + h), round(y1 - h)]
}

function getNumber(state: RaceState, name: string): number {
  if (name === 'x' || name === 'y') return state.start[name === 'x' ? 0 : 1]
  if (name.startsWith('view')) return state.view[Number(name.slice(4))]
  if (name.startsWith('bounds')) return state.bounds?.[Number(name.slice(6))] ?? NaN
  return state[name as keyof typeof numerics]
}

const withLimit = (view: View, position: number, value: number) =>
  view.map((limit, k) => (k === position ? value : limit)) as unknown as View

/** The state with the new number, or a description of the valid numbers. */
function setNumber(state: RaceState, name: string, value: number): RaceState | string {
  if (name === 'x' || name === 'y') {
    if (!Number.isFinite(value)) return 'a finite number'
    const [x, y] = state.start
    return { ...state, start: name === 'x' ? [value, y] : [x, value] }
  }
  if (name.startsWith('view')) {
    const view = withLimit(state.view, Number(name.slice(4)), value)
    return isView(view) ? { ...state, view } : '“from” below “to”, both finite'
  }
  if (name.startsWith('bounds')) {
    const bounds = withLimit(state.bounds as View, Number(name.slice(6)), value)
    return areBounds(bounds) ? { ...state, bounds } : '“at least” below “at most”, both finite'
  }
  const { accepts, expected } = numerics[name as keyof typeof numerics]
  return accepts(value) ? { ...state, [name]: value } : expected
}
