/**
 * Parsing of JSON from untrusted sources. Excessive nesting would exhaust memory or the stack, so the nesting depth is
 * checked before parsing.
 */

type Reviver = (key: string, value: unknown) => unknown

/** Limits on the nesting of arrays and objects. */
export interface Nesting {
  readonly deepest: number
  /** Whether arrays must not contain arrays or objects. Every nested value must then be a property of an object. */
  readonly areNamed?: boolean
}

/**
 * Parses JSON.
 *
 * @throws SyntaxError if the string is not JSON or exceeds the nesting limits (which are checked before parsing)
 */
export function parseJson(text: string, nesting: Nesting, reviver?: Reviver): unknown {
  if (isOther(text, nesting)) throw new SyntaxError('invalid nesting')
  return JSON.parse(text, reviver)
}

/** The index of the quote that closes the JSON string at `start`; -1 if the string is not closed. */
export function endOfString(text: string, start: number): number {
  let at = start
  do at = text.indexOf('"', at + 1)
  while (isEscaped(text, at))
  return at
}

/** Whether the quote at `at` is escaped: an odd number of backslashes precedes it. */
function isEscaped(text: string, at: number): boolean {
  let first = at
  while (text[first - 1] === '\\') first--
  return (at - first) % 2 === 1
}

const QUOTE = 0x22
const COLON = 0x3a
const OPEN = 0x5b
const CLOSE = 0x5d
const SPACE = 0x20
/** The bit that distinguishes the character codes of brackets and braces. */
const BRACE = 0x20

/**
 * Whether the nesting of a JSON text exceeds the limits. Reads brackets outside strings until the nesting exceeds a
 * limit or a string is not closed.
 */
function isOther(text: string, { deepest, areNamed = false }: Nesting): boolean {
  let depth = 0
  let before = COLON
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if (code === QUOTE) {
      at = endOfString(text, at)
      if (at < 0) return false
    } else if ((code | BRACE) === (OPEN | BRACE)) {
      depth++
      if (depth > deepest || (areNamed && before !== COLON)) return true
    } else if ((code | BRACE) === (CLOSE | BRACE)) depth--
    if (code > SPACE) before = code
  }
  return false
}
