/** JSON of strangers: nested deeper than it can be right, it would take memory, or stack, without end. */

type Reviver = (key: string, value: unknown) => unknown

/** How lists and objects are nested. */
export interface Nesting {
  readonly deepest: number
  /** Whether each is a property of an object, and none stands in a list. */
  readonly areNamed?: boolean
}

/**
 * Parses JSON.
 *
 * @throws SyntaxError if it is no JSON, or nested otherwise: nothing is parsed then
 */
export function parseJson(text: string, nesting: Nesting, reviver?: Reviver): unknown {
  if (isOther(text, nesting)) throw new SyntaxError('nested otherwise')
  return JSON.parse(text, reviver)
}

/** Where a string ends that begins there, in JSON: at its second quote; -1 if it has none. */
export function endOfString(text: string, start: number): number {
  let at = start
  do at = text.indexOf('"', at + 1)
  while (isEscaped(text, at))
  return at
}

/** Whether a quote belongs to its string: an odd number of backslashes is in front of it. */
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
/** Braces are brackets with this bit. */
const BRACE = 0x20

/** Reads brackets outside of strings, up to the first that no such text has, or a string without an end. */
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
