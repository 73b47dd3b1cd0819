import { OptionError } from '../../errors.js'
import { MOST_PARAMETERS } from '../problem.js'
import { define, type FitModel, type ModelOptions, readModelOptions } from './model.js'

export interface PolynomialOptions extends ModelOptions {
  /** The highest power of x, a whole number from 0 to 15; 2. */
  readonly degree?: number
}

/**
 * c0 + c1·x + c2·x² + … up to the degree. Where x is far from 0 beside its range, or the degree is high, powers of x
 * are so alike that a fit may be 'singular': take x − mean(x) for the column then.
 */
export function polynomial(options: PolynomialOptions = {}): FitModel {
  const own = readModelOptions(options, ['degree'])
  const { degree = 2 } = own
  if (!Number.isInteger(degree) || degree < 0 || degree >= MOST_PARAMETERS) {
    throw new OptionError('degree', `a whole number from 0 to ${MOST_PARAMETERS - 1}`, degree)
  }
  const names = Array.from({ length: degree + 1 }, (_, k) => `c${k}`)
  return define(
    own,
    // By Horner's rule; a constant names its column too.
    (x) => (degree === 0 ? `c0 + 0*${x}` : names.reduceRight((inner, name) => `${name} + ${x}*(${inner})`)),
    () => Object.fromEntries(names.map((name) => [name, 0])),
  )
}
