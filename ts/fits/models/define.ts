/** Common parts of the built-in models: options, the column name, and the origin of x. */

import { OptionError } from '../../core/errors.js'
import { runToEnd } from '../../core/slices.js'
import { joinTexts } from '../../core/text.js'
import { isName } from '../../expressions/expression.js'
import { namesIn } from '../../expressions/parse.js'
import { option, optional } from '../../options/kinds.js'
import { readOptions } from '../../options/read.js'
import { column, finiteRows } from './linear-least-squares.js'
import {
  type FitModel,
  type Guess,
  type GuessAtOnce,
  type GuessParts,
  guessParts,
  type ModelOptions,
  type Remark,
  type StartSearch,
  setParts,
} from './model.js'
import { leaveOut, searchRemark, startSearch } from './start-search.js'

/** Options of every built-in model. */
export const commonOptions = {
  /** Name of the independent variable's column. Default 'x'. */
  x: option<string, string>('a name', 'x', isName),
}

/** Options of models that can replace x by x − origin. */
export interface OriginOptions extends ModelOptions {
  /**
   * Origin of x: a number, or 'auto' to choose an origin from the data of each fit. The result contains the origin as
   * the fixed parameter `origin`. By default the model has neither an origin nor the parameter `origin`. An origin
   * avoids ill-conditioned powers of large x, such as years and timestamps.
   */
  readonly origin?: number | 'auto' | undefined
}

/** Options of every built-in model that can have an origin. */
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
 * Defines a model of x, or of x − origin if the options contain an origin.
 *
 * @param part position of an automatic origin, from 0 at the first x to 1 at the last x
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
 * Sets the further starting points of a model, and its remarks.
 *
 * @param make creates the search, which few fits need
 */
export function setSearch(guess: GuessAtOnce, make: () => StartSearch, remark: Remark = () => ''): void {
  let made: StartSearch | undefined
  const search = () => {
    made ??= make()
    return made
  }
  const all: Remark = (...outcome) =>
    joinTexts(remark(...outcome), searchRemark(search().describe)(...outcome))
  Object.assign(guessParts(guess) as GuessParts, { search, remark: all })
}

/**
 * Creates a built-in model.
 *
 * @param write the model's expression, as a function of the column name
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
  // The name x is not a parameter of the model.
  const names = [...namesIn(write('x')).filter((name) => name !== 'x'), ...extraColumns]
  if (names.includes(x)) throw new OptionError('x', `a name other than ${[...new Set(names)].join(', ')}`, x)
  const guess: FitModel['guess'] = (...data) => runToEnd(guessInSlices(...data))
  setParts(guess, { inSlices: guessInSlices })
  // Parameters that are subtracted from x are positions.
  const positions = () => [...write('x').matchAll(/\bx - (\w+)/g)].map(([, name]) => name)
  setSearch(guess, () => startSearch({ starts: leaveOut(guessInSlices), positions, describe: () => '' }))
  return { text, x, parameters, guess, ...(extraColumns.length > 0 && { extraColumns }) }
}
