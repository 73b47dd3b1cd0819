/** The option `outliers` of fits. */

import { objectOption } from '../solve/object-option.js'
import type { CallFits, FirstFits } from './call-fits.js'

/**
 * Method that marks outliers: the object that `rout()` returns. The object contains the code of the method, so that
 * other fits do not load the code.
 */
export abstract class OutlierMethod {
  readonly #isOurs = true

  /** @internal Whether the object is a real instance of the class, not a proxy of an instance. */
  static has(given: object): given is OutlierMethod {
    return #isOurs in given
  }

  /** @internal Creates fits that mark outliers. */
  abstract wrap(first: FirstFits): CallFits
}

export const outlierMethod = objectOption('rout', OutlierMethod.has)
