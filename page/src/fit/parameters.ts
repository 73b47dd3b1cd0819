/** The table of the parameters' settings, such as starting values and bounds. */

import { h, uniqueId } from '../dom.js'
import { checks, type FitPageState, numbers, type ParameterEntry, parseNumber } from './state.js'
import { type FitTask, START } from './task.js'

const titles = {
  start: 'Start',
  min: 'Min',
  max: 'Max',
  positive: 'Positive',
  fixed: 'Fixed',
  shared: 'Shared',
  expr: 'Expression',
} as const

interface ParameterRow {
  readonly element: HTMLTableRowElement
  readonly inputs: Readonly<Record<(typeof numbers)[number], HTMLInputElement>>
  readonly checks: Readonly<Record<(typeof checks)[number], HTMLInputElement>>
  readonly expr: HTMLInputElement
}

export class ParameterTable {
  readonly element: HTMLElement
  readonly #body = h('tbody')
  readonly #message = h('p', { className: 'error', id: uniqueId('message'), role: 'alert' })
  readonly #rows = new Map<string, ParameterRow>()
  readonly #onChange: (name: string, entry: ParameterEntry) => void

  constructor(onChange: (name: string, entry: ParameterEntry) => void) {
    this.#onChange = onChange
    const heads = ['Parameter', ...Object.values(titles)]
    const table = h(
      'table',
      {},
      h('caption', {}, 'Starting values and bounds'),
      h('thead', {}, h('tr', {}, ...heads.map((text) => h('th', { scope: 'col' }, text)))),
      this.#body,
    )
    this.element = h(
      'div',
      { className: 'found', tabIndex: 0, role: 'region', 'aria-label': 'Start and bounds' },
      table,
      this.#message,
    )
  }

  /** Keeps the rows as long as the names stay the same, because the user may be typing in one. */
  show({ parameters, defaults, guessed }: FitTask, state: FitPageState, hasGroups: boolean): void {
    this.#message.textContent = ''
    if (parameters.join() !== [...this.#rows.keys()].join()) {
      this.#rows.clear()
      for (const name of parameters) this.#rows.set(name, this.#row(name))
      this.#body.replaceChildren(...[...this.#rows.values()].map(({ element }) => element))
    }
    for (const [name, { inputs, checks: boxes, expr }] of this.#rows) {
      const entry = state.parameters[name] ?? {}
      for (const field of numbers) {
        const input = inputs[field]
        if (input !== document.activeElement) input.value = String(entry[field] ?? '')
        input.removeAttribute('aria-invalid')
        const usual = defaults[name]?.[field]
        input.placeholder =
          field === 'start'
            ? guessed.includes(name)
              ? 'guessed'
              : `${START}`
            : usual === undefined
              ? ''
              : `${usual}`
      }
      if (expr !== document.activeElement) expr.value = entry.expr ?? ''
      for (const check of checks) boxes[check].checked = entry[check] === true
      // A parameter defined by an expression has no other settings.
      for (const input of [...Object.values(inputs), ...Object.values(boxes)])
        input.disabled = Boolean(entry.expr)
      if (!hasGroups) boxes.shared.disabled = true
    }
  }

  #row(name: string): ParameterRow {
    const inputs = Object.fromEntries(
      numbers.map((field) => {
        const input = h('input', { type: 'text', inputMode: 'decimal', size: 7, autocomplete: 'off' })
        input.setAttribute('aria-label', `${name}: ${field}`)
        input.setAttribute('aria-describedby', this.#message.id)
        input.addEventListener('input', () => this.#read(name))
        return [field, input]
      }),
    ) as ParameterRow['inputs']
    const boxes = Object.fromEntries(
      checks.map((check) => {
        const box = h('input', { type: 'checkbox', 'aria-label': `${name}: ${titles[check].toLowerCase()}` })
        box.addEventListener('change', () => this.#read(name))
        return [check, box]
      }),
    ) as ParameterRow['checks']
    const expr = h('input', { type: 'text', size: 9, spellcheck: false, autocomplete: 'off' })
    expr.placeholder = '2*a'
    expr.setAttribute('aria-label', `${name}: expression`)
    expr.addEventListener('input', () => this.#read(name))
    const element = h(
      'tr',
      {},
      h('th', { scope: 'row' }, name),
      ...numbers.map((field) => h('td', {}, inputs[field])),
      ...checks.map((check) => h('td', {}, boxes[check])),
      h('td', {}, expr),
    )
    return { element, inputs, checks: boxes, expr }
  }

  #read(name: string): void {
    const { inputs, checks: boxes, expr } = this.#rows.get(name) as ParameterRow
    const entry: Record<string, number | boolean | string> = {}
    for (const field of numbers) {
      const { value } = inputs[field]
      const number = parseNumber(value)
      if (number !== undefined) entry[field] = number
      else if (value.trim() !== '') {
        this.#message.textContent = `${name}: ${field}: expected a finite number or an empty field, got “${value}”.`
        inputs[field].setAttribute('aria-invalid', 'true')
        return
      }
    }
    for (const check of checks) if (boxes[check].checked) entry[check] = true
    if (expr.value.trim() !== '') entry.expr = expr.value.trim()
    this.#onChange(name, entry)
  }
}
