/** Analyses of fits by likelihood of groups that share parameters. */

import { ArgumentError } from '../../core/errors.js'
import { createRecord } from '../../core/untrusted-input.js'
import { norminv } from '../../functions/erf.js'
import { readOptions } from '../../options/read.js'
import { hasUsablePoint } from '../problem/reasons.js'
import { sharedName } from '../problem/shared-parameters.js'
import { type Profile, profileTable } from '../profiles/profile-result.js'
import { fromInternalInterval } from '../programs/internal-parameters.js'
import type { LikelihoodAnalysis } from '../solve/distribution.js'
import { comparisons } from './comparison.js'
import { derivedError, derivedPath } from './derived-path.js'
import { parameterPath, type Side, searchEndpoint } from './endpoint.js'
import { estimatesOfGroups } from './estimates.js'
import { readNames, toProfile } from './profile.js'
import { responseCurve } from './response-curve.js'
import { bootstrapShared } from './shared-bootstrap.js'
import { replaceableGroups } from './shared-derived-path.js'
import type { SharedLikelihoodFits } from './shared-source.js'
import type { LikelihoodNumbers } from './source.js'

function refuse(found: string): never {
  throw new ArgumentError('found', 'a fit without distribution', found)
}

function refuseGroup(expected: string): never {
  throw new ArgumentError('found', expected, 'a group')
}

export function analyzeShared(result: LikelihoodNumbers, fits: SharedLikelihoodFits): LikelihoodAnalysis {
  const { places, labels, base } = fits
  const { joint } = places
  return {
    ...comparisons({ result, run: base, fits: [...labels.keys()] }),
    isOne: false,
    profile: (names, options) =>
      profilePlaces(fits, { places: new Map(joint.map((one, k) => [sharedName(one), k])) }, names, options),
    bootstrap: (options) => bootstrapShared(fits, options),
    responseCurve: () => {
      throw new ArgumentError('found', 'one group of the result of fitShared', 'the result')
    },
    estimates: () => estimatesOfGroups(fits),
  }
}

export function analyzeGroup({
  fits,
  group,
}: {
  readonly fits: SharedLikelihoodFits
  readonly group: number
}): LikelihoodAnalysis {
  const what = 'a group of a fit with a distribution'
  const places = new Map(fits.free.map(({ name }, i) => [name, fits.layout.places[group][i]]))
  return {
    isOne: false,
    profile: (names, options) => profilePlaces(fits, { places, group }, names, options),
    compare: () => refuse(what),
    rank: () => refuse(what),
    bootstrap: () => refuseGroup('the result of fitShared, whose bootstrap has at(k) for each group'),
    responseCurve: () => responseCurve({ run: fits.base, fit: group }),
    estimates: () => refuseGroup('the result of fitShared, of which the group is a part'),
  }
}

/** Parameters by name, and the group whose derived quantities have profiles. */
interface ProfiledNames {
  readonly places: ReadonlyMap<string, number>
  readonly group?: number
}

/** Profiles of parameters by name, and of derived quantities of a group. All other parameters of all groups minimize −2 log L. */
function profilePlaces(
  fits: SharedLikelihoodFits,
  { places, group = -1 }: ProfiledNames,
  given: unknown,
  options: object,
): Record<string, Profile> {
  const { level } = readOptions('options', options, profileTable)
  const { derived } = fits.base.likelihood.problem
  const names = readNames([...places.keys(), ...(group < 0 ? [] : derived.keys())], given)
  const { solution } = fits
  const problem = fits.problem()
  const { x: best, value: minimum, reason, atBound, errors } = solution
  const z = norminv((1 + level) / 2)
  return createRecord(names, (name): Profile => {
    if (!places.has(name)) {
      const source = { run: fits.base, fit: group }
      const origin = { best, minimum, error: derivedError(source, name) }
      const isUsable = hasUsablePoint(reason) && fits.isActive[group] === 1
      const path = isUsable ? derivedPath(replaceableGroups(fits, group), source, name, origin) : null
      return toProfile(
        name,
        (sign) => (path ? searchEndpoint(path, z * z, sign) : { end: NaN, reason: 'unavailable' }),
        (end) => end,
      )
    }
    const place = places.get(name) as number
    const parameter = parameterAt(fits, place)
    const search = (sign: 1 | -1): Side => {
      const [min, max] = [problem.min[place], problem.max[place]]
      if (!hasUsablePoint(reason) || !(min < max)) return { end: NaN, reason: 'unavailable' }
      const limit = sign > 0 ? max : min
      if (atBound.has(place) && best[place] === limit) return { end: limit, reason: 'bound' }
      const path = parameterPath(problem, place, { best, minimum, error: errors[place] })
      return searchEndpoint(path, z * z, sign)
    }
    return toProfile(name, search, parameter.isLogarithmic ? fromInternalInterval(parameter) : (end) => end)
  })
}

/** The parameter whose value has a place in the vector of all parameters. */
function parameterAt({ places, layout, free, isLocal }: SharedLikelihoodFits, place: number) {
  if (place < layout.joint) return places.joint[place].parameter
  const local = free.filter((_, i) => isLocal[i])
  return local[(place - layout.joint) % local.length]
}
