/** The list of racers, with a form for each one's options. */

import { messageOf } from '../../dist/ground/errors.js'
import { h, labelled, select, shown, uniqueId } from './dom.js'
import { loadSchedules } from './late.js'
import {
  build,
  type Entry,
  type Field,
  fields,
  isSchedule,
  notOffered,
  type OptionValue,
  optionOf,
  type RuleName,
  ruleNames,
  schedulesIn,
  suggested,
} from './rules.js'
import { MOST_ENTRIES, parsed } from './state.js'
import { swatch } from './theme.js'

export class Optimizers {
  readonly #list = h('ol', { className: 'entries' })
  readonly #add = h('button', { type: 'button', textContent: 'Add an optimizer' })
  readonly element = h(
    'section',
    { className: 'optimizers' },
    h('h2', {}, 'Optimizers'),
    this.#list,
    this.#add,
    h('p', { className: 'hint' }, notOffered),
  )
  #entries: Entry[] = []
  readonly #onChange: (entries: readonly Entry[]) => void

  constructor(onChange: (entries: readonly Entry[]) => void) {
    this.#onChange = onChange
    this.#add.addEventListener('click', () => {
      const used = this.#entries.map(({ rule }) => rule)
      const next = ruleNames.find((name) => !used.includes(name)) ?? 'adam'
      this.#change([...this.#entries, suggested(next)])
      this.#list.lastElementChild?.querySelector('select')?.focus()
    })
  }

  show(entries: readonly Entry[]): void {
    this.#entries = [...entries]
    this.#list.replaceChildren(...entries.map((_, number) => this.#row(number)))
    this.#add.disabled = entries.length >= MOST_ENTRIES
  }

  #change(entries: readonly Entry[]): void {
    this.show(entries)
    this.#onChange(entries)
  }

  #row(number: number): HTMLLIElement {
    const { rule } = this.#entries[number]
    const choice = select(Object.fromEntries(ruleNames.map((name) => [name, name])), rule)
    choice.setAttribute('aria-label', `Rule of optimizer ${number + 1}`)
    choice.addEventListener('change', () => {
      this.#change(this.#entries.with(number, suggested(choice.value as RuleName)))
      this.#list.children[number].querySelector('select')?.focus()
    })
    const remove = h('button', { type: 'button', className: 'remove', textContent: '×' })
    remove.setAttribute('aria-label', `Remove optimizer ${number + 1}, ${rule}`)
    remove.disabled = this.#entries.length === 1
    remove.addEventListener('click', () => {
      this.#change(this.#entries.toSpliced(number, 1))
      this.#add.focus()
    })
    const message = h('p', { className: 'error', id: uniqueId('message'), role: 'alert' })
    const [lr, ...rest] = fields(rule).map((field) => this.#control(number, field, message))
    const more = h('details', {}, h('summary', {}, 'Options'), h('div', { className: 'options' }, ...rest))
    const line = h('div', { className: 'line' }, swatch(number), choice, lr, remove)
    const row = h('li', {}, line, more, message, h('div', { className: 'schedules' }))
    void this.#draw(number, row)
    return row
  }

  #control(number: number, field: Field, message: HTMLElement): HTMLLabelElement {
    const { name, kind, choices, schedulable, help } = field
    const value = optionOf(this.#entries[number], name)
    const control =
      kind === 'choice'
        ? select(Object.fromEntries(choices.map((value) => [value, value])), String(value))
        : h('input', kind === 'flag' ? { type: 'checkbox' } : { type: 'text', size: 7 })
    if (control instanceof HTMLInputElement) {
      if (kind === 'flag') control.checked = value === true
      else control.value = String(value)
      control.autocomplete = 'off'
      control.spellcheck = false
      if (kind === 'number' && !schedulable) control.inputMode = 'decimal'
      grow(control)
      control.addEventListener('input', () => grow(control))
    }
    control.title = help
    control.dataset.option = name
    control.setAttribute('aria-describedby', message.id)
    const refuse = (thrown: unknown) => {
      const now = shownValue(optionOf(this.#entries[number], name))
      message.textContent = `${messageOf(thrown)}. The race goes on with ${now}.`
      control.setAttribute('aria-invalid', 'true')
    }
    const take = (given: OptionValue) => {
      const entry = this.#entries[number]
      const changed: Entry = { rule: entry.rule, options: { ...entry.options, [name]: given } }
      try {
        build(changed)
      } catch (thrown) {
        return refuse(thrown)
      }
      message.textContent = ''
      this.#entries[number] = changed
      this.#refresh(number)
      this.#onChange(this.#entries)
    }
    control.addEventListener('change', () => {
      const given = kind === 'flag' ? (control as HTMLInputElement).checked : parsed(control.value, field)
      if (!isSchedule(given)) return take(given)
      // Meanwhile the row may be another optimizer's.
      loadSchedules(given).then(() => control.isConnected && take(given), refuse)
    })
    return labelled(labels[name] ?? name, control)
  }

  /** What is not given may depend on what is: ε on the form. */
  #refresh(number: number): void {
    const row = this.#list.children[number]
    void this.#draw(number, row)
    for (const control of row.querySelectorAll<HTMLInputElement>('[data-option]')) {
      control.removeAttribute('aria-invalid')
      const value = optionOf(this.#entries[number], control.dataset.option as string)
      if (control.type === 'checkbox') control.checked = value === true
      else {
        control.value = String(value)
        grow(control)
      }
    }
  }

  /** Pictures of the schedules, beneath the options. */
  async #draw(number: number, row: Element): Promise<void> {
    const found = schedulesIn(this.#entries[number])
    const frame = row.querySelector('.schedules') as Element
    if (found.length === 0) return frame.replaceChildren()
    const { pictureOf } = await import('./schedules.js')
    frame.replaceChildren(...found.map(([name, schedule]) => pictureOf(name, schedule)))
  }
}

/** A schedule has a line of its own. */
function grow(control: HTMLInputElement): void {
  control.classList.toggle('long', isSchedule(control.value))
}

const shownValue = (value: unknown) => (typeof value === 'number' ? shown(value) : String(value))

/** Names that the library does not have, or that are worth a word. */
const labels: Readonly<Record<string, string>> = {
  warmup: 'warm-up, updates',
  delay: 'delayed start, updates',
  clipNorm: 'clip by norm, 0 not',
  clipValue: 'clip by value, 0 not',
}
