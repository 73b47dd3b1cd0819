/**
 * Rows of a table and their cells, as its text streams by. Libraries that do so either know no runs of blanks, no
 * lines, and no quotes in the middle of a cell, or are too heavy for a page.
 */

/** What is between cells, and what lines begin with that are no rows. */
export interface CsvSyntax {
  readonly delimiter: string
  readonly comment: string
}

/** Cells without blanks and quotes around them, and the lines that the row begins and ends in. */
export type OnRow = (cells: string[], first: number, last: number) => void

/** Characters of a row at most: more are a quote that nothing closes. */
export const MAX_ROW_LENGTH = 1 << 25

const BLANKS = /[ \t]*/y
/** Where a tab is between cells. */
const SPACES = / */y
const END = /[\r\n]/g
const ENDS = /\r\n|\r|\n/g

export class Splitter {
  readonly #signs: CsvSyntax
  readonly #onRow: OnRow
  /** Where a cell that is not quoted ends. */
  readonly #stop: RegExp
  /** What is not split yet, and what came after it. */
  #text = ''
  #more: string[] = []
  #length = 0
  /** The line of the next row. */
  #line = 1
  /** Characters before `#text`, and those in it before the row that is split. */
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

  /** Characters before the row that is passed on. */
  get begin(): number {
    return this.#before + this.#at
  }

  /** @throws RangeError where a row is too long */
  write(text: string): void {
    this.#more.push(text)
    this.#length += text.length
    // A long row is looked at again only when there is twice as much of it.
    const isFew = this.#length < this.#text.length
    if (isFew && this.#text.length + this.#length <= MAX_ROW_LENGTH) return
    this.#split(false)
    if (this.#text.length > MAX_ROW_LENGTH) throw new RangeError('a row is too long')
  }

  /** @throws SyntaxError where a quote is not closed */
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

  /** A row without quotes, which is a line. */
  #plain(line: string, end: number): number {
    if (end < 0) return end
    const { delimiter } = this.#signs
    const cells = delimiter === ' ' ? line.trim().split(/ +/) : line.split(delimiter)
    for (let k = 0; k < cells.length; k++) cells[k] = cells[k].trim()
    this.#pass(cells, this.#line)
    return end
  }

  /** A row in which there may be quotes: where it ends, or −1 if there has to be more of it. */
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
      // What follows a quote is a part of the cell, and the quote then one that is meant.
      const isQuoted = cell !== null && text.slice(to, stop).trim() === ''
      cells.push((isQuoted ? (cell as string).replaceAll('""', '"') : text.slice(from, stop)).trim())
      at = stop
      if (delimiter === ' ') at = skip(text, at)
      const isOver = at >= text.length || text[at] === '\n' || text[at] === '\r'
      // After a CR an LF may follow.
      if (isOver && at + 1 >= text.length && !isEnd) return -1
      if (isOver) {
        this.#pass(cells, this.#line + lines)
        this.#line += lines
        return at
      }
      if (delimiter !== ' ') at++
    }
  }

  /** What has only empty cells is no row. */
  #pass(cells: string[], last: number): void {
    if (cells[0] !== '' || cells.some((cell) => cell !== '')) this.#onRow(cells, this.#line, last)
    this.#line++
  }
}

/** Where something is from a place on; Infinity if nowhere. */
function find(text: string, what: string, from: number): number {
  const at = text.indexOf(what, from)
  return at < 0 ? Infinity : at
}

/** The end of a line; −1 if it has not come yet, or is a CR after which an LF may follow. */
function findLineEnd(text: string, from: number, isEnd: boolean): number {
  END.lastIndex = from
  const at = END.exec(text)?.index ?? -1
  if (at < 0) return isEnd ? text.length : -1
  return text[at] === '\r' && at + 1 === text.length && !isEnd ? -1 : at
}

function pastEnd(text: string, end: number): number {
  return text.startsWith('\r\n', end) ? end + 2 : end + 1
}

/** Past blanks, but not past a delimiter, unless that is a blank of which many are one. */
function skip(text: string, from: number, delimiter = ''): number {
  const blanks = delimiter === '\t' ? SPACES : BLANKS
  blanks.lastIndex = from
  return from + (blanks.exec(text)?.[0].length ?? 0)
}

/** The quote that closes a cell; two are one that is meant. */
function closing(text: string, from: number): number {
  let at = text.indexOf('"', from)
  while (at >= 0 && text[at + 1] === '"') at = text.indexOf('"', at + 2)
  return at
}
