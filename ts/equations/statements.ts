/** Splits a step into statements, which are parsed later. */

import type { EquationError } from '../core/errors.js'
import { NAME } from '../expressions/names.js'

/** An assignment: its target, and the positions of the target and the expression in the string. */
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

/** Replaces comments with spaces, so that positions stay the same. */
export const withoutComments = (text: string): string =>
  text.replace(COMMENT_PATTERN, (comment) => ' '.repeat(comment.length))

/**
 * Splits the text of a step at line ends and semicolons. A line that does not begin with `name =` continues the
 * previous statement, unless a semicolon precedes it.
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
