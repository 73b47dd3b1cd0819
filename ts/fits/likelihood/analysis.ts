/** Analyses of results of fits by likelihood, for `profile`, `bootstrap`, `compare`, `inverse` and `derive`. */

import { ArgumentError } from '../../core/errors.js'
import type { LikelihoodAnalysis } from '../solve/distribution.js'
import { bootstrapFit, bootstrapFits } from './bootstrap.js'
import { comparisons } from './comparison.js'
import { estimatesOfFit, estimatesOfFits } from './estimates.js'
import { profileFit, profileFits } from './profile.js'
import { responseCurve } from './response-curve.js'
import type { LikelihoodFits, LikelihoodNumbers, LikelihoodSource } from './source.js'

function refuse(found: string): never {
  throw new ArgumentError('found', 'a fit without distribution', found)
}

export function analyzeFit(result: LikelihoodNumbers, source: LikelihoodSource): LikelihoodAnalysis {
  return {
    ...comparisons({ result, run: source.run, fits: [source.fit] }),
    isOne: true,
    profile: (names, options) => profileFit(source, names, options),
    bootstrap: (options) => ({
      choice: source.run.choice,
      calls: bootstrapFit(source, options),
    }),
    responseCurve: () => responseCurve(source),
    estimates: () => estimatesOfFit(source),
  }
}

export function analyzeFits(run: LikelihoodFits): LikelihoodAnalysis {
  return {
    isOne: false,
    profile: (names, options) => profileFits(run, names, options),
    compare: () => refuse('a result of fitMany with a distribution (compare its fits)'),
    rank: () => refuse('a result of fitMany with a distribution (compare its fits)'),
    bootstrap: (options) => ({ ...bootstrapFits(run, options) }),
    responseCurve: () => refuse('a result of fitMany with a distribution (pass one of its fits)'),
    estimates: () => estimatesOfFits(run),
  }
}
