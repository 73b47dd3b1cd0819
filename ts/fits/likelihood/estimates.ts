/** Estimates of fits by likelihood, for expressions of parameters of several fits or groups. */

import type { Parameter } from '../problem/parameters.js'
import { type GroupLabel, sharedName } from '../problem/shared-parameters.js'
import { fromInternalInterval } from '../programs/internal-parameters.js'
import { triangleIndex } from '../programs/ldlt.js'
import {
  type EstimateSource,
  type Reference,
  readFitIndex,
  refuseDerived,
  unknownReference,
} from '../solve/estimate-source.js'
import { hasBit } from '../solve/fit-context.js'
import { multiplyHalves } from './arrowhead.js'
import type { SharedLikelihoodFits } from './shared-source.js'
import type { LikelihoodFits, LikelihoodSource } from './source.js'

/** The parameters of a run that are not derived. */
const parametersOf = ({ parameters }: LikelihoodFits) =>
  parameters.flatMap(({ name, expr }) => (expr === null ? [name] : []))

function checkParameter({ parameters }: LikelihoodFits, argument: string, name: string): void {
  if (parameters.some((one) => one.name === name && one.expr !== null)) refuseDerived(argument, name)
}

/** Estimates of one fit. Its parameters have no brackets. */
export function estimatesOfFit({ run, fit }: LikelihoodSource): EstimateSource {
  const names = parametersOf(run)
  return estimatesOf(run, (argument, reference) => {
    if (reference.label === null && names.includes(reference.name)) return fit
    throw unknownReference(argument, reference, `the parameters ${names.join(', ')}`)
  })
}

/** Estimates of independent fits, whose labels are their indices. */
export const estimatesOfFits = (run: LikelihoodFits): EstimateSource =>
  estimatesOf(run, (argument, reference) => readFitIndex(argument, reference, parametersOf(run), run.count))

function estimatesOf(
  run: LikelihoodFits,
  fitOf: (argument: string, reference: Reference) => number,
): EstimateSource {
  const { likelihood, solutions, starts } = run
  const { free } = likelihood.problem
  return {
    isAbsolute: true,
    read: (argument, references) => {
      const fits = references.map((reference) => {
        checkParameter(run, argument, reference.name)
        return fitOf(argument, reference)
      })
      const places = references.map(({ name }) => free.indexOf(name))
      const isFixed = places.map((i, k) => i < 0 || hasBit(solutions.atBound, fits[k], i))
      const entry = (a: number, b: number) =>
        fits[a] !== fits[b] || isFixed[a] || isFixed[b]
          ? 0
          : solutions.covariance[
              triangleIndex(Math.max(places[a], places[b]), Math.min(places[a], places[b]))
            ][fits[a]]
      return {
        values: references.map(({ name }, k) =>
          places[k] < 0 ? (starts.get(name) as Float64Array)[fits[k]] : solutions.free[places[k]][fits[k]],
        ),
        covariance: references.map((_, a) => references.map((_, b) => entry(a, b))),
        degreesOfFreedom: () => Infinity,
      }
    },
  }
}

/** Estimates of groups that share parameters. Groups vary together. */
export function estimatesOfGroups(fits: SharedLikelihoodFits): EstimateSource {
  const { base, solution } = fits
  return {
    isAbsolute: true,
    read: (argument, references) => {
      const found = references.map((reference) => {
        checkParameter(base, argument, reference.name)
        return findEstimate(fits, argument, reference)
      })
      const halves = found.map(({ place, scale }) =>
        place < 0 || solution.inverse === null ? null : solution.inverse.half(new Map([[place, scale]])),
      )
      const isFixed = found.map(({ place }) => place < 0 || solution.atBound.has(place))
      const isOpen = found.map(({ place }) => solution.unidentifiable.has(place))
      const entry = (a: number, b: number) => {
        if (isFixed[a] || isFixed[b]) return 0
        // The Hessian of −2 log L is twice the observed information.
        return isOpen[a] || isOpen[b] ? NaN : 2 * multiplyHalves(halves[a], halves[b])
      }
      return {
        values: found.map(({ value }) => value),
        covariance: found.map((_, a) => found.map((_, b) => entry(a, b))),
        degreesOfFreedom: () => Infinity,
      }
    },
  }
}

/** Value of a parameter, its place among the parameters of all groups, or −1, and the unit of its internal value. */
interface PlacedEstimate {
  readonly value: number
  readonly place: number
  readonly scale: number
}

function findEstimate(fits: SharedLikelihoodFits, argument: string, reference: Reference): PlacedEstimate {
  const { base, places, free, labels, layout, isActive } = fits
  const { name, label } = reference
  const own = places.joint.flatMap((one, k) => (one.parameter.name === name ? [{ ...one, k }] : []))
  const ofLabel = (labels: readonly (GroupLabel | null)[]) => labels.map(String).indexOf(label ?? '')
  if (own.length > 0) {
    const isWhole = own[0].label === null
    if (isWhole && label !== null)
      throw unknownReference(argument, reference, `${name} without a group (it is shared)`)
    const at = isWhole ? 0 : ofLabel(own.map((one) => one.label))
    if (at < 0) throw unknownReference(argument, reference, `${name}[label] with a label of its subsets`)
    return placed(fits, own[at].parameter, own[at].k)
  }
  const group = label === null ? -1 : ofLabel(labels)
  const names = parametersOf(base)
  if (group < 0 || !names.includes(name)) {
    const joint = places.joint.map(sharedName)
    const local = names.filter((one) => !places.joint.some(({ parameter }) => parameter.name === one))
    throw unknownReference(
      argument,
      reference,
      `${[...joint, ...local.map((one) => `${one}[group]`)].join(', ')}, with a group of the fit`,
    )
  }
  const i = free.findIndex((one) => one.name === name)
  if (i < 0) return { value: (base.starts.get(name) as Float64Array)[group], place: -1, scale: 1 }
  const found = placed(fits, free[i], layout.places[group][i])
  return isActive[group] === 1 ? found : { ...found, value: NaN }
}

function placed({ solution: { x } }: SharedLikelihoodFits, parameter: Parameter, place: number) {
  const value = fromInternalInterval(parameter)(x[place])
  return { value, place, scale: parameter.isLogarithmic ? value : 1 }
}
