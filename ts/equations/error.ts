import { EquationError, truncate } from '../core/errors.js'

/** Makes an error with its position in the string of equations. */
export function makeEquationError(
  name: string,
  text: string,
  at: number,
  expected: string,
  received: string,
): EquationError {
  const lines = text.slice(0, at).split('\n')
  const column = (lines.at(-1) as string).length
  const before = text.slice(Math.max(0, at - 30), at).replace(/\s+/g, ' ')
  const what = `equations ${name}: line ${lines.length}, character ${column + 1}`
  return new EquationError(what, expected, `${truncate(received)}: ${before}⟨here⟩`, at)
}
