/** Lists the single fits of any result. */

import { ArgumentError } from '../../core/errors.js'
import { isObject, toBoundedArray } from '../../core/untrusted-input.js'
import type { Fit, FitManyResult } from '../fit/result.js'
import type { LikelihoodFit, LikelihoodResult } from '../likelihood/result.js'
import type { LikelihoodGroup, SharedLikelihoodFit } from '../likelihood/shared-result.js'
import type { GroupLabel } from '../problem/shared-parameters.js'
import type { SharedGroup } from '../shared/group.js'
import type { SharedFit } from '../shared/result.js'
import { sharedSources } from '../shared/result-source.js'
import { likelihoodOf } from '../solve/distribution.js'
import { fitManySources } from '../solve/result-source.js'
import { GroupFit } from '../stream/group-fit.js'
import { viewSources } from '../uncertainty/fit-view.js'

/** Maximum number of fits in an array. */
const MAX_FITS = 10_000_000

/** A result with one fit. */
export type SingleFit = Fit | LikelihoodFit
/** A fit with the label of its group. */
export type LabeledFit = GroupFit | SharedGroup | LikelihoodGroup
/** A result with several fits: of `fitMany` or `fitShared`, or an array of single fits. */
export type SeveralFits = FitManyResult | LikelihoodResult | FitOfGroups | readonly (SingleFit | LabeledFit)[]
/** A result of `fitShared`. */
export type FitOfGroups = SharedFit | SharedLikelihoodFit

export type TabulatedFit = SingleFit | SharedGroup | LikelihoodGroup

/** The single fits of a result. Each fit is created when it is needed. */
export interface FitList {
  readonly length: number
  /** Whether the fits have labels. */
  readonly isGrouped: boolean
  label(k: number): GroupLabel
  at(k: number): TabulatedFit
}

export const isSingle = (given: unknown): given is TabulatedFit =>
  isObject(given) && viewSources.get(given) !== undefined
const isLabeled = (given: unknown): given is LabeledFit =>
  given instanceof GroupFit || (isSingle(given) && 'label' in given)

/** Whether the value is a result of `fitShared`. */
export const isShared = (given: unknown): given is FitOfGroups =>
  isObject(given) &&
  (sharedSources.has(given) || (likelihoodOf(given) !== undefined && 'subsetLabels' in given))

const isMany = (given: unknown): given is FitManyResult =>
  isObject(given) && (fitManySources.get(given) !== undefined || likelihoodOf(given) !== undefined)

/** @returns the fits of a result, or undefined for other values */
export function listFits(found: unknown): FitList | undefined {
  if (isSingle(found) || found instanceof GroupFit) {
    return { length: 1, isGrouped: isLabeled(found), label: () => labelOf(found, 0), at: () => toView(found) }
  }
  if (isShared(found)) {
    const { groups } = found
    return {
      length: groups.length,
      isGrouped: true,
      label: (k) => groups[k],
      at: (k) => found.at(k) as TabulatedFit,
    }
  }
  if (isMany(found)) {
    return { length: found.length, isGrouped: true, label: (k) => k, at: (k) => found.at(k) as TabulatedFit }
  }
  if (!Array.isArray(found) || !(isSingle(found[0]) || found[0] instanceof GroupFit)) return undefined
  const fits = toBoundedArray(found, MAX_FITS)
  if (fits === undefined) throw new ArgumentError('found', `at most ${MAX_FITS} fits`, found)
  const other = fits.findIndex((one) => !isSingle(one) && !(one instanceof GroupFit))
  if (other >= 0)
    throw new ArgumentError(`found[${other}]`, 'the result of one fit, like found[0]', fits[other])
  return {
    length: fits.length,
    isGrouped: true,
    label: (k) => labelOf(fits[k], k),
    at: (k) => toView(fits[k] as TabulatedFit | GroupFit),
  }
}

/** @throws ArgumentError if the value is not a result of one fit */
export function readSingle(argument: string, found: unknown): TabulatedFit {
  if (found instanceof GroupFit) return found.fit
  if (isSingle(found)) return found
  throw new ArgumentError(argument, 'the result of one fit, such as fit(…) or fitMany(…).at(k)', found)
}

function labelOf(found: unknown, k: number): GroupLabel {
  if (found instanceof GroupFit) return found.group
  return isLabeled(found) ? (found as SharedGroup).label : k
}

const toView = (found: TabulatedFit | GroupFit): TabulatedFit =>
  found instanceof GroupFit ? found.fit : found
