/** Analyses of results of fits by likelihood, for `profile`, `bootstrap`, `compare` and `derive`. */

import { ArgumentError } from '../../core/errors.js'
import { isObject } from '../../core/untrusted-input.js'
import type { LikelihoodAnalysis } from '../solve/distribution.js'
import { likelihoodResults } from '../solve/distribution.js'
import { bootstrapFit, bootstrapFits } from './bootstrap.js'
import { type ComparedLikelihood, compareLikelihoods, rankLikelihoods } from './comparison.js'
import { profileFit, profileFits } from './profile.js'
import type { LikelihoodFits, LikelihoodNumbers, LikelihoodSource } from './source.js'

/** The analyses of one fit, which know their result. */
interface FitAnalysis extends LikelihoodAnalysis {
  readonly compared: ComparedLikelihood
}

function refuse(found: string): never {
  throw new ArgumentError('found', 'a fit without distribution', found)
}

export function analyzeFit(result: LikelihoodNumbers, source: LikelihoodSource): LikelihoodAnalysis {
  const compared = { result, source }
  const analysis: FitAnalysis = {
    compared,
    isOne: true,
    profile: (names, options) => profileFit(source, names, options),
    compare: (other, isNested) => compareLikelihoods(compared, toCompared(other, 'b'), isNested),
    rank: (fits) => rankLikelihoods(fits.map((fit, k) => toCompared(fit, `fits[${k}]`))),
    bootstrap: (options) => ({
      choice: source.run.choice,
      calls: bootstrapFit(source, options),
    }),
    derive: () => refuse('a fit with a distribution'),
  }
  return analysis
}

export function analyzeFits(run: LikelihoodFits): LikelihoodAnalysis {
  return {
    isOne: false,
    profile: (names, options) => profileFits(run, names, options),
    compare: () => refuse('a result of fitMany with a distribution (compare its fits)'),
    rank: () => refuse('a result of fitMany with a distribution (compare its fits)'),
    bootstrap: (options) => ({ ...bootstrapFits(run, options) }),
    derive: () => refuse('a result of fitMany with a distribution'),
  }
}

/** @throws ArgumentError if the value is not one fit with a distribution */
function toCompared(given: unknown, argument: string): ComparedLikelihood {
  const analysis = isObject(given) ? likelihoodResults.get(given) : undefined
  if (analysis === undefined || !('compared' in analysis))
    throw new ArgumentError(argument, 'a fit with a distribution, like a', given)
  return (analysis as FitAnalysis).compared
}
