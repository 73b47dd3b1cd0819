/** What models have in common: their options, and the name of their column. */

import { OptionError } from '../../core/errors.js'
import { runToEnd } from '../../core/slices.js'
import { Expression, isName } from '../../expressions/expression.js'
import { option, optional } from '../../options/kinds.js'
import { readOptions } from '../../options/read.js'
import { column, finiteRows } from './linear-least-squares.js'
import { type FitModel, type Guess, type ModelOptions, slicedGuesses } from './model.js'

/** Options of every model. */
export const commonOptions = {
  /** The name of its column; x. */
  x: option<string, string>('a name', 'x', isName),
}

/** Options of models by x − origin. */
export interface OriginOptions extends ModelOptions {
  /**
   * From where x counts: a number, or 'auto', where each fit has one of its own data. It is a constant of the fit, called
   * `origin` in its values; without it x counts from 0, and nothing is called so. For years and timestamps, whose powers are
   * all alike.
   */
  readonly origin?: number | 'auto' | undefined
}

/** Options of every model that may have an origin. */
export const originOptions = {
  ...commonOptions,
  origin: optional(
    option<number | 'auto', undefined>(
      "a finite number, or 'auto'",
      undefined,
      (x) => x === 'auto' || Number.isFinite(x),
    ),
  ),
}

/**
 * A model by x, or by x − origin if that is among its options.
 *
 * @param part where the origin is that is found, from 0 at the first x to 1 at the last
 */
export function defineByOrigin<Names extends string>(
  options: OriginOptions,
  part: number,
  write: (x: string) => string,
  guess: Guess<Names>,
  parameters: FitModel['parameters'] = {},
): FitModel<Names | 'origin'> {
  const { origin, ...rest } = readOptions('options', options, originOptions)
  type ParameterName = Names | 'origin'
  if (origin === undefined)
    return define<ParameterName>(rest, write, guess as Guess<ParameterName>, parameters)
  return define<ParameterName>(
    rest,
    (x) => write(`(${x} - origin)`),
    function* (xs, ys) {
      const { x, y } = yield* finiteRows(xs, ys)
      const at = origin === 'auto' ? x[0] + part * (x[x.length - 1] - x[0]) : origin
      const shifted = yield* column(x.length, (row) => x[row] - at)
      return { ...(yield* guess(shifted, y)), origin: at } as Readonly<Record<ParameterName, number>>
    },
    { ...parameters, origin: { fixed: true, ...(origin !== 'auto' && { start: origin }) } },
  )
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
  extraColumns: readonly string[] = [],
): FitModel<Names> {
  const { x } = readOptions('options', options, commonOptions)
  const text = write(x)
  // No parameter is called x.
  const names = [...new Expression(write('x')).names.filter((name) => name !== 'x'), ...extraColumns]
  if (names.includes(x)) throw new OptionError('x', `another name than ${[...new Set(names)].join(', ')}`, x)
  const guess: FitModel['guess'] = (...data) => runToEnd(guessInSlices(...data))
  slicedGuesses.set(guess, guessInSlices)
  return { text, x, parameters, guess, ...(extraColumns.length > 0 && { extraColumns }) }
}
