/** Input of the table by pasting, typing, opening or dropping, with a report of the dropped rows. */

import { formatCount, getMessage } from '../../../dist/page.js'
import { h, labeled, select, uniqueId } from '../dom.js'
import { type ExampleName, exampleTitles } from './example-list.js'
import { type DataTable, readTable } from './table.js'
import type { TaskRows } from './task.js'
import type { Layout } from './wide.js'

/** Maximum length of a file, which keeps the text field responsive. */
const MAX_TEXT_LENGTH = 2_000_000
/** Number of characters from which a text appears in the field after the curve, because its layout takes long. */
const LONG_TEXT = 100_000
/** Maximum number of dropped lines that the page lists. */
const MAX_REPORTED_LINES = 8

export class DataInput {
  readonly element: HTMLElement
  #table: DataTable | null = null
  /** Whether the text has changed since it was parsed. */
  #isStale = true
  #isAsking = false
  /** A long text that is not in the field yet. */
  #awaited: string | null = null
  /** The last replacement of the whole text, which the browser cannot undo. */
  #replacement: readonly [before: string, after: string] = ['', '']
  readonly #text = h('textarea', { spellcheck: false, autocomplete: 'off', id: uniqueId('data') })
  readonly #message = h('p', { className: 'error', id: uniqueId('message'), role: 'alert' })
  readonly #count = h('p', { className: 'hint' })
  readonly #leftOut = h('ul')
  readonly #onChange: (isTyped: boolean) => void
  readonly #example = select({ '': 'choose…', ...exampleTitles }, '')
  #layout: Layout = 'auto'

  /**
   * @param onChange receives whether the user is typing
   * @param onExample receives the name of the example that the user has chosen
   * @param columns the controls of the columns, which follow the text
   */
  constructor(
    onChange: (isTyped: boolean) => void,
    onExample: (name: ExampleName) => void,
    columns: HTMLElement,
  ) {
    this.#onChange = onChange
    const file = h('input', { type: 'file', accept: '.csv,.tsv,.txt,.dat,text/*' })
    this.#text.setAttribute('aria-describedby', this.#message.id)
    this.element = h(
      'section',
      { className: 'data', 'aria-label': 'Data' },
      h('label', { for: this.#text.id }, 'Data (type, paste or drop a file)'),
      this.#text,
      this.#message,
      this.#count,
      this.#leftOut,
      columns,
      h('div', { className: 'row' }, labeled('example', this.#example), labeled('file', file)),
    )
    // Pasted text is complete, in contrast to typed text.
    this.#text.addEventListener('input', ({ inputType }) => this.#change(inputType !== 'insertFromPaste'))
    this.#text.addEventListener('paste', (event) => this.#paste(event))
    for (const type of ['keydown', 'pointerdown', 'beforeinput'])
      this.#text.addEventListener(type, () => this.showText())
    this.#text.addEventListener('keydown', (event) => this.#undo(event))
    this.#example.addEventListener('change', () => {
      if (this.#example.value !== '') onExample(this.#example.value as ExampleName)
    })
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

  /** Asks for another table; '' removes the request. The reason why a text is no table remains. */
  ask(sentence: string): void {
    const isUnreadable = this.#table === null && this.text.trim() !== ''
    if (sentence === '' ? this.#isAsking : !isUnreadable) this.#message.textContent = sentence
    this.#isAsking = sentence !== ''
  }

  /** Replaces the text without a call of `onChange`. */
  setText(given: string): void {
    // The field has no other line breaks.
    const text = given.replace(/\r\n?/g, '\n')
    const before = this.text
    if (before !== '' && before !== text) this.#replacement = [before, text]
    this.#awaited = text
    if (text.length < LONG_TEXT) this.showText()
    this.#isStale = true
  }

  get text(): string {
    return this.#awaited ?? this.#text.value
  }

  /** Puts a long text into the field. The page calls this after drawing, because the layout takes long. */
  showText(): void {
    if (this.#awaited !== null) this.#text.value = this.#awaited
    this.#awaited = null
  }

  /** Selects an example in the list, or none. */
  showExample(name: ExampleName | ''): void {
    this.#example.value = name
  }

  /** Shows the number of used rows and the dropped lines; null if there is no table. */
  show(rows: TaskRows | null): void {
    const count = (total: number) => `${formatCount(total)} ${total === 1 ? 'row' : 'rows'}`
    const lines = rows?.leftOut ?? []
    const left = lines.length === 0 ? '' : `, ${count(lines.length)} dropped`
    const out = rows?.excluded.length ?? 0
    const chosen = out === 0 ? '' : `, ${count(out)} left out`
    this.#count.textContent = rows === null ? '' : `${count(rows.x.length)}${left}${chosen}`
    const more = lines.length - MAX_REPORTED_LINES
    this.#leftOut.replaceChildren(
      ...lines.slice(0, MAX_REPORTED_LINES).map((line) => h('li', {}, line)),
      ...(more > 0 ? [h('li', {}, `And ${formatCount(more)} more.`)] : []),
    )
  }

  /** The table, or null if the text is not a table. A message then gives the reason. */
  table(layout: Layout): DataTable | null {
    if (this.#isStale || layout !== this.#layout) this.#read(layout)
    return this.#table
  }

  #take(text: string): void {
    this.setText(text)
    this.#change(false)
  }

  /** Takes a long text instead of the browser, which would lay it out before the page can read it. */
  #paste(event: ClipboardEvent): void {
    const text = event.clipboardData?.getData('text/plain') ?? ''
    if (text.length < LONG_TEXT) return
    event.preventDefault()
    const { value, selectionStart, selectionEnd } = this.#text
    this.#take(value.slice(0, selectionStart) + text + value.slice(selectionEnd))
  }

  /** Undoes or repeats the replacement of the whole text, if the text has not been edited since. */
  #undo(event: KeyboardEvent): void {
    if (!(event.ctrlKey || event.metaKey) || event.altKey) return
    const key = event.key.toLowerCase()
    const [before, after] = this.#replacement
    const isRedo = key === 'y' || (key === 'z' && event.shiftKey)
    if (!isRedo && key !== 'z') return
    const [from, to] = isRedo ? [before, after] : [after, before]
    if (this.text !== from) return
    event.preventDefault()
    this.#take(to)
    this.#replacement = [before, after]
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
      const { decodeUtf8 } = await import('./text-file.js')
      this.#take(decodeUtf8(bytes))
    } catch (thrown) {
      this.#complain(`${file.name}: ${getMessage(thrown)}.`)
    }
  }

  #read(layout: Layout): void {
    this.#isStale = false
    this.#layout = layout
    this.#table = null
    // An empty field is a request for data, not an error.
    if (this.text.trim() === '' && this.#isAsking) return
    try {
      this.#table = readTable(this.text, layout)
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
