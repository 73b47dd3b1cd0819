/** `contour`: joint confidence regions of two parameters. */

import { executeSync } from '../../many/engines/execute.js'
import { readOptions } from '../../options/read.js'
import type { Fit } from '../fit/result.js'
import { checkProfiled } from '../problem/problem.js'
import {
  type Contour,
  type ContourOptions,
  contourTable,
  readPair,
  traceContour,
} from '../profiles/contour.js'
import { type FitSource, fitSources } from '../solve/result-source.js'
import { checkResult } from './computation.js'

/**
 * Traces the boundary of the joint confidence region of two parameters: where χ², while all others follow, has risen to
 * what the level says for both at once. That is F(2, n), or Δχ² of two degrees of freedom if σ is known. The points lie on
 * rays around the fit, one on each; for derived quantities they are those at which lines from outside touch the region.
 *
 * @param found what `fit` returns
 * @param a @param b parameters that vary, or that are derived from these
 * @throws OptionError if one is none of these, both are one, or an option is out of its range
 * @example
 * const { points, message } = contour(found, 'a', 'b', { level: 0.9 })
 */
export function contour<Names extends string, A extends Names, B extends Names>(
  found: Fit<Names>,
  a: A,
  b: B,
  options: ContourOptions = {},
): Contour<A | B> {
  checkResult(found, 'a result of fit', fitSources)
  const { context, index } = fitSources.get(found) as FitSource
  const read = readOptions('options', options, contourTable)
  checkProfiled('a', context.problem)
  const calls = traceContour(context, index, readPair(a, b, context), read)
  return executeSync(context.choice, calls) as Contour<A | B>
}
