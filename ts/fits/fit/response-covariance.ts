/** The option `covariance` of fits. */

import { objectOption } from '../solve/object-option.js'
import type { CallFits, FirstFits } from './call-fits.js'

/**
 * Covariance of the errors of y: the object that `covarianceMatrix()` returns. The object contains the code of
 * generalized least squares, so that other fits do not load the code.
 */
export abstract class ResponseCovariance {
  readonly #isOurs = true

  /** @internal Whether the object is a real instance of the class, not a proxy of an instance. */
  static has(given: object): given is ResponseCovariance {
    return #isOurs in given
  }

  /** @internal Creates fits with the covariance. */
  abstract wrap(first: FirstFits): CallFits
}

export const responseCovariance = objectOption('covarianceMatrix', ResponseCovariance.has)
