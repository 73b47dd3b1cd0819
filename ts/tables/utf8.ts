/** Streaming UTF-8 decoder. Invalid bytes cause an error and are never replaced by another character. */

const BYTE_ORDER_MARK = '\ufeff'

/** Files that are often mistaken for text, and their first bytes. */
const archives = [
  { begin: [0x1f, 0x8b], hint: 'a gzip file, which gunzip decompresses' },
  { begin: [0x50, 0x4b, 3, 4], hint: 'an Excel workbook or ZIP archive; export the sheet as CSV' },
]

/**
 * Decodes bytes up to the last complete character, so that each piece of text corresponds exactly to one piece of
 * bytes.
 */
export class Utf8Decoder {
  /** Bytes of a character that is incomplete, and the number of bytes before these bytes. */
  #rest: Uint8Array = new Uint8Array(0)
  #offset = 0
  #begin = 0

  /** Number of bytes before the text, which is the length of the byte order mark, or 0. */
  get begin(): number {
    return this.#begin
  }

  /** @throws TypeError; its message states the invalid byte and explains how to convert the file */
  write(chunk: Uint8Array): string {
    const bytes = joined(this.#rest, chunk)
    const length = bytes.length - unfinished(bytes)
    const text = this.#decode(bytes.subarray(0, length))
    this.#rest = bytes.slice(length)
    const isMarked = this.#offset === 0 && text.startsWith(BYTE_ORDER_MARK)
    if (isMarked) this.#begin = 3
    this.#offset += length
    return isMarked ? text.slice(1) : text
  }

  /** @throws TypeError if the last character of the file is incomplete */
  end(): void {
    this.#decode(this.#rest)
  }

  #decode(bytes: Uint8Array): string {
    const zero = bytes.indexOf(0)
    const before = zero < 0 ? bytes : bytes.subarray(0, zero)
    const text = decoded(before)
    if (text !== null && zero < 0) return text
    const at = text === null ? firstInvalid(before) : zero
    const shown = `0x${bytes[at].toString(16).padStart(2, '0').toUpperCase()}`
    const problem = `expected text in UTF-8, got the byte ${shown} at offset ${this.#offset + at}`
    // In UTF-16, every second byte of a digit is 0.
    const isUtf16 = bytes[at] === 0 || bytes[at] >= 0xfe
    const archive =
      this.#offset === 0 ? archives.find(({ begin }) => begin.every((x, k) => bytes[k] === x)) : undefined
    if (archive !== undefined) throw new TypeError(`${problem}: ${archive.hint}`)
    throw new TypeError(
      isUtf16
        ? `${problem}: a binary file, or UTF-16, which iconv -f UTF-16 -t UTF-8 converts`
        : `${problem}; iconv -f WINDOWS-1252 -t UTF-8 converts Latin-1`,
    )
  }
}

/** Decodes a complete text. @throws TypeError if the text is not valid UTF-8 (see `Utf8Decoder`) */
export function decodeUtf8(bytes: Uint8Array): string {
  const decoder = new Utf8Decoder()
  const text = decoder.write(bytes)
  decoder.end()
  return text
}

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

function decoded(bytes: Uint8Array): string | null {
  try {
    return decoder.decode(bytes)
  } catch {
    return null
  }
}

function joined(first: Uint8Array, second: Uint8Array): Uint8Array {
  if (first.length === 0) return second
  const all = new Uint8Array(first.length + second.length)
  all.set(first)
  all.set(second, first.length)
  return all
}

/** Number of bytes at the end of a piece that belong to an incomplete character. */
function unfinished(bytes: Uint8Array): number {
  for (let count = 1; count <= Math.min(3, bytes.length); count++) {
    const byte = bytes[bytes.length - count]
    if (byte < 0x80) return 0
    if (byte >= 0xc0) return count < (byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : 2) ? count : 0
  }
  return 0
}

/** Position of the first invalid character, found by bisection. */
function firstInvalid(bytes: Uint8Array): number {
  // All characters before `start` are complete. The bytes up to `valid` are valid, but the bytes up to `invalid` are
  // not.
  let [start, valid, invalid] = [0, 0, bytes.length]
  while (invalid - valid > 1) {
    const middle = (valid + invalid) >> 1
    const part = bytes.subarray(start, middle)
    const whole = part.length - unfinished(part)
    if (decoded(part.subarray(0, whole)) === null) {
      invalid = middle
    } else {
      valid = middle
      start += whole
    }
  }
  return start
}
