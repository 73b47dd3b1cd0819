/** The first line of a table, before it is read: what its cells are divided by. */

/** Those that are found by themselves; of equally frequent ones the first. */
const DELIMITERS = [',', ';', '\t']

const [QUOTE, CR, LF] = [...'"\r\n'].map((character) => character.charCodeAt(0))

/** Looks at a file until its header is there. */
export class Header {
  readonly chunks: Buffer[] = []
  readonly #counts = new Map(DELIMITERS.map((delimiter) => [delimiter.charCodeAt(0), 0]))
  readonly #most: number
  #isQuoted = false
  #isEmpty = true
  #bytes = 0

  /** @param most bytes that are looked at */
  constructor(most: number) {
    this.#most = most
  }

  /** Whether the header ends in this part of the file, or is too long. */
  add(chunk: Buffer): boolean {
    this.chunks.push(chunk)
    for (const byte of chunk) {
      if (byte === QUOTE) this.#isQuoted = !this.#isQuoted
      const isEnd = byte === LF || byte === CR
      if (isEnd && !this.#isQuoted && !this.#isEmpty) return true
      if (!isEnd) this.#isEmpty = false
      const count = this.#counts.get(byte)
      if (count !== undefined && !this.#isQuoted) this.#counts.set(byte, count + 1)
    }
    this.#bytes += chunk.length
    return this.#bytes > this.#most
  }

  /** The most frequent one outside of quotes. */
  get delimiter(): string {
    const [[code]] = [...this.#counts].sort(([, a], [, b]) => b - a)
    return String.fromCharCode(code)
  }
}
