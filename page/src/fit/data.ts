/** Input of the table by pasting, typing, opening or dropping, with a report of the dropped rows. */

import { decodeUtf8, formatCount, getMessage } from '../../../dist/page.js'
import { h, labeled, uniqueId } from '../dom.js'
import { example } from './example.js'
import { type DataTable, readTable } from './table.js'
import type { TaskRows } from './task.js'

/** Maximum length of a file, which keeps the text field responsive. */
const MAX_TEXT_LENGTH = 2_000_000
/** Maximum number of dropped lines that the page lists. */
const MAX_REPORTED_LINES = 8

export class DataInput {
  readonly element: HTMLElement
  #table: DataTable | null = null
  /** Whether the text has changed since it was parsed. */
  #isStale = true
  #isAsking = false
  readonly #text = h('textarea', { spellcheck: false, autocomplete: 'off', id: uniqueId('data') })
  readonly #message = h('p', { className: 'error', id: uniqueId('message'), role: 'alert' })
  readonly #count = h('p', { className: 'hint' })
  readonly #leftOut = h('ul')
  readonly #onChange: (isTyped: boolean) => void

  /** @param onChange receives whether the user is typing */
  constructor(onChange: (isTyped: boolean) => void) {
    this.#onChange = onChange
    const file = h('input', { type: 'file', accept: '.csv,.tsv,.txt,.dat,text/*' })
    const usual = h('button', { type: 'button', textContent: 'Load the example' })
    this.#text.setAttribute('aria-describedby', this.#message.id)
    this.element = h(
      'section',
      { className: 'data', 'aria-label': 'Data' },
      h('label', { for: this.#text.id }, 'Data (type, paste, or drop a file anywhere)'),
      this.#text,
      this.#message,
      h('div', { className: 'row' }, labeled('file', file), usual),
      this.#count,
      this.#leftOut,
    )
    this.#text.addEventListener('input', () => this.#change(true))
    usual.addEventListener('click', () => this.#take(example()))
    file.addEventListener('change', () => this.#open(file.files))
    document.addEventListener('dragover', (event) => {
      if (event.dataTransfer?.types.includes('Files')) event.preventDefault()
    })
    document.addEventListener('drop', (event) => {
      const { files } = event.dataTransfer ?? {}
      if (!files?.length) return
      event.preventDefault()
      void this.#open(files)
    })
  }

  /** Asks for another table; '' removes the request. */
  ask(sentence: string): void {
    if (sentence !== '' || this.#isAsking) this.#message.textContent = sentence
    this.#isAsking = sentence !== ''
  }

  begin(): void {
    this.#take(example())
  }

  /** Shows the number of used rows and the dropped lines; null if there is no table. */
  show(rows: TaskRows | null): void {
    const count = (total: number) => `${formatCount(total)} ${total === 1 ? 'row' : 'rows'}`
    const lines = rows?.leftOut ?? []
    const left = lines.length === 0 ? '' : `, ${count(lines.length)} dropped`
    this.#count.textContent = rows === null ? '' : `${count(rows.x.length)}${left}`
    const more = lines.length - MAX_REPORTED_LINES
    this.#leftOut.replaceChildren(
      ...lines.slice(0, MAX_REPORTED_LINES).map((line) => h('li', {}, line)),
      ...(more > 0 ? [h('li', {}, `And ${formatCount(more)} more.`)] : []),
    )
  }

  /** The table, or null if the text is not a table. A message then gives the reason. */
  get table(): DataTable | null {
    if (this.#isStale) this.#read()
    return this.#table
  }

  #take(text: string): void {
    this.#text.value = text
    this.#change(false)
  }

  #change(isTyped: boolean): void {
    this.#isStale = true
    this.#onChange(isTyped)
  }

  async #open(files: FileList | null): Promise<void> {
    const [file] = files ?? []
    if (file === undefined) return
    if (file.size > MAX_TEXT_LENGTH) {
      const size = `${file.name} has ${Math.ceil(file.size / 1e6)} MB`
      return this.#complain(`${size}: expected at most ${MAX_TEXT_LENGTH / 1e6} MB.`)
    }
    const bytes = new Uint8Array(await file.arrayBuffer())
    try {
      this.#take(decodeUtf8(bytes))
    } catch (thrown) {
      this.#complain(`${file.name}: ${getMessage(thrown)}.`)
    }
  }

  #read(): void {
    this.#isStale = false
    try {
      this.#table = readTable(this.#text.value)
      this.#complain('')
    } catch (thrown) {
      this.#table = null
      this.#complain(getMessage(thrown))
    }
  }

  #complain(sentence: string): void {
    this.#message.textContent = sentence
    if (sentence === '') this.#text.removeAttribute('aria-invalid')
    else this.#text.setAttribute('aria-invalid', 'true')
  }
}
