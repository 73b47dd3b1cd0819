/** The list of optimizers, with a form for the options of each. */

import { getMessage } from '../../dist/page.js'
import { explainedField, formatNumber, h, labeled, select, uniqueId } from './dom.js'
import { loadCustomRules, loadSchedules } from './lazy.js'
import type { Race } from './race.js'
import {
  build,
  CUSTOM,
  collectSchedules,
  fields,
  getOption,
  isSchedule,
  notOffered,
  type OptionField,
  type OptionValue,
  type RacerName,
  type RuleEntry,
  racerNames,
  suggested,
} from './rules.js'
import { carries, rates } from './scale.js'
import { MAX_ENTRIES, parsed } from './state.js'
import { swatch } from './theme.js'

export class Optimizers {
  readonly #list = h('ol', { className: 'entries' })
  readonly #add = h('button', { type: 'button', textContent: 'Add an optimizer' })
  readonly #write = h('button', { type: 'button', textContent: 'Write a custom rule' })
  readonly #message = h('p', { className: 'error', role: 'alert' })
  readonly element = h(
    'section',
    { className: 'optimizers' },
    h('h2', {}, 'Optimizers'),
    this.#list,
    h('div', { className: 'row' }, this.#add, this.#write),
    this.#message,
    h('p', { className: 'hint' }, notOffered),
  )
  readonly #choices = select(Object.fromEntries(racerNames.map((name) => [name, titles[name] ?? name])), '')
  #entries: RuleEntry[] = []
  readonly #onChange: (entries: readonly RuleEntry[], isSliding?: boolean) => void
  readonly #race: () => Race

  /**
   * @param onChange called with changed entries, and whether a slider is being moved
   * @param race returns the current race
   */
  constructor(onChange: (entries: readonly RuleEntry[], isSliding?: boolean) => void, race: () => Race) {
    this.#onChange = onChange
    this.#race = race
    this.#add.addEventListener('click', () => {
      const used = this.#entries.map(({ rule }) => rule)
      const next = racerNames.find((name) => !used.includes(name)) ?? 'adam'
      this.#change([...this.#entries, suggested(next)])
      this.#list.lastElementChild?.querySelector('select')?.focus()
    })
    this.#write.addEventListener('click', () => void this.#own(this.#entries.length, this.#message))
  }

  /** Puts a custom rule into the list. */
  async #own(number: number, message: HTMLElement): Promise<void> {
    const before = this.#entries
    try {
      const { initialEntry } = await loadCustomRules()
      if (before === this.#entries) this.#put(number, initialEntry)
      this.#list.children[number]?.querySelector('select')?.focus()
    } catch (thrown) {
      message.textContent = `A part of the page could not be loaded: ${getMessage(thrown)}.`
    }
  }

  show(entries: readonly RuleEntry[]): void {
    this.#entries = [...entries]
    this.#list.replaceChildren(...entries.map((_, number) => this.#row(number)))
    this.#add.disabled = this.#write.disabled = entries.length >= MAX_ENTRIES
    this.#message.textContent = ''
  }

  /** Replaces an entry, or appends one if `number` is their count. */
  #put(number: number, entry: RuleEntry): void {
    this.#change([...this.#entries.slice(0, number), entry, ...this.#entries.slice(number + 1)])
  }

  #change(entries: readonly RuleEntry[]): void {
    this.show(entries)
    this.#onChange(entries)
  }

  #row(number: number): HTMLLIElement {
    const { rule } = this.#entries[number]
    const message = h('p', { className: 'error', id: uniqueId('message'), role: 'alert' })
    const choice = this.#choices.cloneNode(true) as HTMLSelectElement
    choice.value = rule
    choice.setAttribute('aria-label', `Rule of optimizer ${number + 1}`)
    choice.addEventListener('change', () => {
      if (choice.value === CUSTOM) return void this.#own(number, message)
      this.#put(number, suggested(choice.value as RacerName))
      this.#list.children[number].querySelector('select')?.focus()
    })
    const remove = h('button', { type: 'button', className: 'remove', textContent: '×' })
    remove.setAttribute('aria-label', `Remove optimizer ${number + 1}, ${rule}`)
    remove.disabled = this.#entries.length === 1
    remove.addEventListener('click', () => {
      this.#change(this.#entries.filter((_, k) => k !== number))
      this.#add.focus()
    })
    const line = h('div', { className: 'line' }, swatch(number), choice, remove)
    const controls = h('div', {}, ...this.#controls(number, message))
    const row = h('li', {}, line, controls, message, h('div', { className: 'schedules' }))
    void this.#draw(number, row)
    if (rule === CUSTOM) void this.#edit(number, controls, message)
    return row
  }

  /** Creates the sliders, and all options with their help texts. */
  #controls(number: number, message: HTMLElement, isOpen = false): HTMLElement[] {
    const all = fields(this.#entries[number])
    if (all.length === 0) return []
    const helpOf = ({ help }: OptionField) => help.replaceAll('`', '')
    const options = h('div', { className: 'options' })
    let rate: HTMLElement | null = null
    let others = all
    if (all[0].slides === 'rate') {
      others = all.slice(1)
      // The field of the learning rate stands next to its slider.
      rate = this.#control(number, all[0], message)
      const words = `${getLabel(all[0])}: ${helpOf(all[0])}`
      options.append(h('small', { className: 'help', id: uniqueId('help') }, words))
      rate.setAttribute('aria-describedby', `${options.children[0].id} ${message.id}`)
    }
    const sliders = all
      .filter(({ slides }) => slides !== null)
      .map((field) => this.#slider(number, field, message, field === all[0] ? rate : null))
    const more = h('details', { open: isOpen }, h('summary', {}, 'Options'), options)
    // The fields are created on demand, because most forms stay closed and phones create fields slowly.
    const fill = () => {
      const made = others.map((field) =>
        explainedField(getLabel(field), this.#control(number, field, message), helpOf(field), message.id),
      )
      options.append(...made)
      others = []
    }
    if (isOpen) fill()
    more.addEventListener('toggle', () => {
      fill()
      void this.#gray(number, more)
    })
    return [h('div', { className: 'sliders' }, ...sliders), more]
  }

  /** Adds the field for the equations of a custom rule, above the options that they define. */
  async #edit(number: number, controls: HTMLElement, message: HTMLElement): Promise<void> {
    const { makeEditor } = await import('./custom-rule-editor.js')
    const editor = makeEditor(this.#entries[number], number, (changed) => {
      message.textContent = ''
      const isOpen = controls.querySelector('details')?.open ?? false
      this.#entries[number] = changed
      controls.replaceChildren(...this.#controls(number, message, isOpen))
      this.#onChange(this.#entries, true)
    })
    controls.before(editor)
  }

  /** A logarithmic slider next to an option's field or value. The paths are updated while it moves. */
  #slider(number: number, option: OptionField, message: HTMLElement, field: HTMLElement | null): HTMLElement {
    const { name, slides } = option
    const scale = slides === 'rate' ? rates : carries
    const { from, to } = scale
    const slider = h('input', { type: 'range', min: String(from), max: String(to), step: '0.01' })
    const value = h('output', { className: 'count' })
    const label = getLabel(option)
    slider.dataset.slides = name
    slider.dataset.scale = String(slides)
    slider.setAttribute('aria-label', `${label} of optimizer ${number + 1}`)
    slide(slider, value, getOption(this.#entries[number], name))
    slider.addEventListener('input', () => {
      const entry = this.#entries[number]
      const options = { ...entry.options, [name]: scale.value(Number(slider.value)) }
      const changed: RuleEntry = { ...entry, options }
      try {
        build(changed)
      } catch (thrown) {
        message.textContent = `${getMessage(thrown)}.`
        return
      }
      message.textContent = ''
      this.#entries[number] = changed
      this.#refresh(number)
      this.#onChange(this.#entries, true)
    })
    // The field already has a label.
    if (field) return h('div', { className: 'slider rate' }, slider, labeled(label, field))
    return h('label', { className: 'slider' }, h('span', {}, label), slider, value)
  }

  /** Grays out the options without effect in the current race, and shows the reasons. */
  async #gray(number: number, more: HTMLDetailsElement): Promise<void> {
    if (!more.open) return
    const { withoutEffect } = await import('./inactive-options.js')
    const found = withoutEffect(this.#entries[number], this.#race())
    for (const control of more.querySelectorAll<HTMLElement>('[data-option]')) {
      const why = found.get(control.dataset.option as string)
      const field = control.closest('.field') as HTMLElement
      field.classList.toggle('idle', why !== undefined)
      field.querySelector('.why')?.remove()
      if (why !== undefined)
        field.append(h('small', { className: 'why' }, `This option has no effect: ${why}.`))
    }
  }

  #control(number: number, field: OptionField, message: HTMLElement): HTMLInputElement | HTMLSelectElement {
    const { name, kind, choices, schedulable } = field
    const value = getOption(this.#entries[number], name)
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
    control.dataset.option = name
    const refuse = (thrown: unknown) => {
      const now = shownValue(getOption(this.#entries[number], name))
      message.textContent = `${getMessage(thrown)}. The race continues with ${now}.`
      control.setAttribute('aria-invalid', 'true')
    }
    const take = (given: OptionValue) => {
      const entry = this.#entries[number]
      const changed: RuleEntry = { ...entry, options: { ...entry.options, [name]: given } }
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
      // While the parser loads, the row may have been removed.
      loadSchedules(given).then(() => control.isConnected && take(given), refuse)
    })
    return control
  }

  /** Refreshes all controls, because defaults can depend on other options (for example ε on `form`). */
  #refresh(number: number): void {
    const row = this.#list.children[number]
    void this.#draw(number, row)
    const more = row.querySelector('details')
    if (more) void this.#gray(number, more)
    for (const slider of row.querySelectorAll<HTMLInputElement>('[data-slides]')) {
      const value = getOption(this.#entries[number], slider.dataset.slides as string)
      slide(slider, slider.nextElementSibling as HTMLElement, value)
    }
    for (const control of row.querySelectorAll<HTMLInputElement>('[data-option]')) {
      control.removeAttribute('aria-invalid')
      const value = getOption(this.#entries[number], control.dataset.option as string)
      if (control.type === 'checkbox') control.checked = value === true
      else {
        control.value = String(value)
        grow(control)
      }
    }
  }

  /** Draws the schedules below the options. */
  async #draw(number: number, row: Element): Promise<void> {
    const found = collectSchedules(this.#entries[number])
    const frame = row.querySelector('.schedules') as Element
    if (found.length === 0) return frame.replaceChildren()
    const { makeCurvePicture } = await import('./schedules.js')
    frame.replaceChildren(...found.map(([name, schedule]) => makeCurvePicture(name, schedule)))
  }
}

function slide(slider: HTMLInputElement, output: HTMLElement, value: OptionValue): void {
  const scale = slider.dataset.scale === 'rate' ? rates : carries
  slider.disabled = typeof value !== 'number'
  if (typeof value === 'number') slider.value = String(scale.place(value))
  const text = isSchedule(value) ? 'a schedule' : shownValue(value)
  if (output instanceof HTMLOutputElement) output.textContent = text
  slider.setAttribute('aria-valuetext', text)
}

/** Gives a field with a schedule a line of its own. */
function grow(control: HTMLInputElement): void {
  control.classList.toggle('long', isSchedule(control.value))
}

const getLabel = ({ name }: OptionField) => labels[name] ?? name

const shownValue = (value: unknown) => (typeof value === 'number' ? formatNumber(value) : String(value))

/** List entries that are not names of rules. */
const titles: Readonly<Record<string, string>> = { own: 'custom…' }

/** Labels of options whose names are unclear or are not options of the library. */
const labels: Readonly<Record<string, string>> = {
  lr: 'rate',
  warmup: 'warm-up updates',
  delay: 'delay in updates',
  clipNorm: 'norm clipping',
  clipValue: 'value clipping',
}
