import { AntigradError, truncate } from '../core/errors.js'

/** Equations that are none, or whose numbers cannot be; `position` counts characters from 0, where a text is meant. */
export class EquationError extends AntigradError {
  override name = 'EquationError'
  declare readonly position: number | undefined

  constructor(what: string, expected: string, received: string, position?: number) {
    super(`${truncate(what)}: expected ${expected}, got ${received}`)
    this.position = position
  }
}

/** The same of a place in a text. */
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
