/** What models have in common: their options, and the name of their column. */

import { Expression, isName } from '../../expressions/expression.js'
import { OptionError } from '../../ground/errors.js'
import { atOnce } from '../../ground/slices.js'
import { option } from '../../options/kinds.js'
import { readOptions } from '../../options/read.js'
import { type FitModel, type Guess, inSlicesBy, type ModelOptions } from './model.js'

/** Options of every model. */
export const ofAll = {
  /** The name of its column; x. */
  x: option<string, string>('a name', 'x', isName),
}

/**
 * A model as it is given to users.
 *
 * @param write its text, with a name for its column
 */
export function define<Names extends string>(
  options: ModelOptions,
  write: (x: string) => string,
  guessInSlices: Guess<Names>,
  parameters: FitModel['parameters'] = {},
): FitModel<Names> {
  const { x } = readOptions('options', options, ofAll)
  const text = write(x)
  // No parameter is called x.
  const names = new Expression(write('x')).names.filter((name) => name !== 'x')
  if (names.includes(x)) throw new OptionError('x', `another name than ${names.join(', ')}`, x)
  const guess: FitModel['guess'] = (...data) => atOnce(guessInSlices(...data))
  inSlicesBy.set(guess, guessInSlices)
  return { text, x, parameters, guess }
}
