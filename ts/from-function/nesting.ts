/** An estimate of the nesting of a source before the parser runs, because the parser is recursive. */

import type { Options } from 'acorn'
import { tokenizer, tokTypes } from './parser.js'

/** Maximum nesting: brackets count ten, because the parser needs about ten calls for each bracket. */
const MAX_NESTING = 2000
const BRACKET = 10

/** Tokens after which a value has ended, so that a following sign is not a prefix. */
const endings = new Set([
  ...[tokTypes.name, tokTypes.num, tokTypes.string, tokTypes.regexp, tokTypes.privateId],
  ...[tokTypes.parenR, tokTypes.bracketR, tokTypes.braceR, tokTypes.backQuote],
  ...[tokTypes._this, tokTypes._super, tokTypes._null, tokTypes._true, tokTypes._false, tokTypes.incDec],
])
const openings = new Set([tokTypes.parenL, tokTypes.bracketL, tokTypes.braceL, tokTypes.dollarBraceL])
const closings = new Set([tokTypes.parenR, tokTypes.bracketR, tokTypes.braceR])
const separators = new Set([tokTypes.semi, tokTypes.comma])

/**
 * The position at which the nesting of a source is too deep; undefined if no nesting is too deep. Long chains count
 * too: the parser needs one call for each operator of a sum.
 */
export function findDeepNesting(source: string, options: Options): number | undefined {
  /** The nesting outside of each open bracket: of its expression, and of its chain of `else`. */
  const outer: (readonly [number, number])[] = []
  let [count, elses, outside] = [0, 0, 0]
  let before: unknown
  for (const { type, start: at } of tokenizer(source, options)) {
    // A chain of else ends where another statement begins.
    if (type !== tokTypes._else && (before === tokTypes.semi || before === tokTypes.braceR)) elses = 0
    if (openings.has(type)) {
      outer.push([count, elses])
      outside += count + elses + BRACKET
      count = 0
      elses = 0
    } else if (closings.has(type)) {
      ;[count, elses] = outer.pop() ?? [0, 0]
      outside = Math.max(outside - count - elses - BRACKET, 0)
    } else if (separators.has(type)) count = 0
    else if (type === tokTypes._else) elses += BRACKET
    else count += weightOf(type as TokenKind, before)
    if (outside + count + elses > MAX_NESTING) return at
    before = type
  }
  return undefined
}

/** Properties of acorn's kinds of tokens that its declarations omit. */
interface TokenKind {
  readonly prefix?: boolean
  readonly isAssign?: boolean
  readonly binop?: number | null
}

/** How many calls of the parser a token adds until the end of its expression or statement. */
function weightOf(type: TokenKind, before: unknown): number {
  const isPrefix = type.prefix === true && !endings.has(before as never)
  if (type === tokTypes.question || type === tokTypes.arrow) return BRACKET
  if (isPrefix || type.isAssign === true || type === tokTypes.starstar) return BRACKET / 2
  return type.binop === null || type.binop === undefined ? 0 : 1
}
