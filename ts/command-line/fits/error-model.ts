/** `antigrad fit --distribution`: fits by likelihood. This module loads the distributions only if they are requested. */

import { OptionError } from '../../core/errors.js'
import { toCamelCase } from '../../core/text.js'
import { isName } from '../../expressions/expression.js'
import { namesIn } from '../../expressions/parse.js'
import type { ErrorModel } from '../../jobs/fits.js'
import type { DistributionChoice, FitCommandOptions } from './options.js'

/** The distributions by their names on the command line, with their options that are parameters by default. */
const distributions = {
  normal: ['sigma'],
  lognormal: ['sigma'],
  student: ['sigma', 'df'],
  poisson: [],
  'negative-binomial': ['theta'],
  binomial: [],
  gamma: ['shape'],
} as const satisfies Record<DistributionChoice, readonly string[]>

export const distributionNames = Object.keys(distributions) as DistributionChoice[]

/** Whether the value of `--sigma` is an expression of the prediction f, such as `prop*f`, and not a column's name. */
function isSigmaModel(sigma: string | undefined): sigma is string {
  if (sigma === undefined || sigma.startsWith('=') || isName(sigma)) return false
  try {
    return namesIn(sigma).includes('f')
  } catch {
    return false
  }
}

/** Whether the options request a fit by likelihood. */
export const usesLikelihood = ({
  distribution,
  sigma,
  below,
  above,
}: Pick<FitCommandOptions, 'distribution' | 'sigma' | 'below' | 'above'>): boolean =>
  distribution !== undefined || isSigmaModel(sigma) || below !== undefined || above !== undefined

/** Whether the value of `--trials` is the name of a column, and not a number. */
export const isTrialsColumn = (trials: string | undefined): trials is string =>
  trials !== undefined && !Number.isFinite(Number(trials))

/** @throws OptionError if the options do not belong to the distribution */
export async function readErrorModel(options: FitCommandOptions): Promise<ErrorModel> {
  const { distribution: name = 'normal', sigma, trials } = options
  checkErrorModel(name, options)
  const marks = (['trials', 'below', 'above'] as const).flatMap((option) => {
    const column = options[option]
    const isNumber = option === 'trials' && !isTrialsColumn(column)
    // The columns get reserved-looking names, so that they cannot collide with names of the model.
    return column === undefined || isNumber ? [] : [{ name: `${option}_column`, option, column }]
  })
  const nameOf = (option: string) => marks.find((mark) => mark.option === option)?.name
  const library = await import('../../fits/likelihood/distributions.js')
  const texts = {
    ...(sigma !== undefined && { sigma }),
    ...(name === 'binomial' && { trials: nameOf('trials') ?? Number(trials) }),
    below: nameOf('below'),
    above: nameOf('above'),
  }
  const make = library[toCamelCase(name) as 'normal'] as (
    options: object,
  ) => ReturnType<typeof library.poisson>
  const names = distributions[name].flatMap((option): string[] =>
    option === 'sigma' && sigma !== undefined ? namesIn(sigma).filter((used) => used !== 'f') : [option],
  )
  return { distribution: make(texts), names, columns: marks }
}

function checkErrorModel(name: DistributionChoice, options: FitCommandOptions): void {
  const { sigma, trials } = options
  const hasSigma = (distributions[name] as readonly string[]).includes('sigma')
  if (sigma !== undefined && !hasSigma) throw new OptionError('--sigma', `no value with ${name}`, sigma)
  if (sigma?.startsWith('='))
    throw new OptionError('--sigma', `an expression without = if --distribution is set`, sigma)
  if (trials === undefined && name === 'binomial')
    throw new OptionError('--trials', 'the number of trials, or its column, with binomial', 'none')
  if (trials !== undefined && name !== 'binomial')
    throw new OptionError('--trials', `no value with ${name}`, trials)
  const refused = ['weights', 'covariance', 'outliers', 'dropOutliers', 'compare'] as const
  for (const other of refused) {
    const value = options[other]
    if (value !== undefined)
      throw new OptionError(
        `--${other === 'dropOutliers' ? 'drop-outliers' : other}`,
        'no value with a distribution',
        typeof value === 'object' ? 'a list' : value,
      )
  }
}
