/**
 * Streaming splitter, which divides text tables into rows and cells. Existing libraries lack a feature (runs of spaces
 * as delimiters, line numbers, or quotes within cells) or are too large for a web page.
 */

/** Field delimiter and comment prefix of the text. */
export interface CsvSyntax {
  readonly delimiter: string
  readonly comment: string
}

/**
 * Callback that receives the trimmed and unquoted cells of a row, and the numbers of the row's first and last line.
 */
export type OnRow = (cells: string[], first: number, last: number) => void

/** Describes cells after the last column of the header, of which no cell may have text. */
export const describeExcess = (cells: readonly unknown[], width: number): string | null =>
  cells.length > width && cells.slice(width).some((cell) => cell !== '')
    ? `the row has ${cells.length} cells, but the header has ${width}`
    : null

/** Maximum number of characters in a row. A longer row is probably the result of an unclosed quote. */
export const MAX_ROW_LENGTH = 1 << 25

const BLANKS = /[ \t]*/y
/** Space characters that are not a tab, for tables whose delimiter is a tab. */
const SPACES = / */y
const END = /[\r\n]/g
const ENDS = /\r\n|\r|\n/g

export class Splitter {
  readonly #signs: CsvSyntax
  readonly #onRow: OnRow
  /** Matches the end of an unquoted cell. */
  readonly #stop: RegExp
  /** Text that has not been split yet, and pieces of text that arrived later. */
  #text = ''
  #more: string[] = []
  #length = 0
  /** Line number of the next row. */
  #line = 1
  /** Number of characters before `#text`, and number of characters in `#text` before the current row. */
  #before = 0
  #at = 0

  constructor(signs: CsvSyntax, onRow: OnRow) {
    this.#signs = signs
    this.#onRow = onRow
    this.#stop = new RegExp(`[\\r\\n${signs.delimiter.replace(/[\\\]^-]/, '\\$&')}]`, 'g')
  }

  get line(): number {
    return this.#line
  }

  /** Number of characters before the current row. */
  get begin(): number {
    return this.#before + this.#at
  }

  /** @throws RangeError if a row has too many characters */
  write(text: string): void {
    this.#more.push(text)
    this.#length += text.length
    // An unfinished row is scanned again only after its length has doubled, so that the total time stays linear.
    const isFew = this.#length < this.#text.length
    if (isFew && this.#text.length + this.#length <= MAX_ROW_LENGTH) return
    this.#split(false)
    if (this.#text.length > MAX_ROW_LENGTH) throw new RangeError('a row is too long')
  }

  /** @throws SyntaxError if a quote is not closed */
  end(): void {
    this.#split(true)
    if (this.#text !== '') throw new SyntaxError('a quote is not closed')
  }

  #split(isEnd: boolean): void {
    const text = this.#text + this.#more.join('')
    this.#more = []
    this.#length = 0
    let [at, quote] = [0, -1]
    while (at < text.length) {
      this.#at = at
      if (quote < at) quote = find(text, '"', at)
      const end = findLineEnd(text, at, isEnd)
      const begin = skip(text, at)
      const isComment = this.#signs.comment !== '' && text.startsWith(this.#signs.comment, begin)
      const isPlain = isComment || quote === Infinity || (end >= 0 && end < quote)
      const next = isPlain
        ? this.#plain(isComment ? '' : text.slice(at, end), end)
        : this.#quoted(text, at, isEnd)
      if (next < 0) break
      at = pastEnd(text, next)
    }
    this.#before += at
    this.#text = text.slice(at)
  }

  /** Splits a row without quotes, which is one line. */
  #plain(line: string, end: number): number {
    if (end < 0) return end
    const { delimiter } = this.#signs
    const cells = delimiter === ' ' ? line.trim().split(/ +/) : line.split(delimiter)
    for (let k = 0; k < cells.length; k++) cells[k] = cells[k].trim()
    this.#pass(cells, this.#line)
    return end
  }

  /**
   * Splits a row that may contain quotes. The result is the position of the row's end, or −1 if the row is incomplete.
   */
  #quoted(text: string, begin: number, isEnd: boolean): number {
    const { delimiter } = this.#signs
    const cells: string[] = []
    let [at, lines] = [begin, 0]
    for (;;) {
      const from = skip(text, at, delimiter)
      let cell: string | null = null
      let to = from
      if (text[from] === '"') {
        to = closing(text, from + 1)
        if (to < 0 || (to + 1 === text.length && !isEnd)) return -1
        cell = text.slice(from + 1, to)
        lines += cell.match(ENDS)?.length ?? 0
        to++
      }
      this.#stop.lastIndex = to
      const stop = this.#stop.exec(text)?.index ?? text.length
      if (stop === text.length && !isEnd) return -1
      // If text follows a closing quote, the whole cell is literal text, including the quotes.
      const isQuoted = cell !== null && text.slice(to, stop).trim() === ''
      cells.push((isQuoted ? (cell as string).replaceAll('""', '"') : text.slice(from, stop)).trim())
      at = stop
      if (delimiter === ' ') at = skip(text, at)
      const isOver = at >= text.length || text[at] === '\n' || text[at] === '\r'
      // The CR may be followed by an LF that has not arrived yet.
      if (isOver && at + 1 >= text.length && !isEnd) return -1
      if (isOver) {
        this.#pass(cells, this.#line + lines)
        this.#line += lines
        return at
      }
      if (delimiter !== ' ') at++
    }
  }

  /** Passes a row to the callback, unless all cells of the row are empty. */
  #pass(cells: string[], last: number): void {
    if (cells[0] !== '' || cells.some((cell) => cell !== '')) this.#onRow(cells, this.#line, last)
    this.#line++
  }
}

/** Position of the first occurrence of a string, starting at an index; Infinity if the string does not occur. */
function find(text: string, what: string, from: number): number {
  const at = text.indexOf(what, from)
  return at < 0 ? Infinity : at
}

/**
 * The position of a line's end; −1 if the end has not arrived yet, or if the text ends in a CR, which an LF may
 * follow.
 */
function findLineEnd(text: string, from: number, isEnd: boolean): number {
  END.lastIndex = from
  const at = END.exec(text)?.index ?? -1
  if (at < 0) return isEnd ? text.length : -1
  return text[at] === '\r' && at + 1 === text.length && !isEnd ? -1 : at
}

function pastEnd(text: string, end: number): number {
  return text.startsWith('\r\n', end) ? end + 2 : end + 1
}

/** Skips spaces that are not delimiters, or all spaces if the delimiter is a run of spaces. */
function skip(text: string, from: number, delimiter = ''): number {
  const blanks = delimiter === '\t' ? SPACES : BLANKS
  blanks.lastIndex = from
  return from + (blanks.exec(text)?.[0].length ?? 0)
}

/** Position of the quote that closes a cell. Doubled quotes within a cell are literal quotes. */
function closing(text: string, from: number): number {
  let at = text.indexOf('"', from)
  while (at >= 0 && text[at + 1] === '"') at = text.indexOf('"', at + 2)
  return at
}
