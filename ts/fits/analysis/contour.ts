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
 * Traces the boundary of the joint confidence region of two parameters. On the boundary, χ², minimized over all other
 * parameters, equals the joint threshold of the confidence level for two parameters. The threshold is an F(2, n)
 * quantile with n degrees of freedom, or a χ² quantile with two degrees of freedom if σ is known. The points lie on
 * rays from the estimate, one point per ray. For derived quantities, each point is the point at which a tangent line
 * touches the region.
 *
 * @param found a result of `fit`
 * @param a @param b names of two different free parameters or derived quantities
 * @throws OptionError if a name is neither free nor derived, if both names are equal, or if an option is out
 * of its range
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
