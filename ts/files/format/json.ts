/** Parsing of the JSON in the header and the metadata of a file. */

import { fromText } from '../../checkpoint/text.js'
import { type Nesting, parseJson } from '../../core/json.js'
import { FileError } from '../sources/errors.js'

/** Nesting limit of a saved run. Parameters and schedules have limits of 100 levels each, which are lower. */
const RUN = { deepest: 1000 }

/** @throws FileError if the text is not valid JSON or is nested too deeply */
export const readJson = (what: string, text: string | undefined, nesting: Nesting): unknown =>
  parsed(what, text, `JSON with at most ${nesting.deepest} levels of nesting`, (text) =>
    parseJson(text, nesting),
  )

/**
 * Parses the JSON text of a run or of metrics, and inserts the given arrays.
 *
 * @throws FileError if the text is not JSON, or exceeds the nesting depth of a saved run
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
