/** The options of fits with a distribution, and the checks of these options and of their models. */

import { OptionError } from '../../core/errors.js'
import type { FunctionModelSpec } from '../problem/function-model.js'
import type { FitValues } from '../problem/options.js'
import type { FitParameter } from '../problem/parameters.js'
import type { Likelihood } from './problem.js'

/** Options that have no meaning with a distribution, with the value that they keep. */
const refused = {
  sigma: 'none (sigma is an option of the distribution, as in normal({ sigma }))',
  covariance: 'none if distribution is set',
  method: 'none if distribution is set',
  outliers: 'none if distribution is set',
  intervals: 'none if distribution is set (profile(found) computes profile intervals)',
  absoluteSigma: 'none if distribution is set',
  finiteDifferences: 'none if distribution is set',
} as const

/** The validated options of fits, some of which a distribution refuses. */
export type LikelihoodValues = FitValues & Readonly<Partial<Record<keyof typeof refused, unknown>>>

/** @throws OptionError if an option is set that has no meaning with a distribution */
export function checkOptions(options: LikelihoodValues): void {
  for (const [name, expected] of Object.entries(refused)) {
    const value: unknown = options[name as keyof typeof refused]
    if (value !== undefined) throw new OptionError(name, expected, value)
  }
  if (options.loss !== 'squared')
    throw new OptionError('loss', "'squared' if distribution is set", options.loss)
  if (typeof options.weights === 'string')
    throw new OptionError('weights', 'numbers if distribution is set', options.weights)
}

/** @throws OptionError if a distribution cannot have the model, or not from several starts */
export function checkModel(
  model: unknown,
  functionModel: FunctionModelSpec | undefined,
  { multiStart: { count } }: LikelihoodValues,
): void {
  if (functionModel && !functionModel.exact)
    throw new OptionError(
      'model',
      'an expression or a model of ode if distribution is set (fromFunction makes one of a function)',
      model,
    )
  if (count > 1 && functionModel)
    throw new OptionError('multiStart', '1 with a distribution and a model of ode', count)
}

/** @throws OptionError if a column of censored rows is missing */
export function checkLimits(
  { below, above }: Likelihood,
  columns: { readonly has: (name: string) => boolean },
): void {
  for (const [option, name] of Object.entries({ below, above }))
    if (name !== undefined && !columns.has(name)) throw new OptionError(option, 'a column of the data', name)
}

/** The lower bound 0 of the parameters of a distribution, which are scales, shapes and degrees of freedom. */
export function limitScales(
  known: readonly string[],
  ofModel: readonly string[],
): Record<string, FitParameter> {
  const scales = known.filter((name) => !ofModel.includes(name))
  return Object.fromEntries(scales.map((name): [string, FitParameter] => [name, { min: 0 }]))
}
