/** The error of a function that cannot be read. */

import { ExpressionError } from '../core/errors.js'

/** Maximum number of characters of the source in a message, on each side of the position. */
const EXCERPT = 50

/**
 * The error of a function that `fromFunction` cannot read. The message names the construct and the remedy, and shows the
 * line of the source with a caret.
 */
export class FunctionError extends ExpressionError {
  override name = 'FunctionError'

  /** @param position position in the source, counted from 0 in UTF-16 code units */
  constructor(source: string, position: number, construct: string, remedy: string) {
    super(source, position, remedy, construct)
    this.message = `${construct}: ${remedy}\n${showPosition(source, position)}`
  }
}

/** A line of the source, shortened if it is long, above a caret. */
function showPosition(source: string, position: number): string {
  const begin = Math.max(source.lastIndexOf('\n', position - 1) + 1, position - EXCERPT)
  const lineEnd = source.indexOf('\n', position)
  const end = Math.min(lineEnd < 0 ? source.length : lineEnd, position + EXCERPT)
  const before = source.slice(begin, position).replaceAll(/\s/g, ' ')
  const line = before + source.slice(position, end).replaceAll(/\s/g, ' ')
  const at = source.slice(0, position).split('\n').length
  return `  ${line}\n  ${before.replaceAll(/./gu, ' ')}^ (line ${at})`
}
