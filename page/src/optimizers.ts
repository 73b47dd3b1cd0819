/** The list of racers, with a form for each one's options. */

import { messageOf } from '../../dist/errors.js'
import { h, labelled, select, shown, uniqueId } from './dom.js'
import {
  build,
  type Entry,
  type Field,
  fields,
  optionOf,
  type RuleName,
  ruleNames,
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
    return h('li', {}, line, more, message)
  }

  #control(number: number, field: Field, message: HTMLElement): HTMLLabelElement {
    const { name, kind, choices, help } = field
    const value = optionOf(this.#entries[number], name)
    const control =
      kind === 'choice'
        ? select(Object.fromEntries(choices.map((value) => [value, value])), String(value))
        : h('input', kind === 'flag' ? { type: 'checkbox' } : { type: 'text', inputMode: 'decimal', size: 7 })
    if (control instanceof HTMLInputElement) {
      if (kind === 'flag') control.checked = value === true
      else control.value = String(value)
      control.autocomplete = 'off'
    }
    control.title = help
    control.dataset.option = name
    control.setAttribute('aria-describedby', message.id)
    control.addEventListener('change', () => {
      const given = kind === 'flag' ? (control as HTMLInputElement).checked : parsed(control.value, kind)
      const entry = this.#entries[number]
      const changed: Entry = { rule: entry.rule, options: { ...entry.options, [name]: given } }
      try {
        build(changed)
      } catch (thrown) {
        message.textContent = `${messageOf(thrown)}. The race goes on with ${shownValue(optionOf(entry, name))}.`
        control.setAttribute('aria-invalid', 'true')
        return
      }
      message.textContent = ''
      this.#entries[number] = changed
      this.#refresh(number)
      this.#onChange(this.#entries)
    })
    return labelled(labels[name] ?? name, control)
  }

  /** What is not given may depend on what is: ε on the form. */
  #refresh(number: number): void {
    for (const control of this.#list.children[number].querySelectorAll<HTMLInputElement>('[data-option]')) {
      control.removeAttribute('aria-invalid')
      const value = optionOf(this.#entries[number], control.dataset.option as string)
      if (control.type === 'checkbox') control.checked = value === true
      else control.value = String(value)
    }
  }
}

const shownValue = (value: unknown) => (typeof value === 'number' ? shown(value) : String(value))

/** Names that the library does not have, or that are worth a word. */
const labels: Readonly<Record<string, string>> = {
  warmup: 'warm-up, updates',
  delay: 'delayed start, updates',
  clipNorm: 'clip by norm, 0 not',
  clipValue: 'clip by value, 0 not',
}
