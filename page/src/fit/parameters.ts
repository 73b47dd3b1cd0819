/** The table of parameters: where they start and what they may be, and what they are. */

import type { Fit } from 'antigrad'
import { h, shown, shownTo, uniqueId } from '../dom.js'
import { type Entry, numberIn, numbers, type State } from './state.js'
import { START, type Task } from './task.js'

const titles = { start: 'Start', min: 'Min', max: 'Max' } as const

interface Row {
  readonly element: HTMLTableRowElement
  readonly inputs: Readonly<Record<(typeof numbers)[number], HTMLInputElement>>
  readonly fixed: HTMLInputElement
  readonly value: HTMLTableCellElement
  readonly interval: HTMLTableCellElement
}

export class Parameters {
  readonly element: HTMLElement
  readonly #body = h('tbody')
  /** What is derived from parameters. */
  readonly #derived = h('tbody')
  readonly #message = h('p', { className: 'error', id: uniqueId('message'), role: 'alert' })
  readonly #rows = new Map<string, Row>()
  readonly #onChange: (name: string, entry: Entry) => void

  constructor(onChange: (name: string, entry: Entry) => void) {
    this.#onChange = onChange
    const heads = ['Parameter', 'Value ± standard error', '95 % interval', ...Object.values(titles), 'Fixed']
    const table = h(
      'table',
      {},
      h('caption', {}, 'Parameters'),
      h('thead', {}, h('tr', {}, ...heads.map((text) => h('th', { scope: 'col' }, text)))),
      this.#body,
      this.#derived,
    )
    this.element = h(
      'div',
      { className: 'found', tabIndex: 0, role: 'region', 'aria-label': 'Parameters' },
      table,
      this.#message,
    )
  }

  /** Rows stay while names do: somebody may be typing in one. */
  show({ parameters, defaults }: Task, state: State): void {
    this.#message.textContent = ''
    if (parameters.join() !== [...this.#rows.keys()].join()) {
      this.#rows.clear()
      for (const name of parameters) this.#rows.set(name, this.#row(name))
      this.#body.replaceChildren(...[...this.#rows.values()].map(({ element }) => element))
    }
    for (const [name, { inputs, fixed }] of this.#rows) {
      const entry = state.parameters[name] ?? {}
      for (const field of numbers) {
        const input = inputs[field]
        if (input !== document.activeElement) input.value = String(entry[field] ?? '')
        input.removeAttribute('aria-invalid')
        const usual = defaults[name]?.[field]
        input.placeholder =
          field === 'start'
            ? state.model === 'own'
              ? `${START}`
              : 'guessed'
            : usual === undefined
              ? ''
              : `${usual}`
      }
      fixed.checked = entry.fixed === true
    }
  }

  result(fit: Fit | null): void {
    const intervals = fit?.intervals()
    for (const [name, { value, interval }] of this.#rows) {
      value.textContent = fit ? withError(fit, name) : '–'
      interval.textContent = fit?.free.includes(name) ? intervalOf(fit, intervals?.[name], name) : '–'
    }
    const derived = Object.keys(fit?.values ?? {}).filter((name) => !this.#rows.has(name))
    this.#derived.replaceChildren(
      ...derived.map((name) => {
        const texts = fit ? [withError(fit, name), intervalOf(fit, intervals?.[name], name)] : []
        return h('tr', {}, h('th', { scope: 'row' }, name), ...texts.map((text) => h('td', {}, text)))
      }),
    )
  }

  #row(name: string): Row {
    const inputs = Object.fromEntries(
      numbers.map((field) => {
        const input = h('input', { type: 'text', inputMode: 'decimal', size: 7, autocomplete: 'off' })
        input.setAttribute('aria-label', `${name}: ${field}`)
        input.setAttribute('aria-describedby', this.#message.id)
        input.addEventListener('input', () => this.#read(name))
        return [field, input]
      }),
    ) as Row['inputs']
    const fixed = h('input', { type: 'checkbox', 'aria-label': `${name}: fixed` })
    fixed.addEventListener('change', () => this.#read(name))
    const [value, interval] = [h('td'), h('td')]
    const element = h(
      'tr',
      {},
      h('th', { scope: 'row' }, name),
      value,
      interval,
      ...numbers.map((field) => h('td', {}, inputs[field])),
      h('td', {}, fixed),
    )
    return { element, inputs, fixed, value, interval }
  }

  #read(name: string): void {
    const { inputs, fixed } = this.#rows.get(name) as Row
    const entry: Record<string, number | boolean> = {}
    for (const field of numbers) {
      const { value } = inputs[field]
      const number = numberIn(value)
      if (number !== undefined) entry[field] = number
      else if (value.trim() !== '') {
        this.#message.textContent = `${name}: ${field}: expected a finite number or nothing, got “${value}”.`
        inputs[field].setAttribute('aria-invalid', 'true')
        return
      }
    }
    if (fixed.checked) entry.fixed = true
    this.#onChange(name, entry)
  }
}

function intervalOf({ errors }: Fit, ends: readonly [number, number] | undefined, name: string): string {
  if (ends === undefined || ends.some(Number.isNaN)) return '–'
  return ends.map((end) => shownTo(end, errors[name])).join(' to ')
}

/** Two digits of the error, and of the value what is above them. */
export function withError({ values, errors, free, held, undetermined }: Fit, name: string): string {
  const value = shown(values[name], 7)
  if (!free.includes(name) && errors[name] === 0) return value
  if (held.includes(name)) return `${value}, held at a bound`
  if (undetermined.includes(name)) return `${value}, not determined by the data`
  const error = errors[name]
  return Number.isFinite(error)
    ? `${shownTo(values[name], error)} ± ${shownTo(error, error)}`
    : `${value}, no error known`
}
