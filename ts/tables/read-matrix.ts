/** Reader of matrices, which are files of numbers without a header, with rows of equal length. */

import { AntigradError, getMessage } from '../core/errors.js'
import { quote } from '../core/text.js'
import { type FormatOptions, findFormat, numberReader } from './format.js'
import { Splitter } from './split.js'
import { Utf8Decoder } from './utf8.js'

/** Maximum number of characters. The largest matrix that a fit supports may have thousands of characters per row. */
const MAX_MATRIX_LENGTH = 1 << 25

/**
 * @param name name of the file, for messages
 * @throws AntigradError if the file cannot be read, or a cell is not a number
 */
export async function readMatrix(
  source: AsyncIterable<Uint8Array>,
  name: string,
  given: FormatOptions,
): Promise<number[][]> {
  const fail = (problem: string): never => {
    throw new AntigradError(`${name}: ${problem}`)
  }
  const rows: number[][] = []
  try {
    const text = await readText(source)
    const format = findFormat(text, given)
    const toNumber = numberReader(format)
    const splitter = new Splitter(format, (cells, _, line) => {
      const numbers = cells.map(toNumber)
      const wrong = numbers.findIndex((x) => !Number.isFinite(x))
      if (wrong >= 0) fail(`line ${line}: cell ${wrong + 1} is ${quote(cells[wrong])}, not a finite number`)
      if (rows.length > 0 && numbers.length !== rows[0].length) {
        fail(`line ${line}: expected ${rows[0].length} numbers, as in the first row, got ${numbers.length}`)
      }
      rows.push(numbers)
    })
    splitter.write(text)
    splitter.end()
  } catch (thrown) {
    if (thrown instanceof AntigradError) throw thrown
    fail(thrown instanceof SyntaxError ? 'a quote is not closed' : getMessage(thrown))
  }
  if (rows.length === 0) fail('expected rows of numbers, got none')
  return rows
}

async function readText(source: AsyncIterable<Uint8Array>): Promise<string> {
  const decoder = new Utf8Decoder()
  let text = ''
  for await (const chunk of source) {
    text += decoder.write(chunk)
    if (text.length > MAX_MATRIX_LENGTH)
      throw new RangeError(`expected a matrix of at most ${MAX_MATRIX_LENGTH >> 20} MiB`)
  }
  decoder.end()
  return text
}
