/** JSON in a file's header and metadata. */

import { fromText } from '../../checkpoint/text.js'
import { type Nesting, parseJson } from '../../core/json.js'
import { FileError } from '../sources/errors.js'

/** More than parameters, or schedules in one another, are nested: 100 each. */
const RUN = { deepest: 1000 }

/** @throws FileError if it is no JSON, or nested otherwise */
export const readJson = (what: string, text: string | undefined, nesting: Nesting): unknown =>
  parsed(what, text, `JSON, nested at most ${nesting.deepest} deep`, (text) => parseJson(text, nesting))

/**
 * A run's text, or metrics, with these arrays.
 *
 * @throws FileError if it is no JSON, or nested deeper than any run
 */
export const parseRun = (what: string, text: string | undefined, arrays: readonly unknown[]): unknown =>
  parsed(what, text, "a run's JSON", (text) =>
    fromText(text, arrays, (text, reviver) => parseJson(text, RUN, reviver)),
  )

function parsed(
  what: string,
  text: string | undefined,
  expected: string,
  parse: (text: string) => unknown,
): unknown {
  try {
    return parse(text ?? '')
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error
    throw new FileError(what, expected, text)
  }
}
