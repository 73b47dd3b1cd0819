/** The lines of a step, before anything is known of what is in them. */

import type { EquationError } from '../core/errors.js'
import { NAME } from '../expressions/names.js'

/** What is assigned to what, and where both are in the text. */
export interface Statement {
  readonly target: string
  readonly at: number
  readonly from: number
  readonly to: number
}

export type MakeError = (at: number, expected: string, received: string) => EquationError

const COMMENT_PATTERN = /(?:#|\/\/)[^\n]*/g
const ASSIGNMENT_PATTERN = new RegExp(`^\\s*(${NAME})\\s*=(?!=)`, 'u')
const COMPOUND = new RegExp(`^\\s*(${NAME})\\s*([-+*/^]|\\*\\*)=(?!=)`, 'u')
const STATEMENT_PATTERN = /[^\n;]+|[\n;]/g

/** A text without its comments: blanks are in their place. */
export const withoutComments = (text: string): string =>
  text.replace(COMMENT_PATTERN, (comment) => ' '.repeat(comment.length))

/**
 * Lines, or what is between semicolons. One that does not begin with `name =` goes on with the one before, in a line of
 * its own.
 */
export function parseStatements(text: string, fail: MakeError): Statement[] {
  const statements: Statement[] = []
  let goesOn = false
  for (const { 0: piece, index } of text.matchAll(STATEMENT_PATTERN)) {
    if (piece === ';') goesOn = false
    if (piece.trim() === '' || piece === ';') continue
    const found = ASSIGNMENT_PATTERN.exec(piece)
    const end = index + piece.length
    const [compound, name, sign] = COMPOUND.exec(piece) ?? []
    if (compound !== undefined)
      throw fail(index + compound.search(/\S/), `${name} = ${name} ${sign} …`, compound.trim())
    if (found !== null) {
      const [front, target] = found
      const at = index + front.indexOf(target)
      statements.push({ target, at, from: index + front.length, to: end })
    } else if (goesOn) {
      statements[statements.length - 1] = { ...(statements.at(-1) as Statement), to: end }
    } else {
      const at = index + piece.search(/\S/)
      throw fail(at, 'a line such as m = beta*m + (1 - beta)*g', piece.trim())
    }
    goesOn = true
  }
  return statements
}
