/** The built-in models, which guess their starting values from the data. */

import { exponential } from './exponential.js'
import { inhibition, substrateInhibition, tightBinding } from './inhibition.js'
import { line } from './line.js'
import { michaelisMenten } from './michaelis-menten.js'
import { registerMakers } from './model.js'
import {
  exponentialGaussian,
  gaussian,
  lorentzian,
  peaks,
  pseudoVoigt,
  skewedGaussian,
  voigt,
} from './peaks.js'
import { polynomial } from './polynomial.js'
import { power } from './power.js'
import { fivePL, fourPL, hill, logistic } from './sigmoids.js'
import { sinusoid } from './sinusoid.js'

/**
 * Functions that create models for `fit` and `fitMany`. The page docs/fits-models.md lists the built-in models.
 *
 * @throws OptionError if an option is unknown or out of its range, or if the column name equals a parameter
 * name
 * @example
 * const { values } = fit(models.gaussian(), { x, y })
 */
export const models = /* @__PURE__ */ registerMakers({
  line,
  polynomial,
  exponential,
  power,
  logistic,
  fourPL,
  fivePL,
  hill,
  michaelisMenten,
  gaussian,
  lorentzian,
  pseudoVoigt,
  voigt,
  exponentialGaussian,
  skewedGaussian,
  peaks,
  inhibition,
  substrateInhibition,
  tightBinding,
  sinusoid,
} as const)

/** Name of a built-in model. */
export type ModelName = keyof typeof models
