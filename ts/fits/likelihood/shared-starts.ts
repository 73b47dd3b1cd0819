/** Further starts of fits by likelihood of groups that share parameters. */

import { isBounded, sampleAround, sampleStarts, toInternalStart } from '../problem/multi-start.js'
import { fromInternalInterval } from '../programs/internal-parameters.js'
import { median } from '../uncertainty/statistics.js'
import { hasScatter } from './degenerate.js'
import type { LikelihoodValues } from './options.js'
import { externalPoint, MAX_STARTS, partOf, scalesOf, sizeAlone } from './scale-starts.js'
import type { SharedLikelihoodFits } from './shared-source.js'

/** The starts of the option `multiStart`. All groups have the same samples, as fits of one call have. */
export function sampledStarts(
  { base, layout, free }: SharedLikelihoodFits,
  start: Float64Array,
  multiStart: LikelihoodValues['multiStart'],
): Float64Array[] {
  const { problem, inSteps } = base.likelihood
  const samples = sampleStarts(problem, inSteps, multiStart, true)
  const toExternal = free.map(fromInternalInterval)
  return Array.from({ length: multiStart.count - 1 }, (_, n) => {
    const x = start.slice()
    for (const places of layout.places)
      for (const [i, place] of places.entries()) {
        const part = samples[i][n]
        x[place] = isBounded(inSteps.min[i], inSteps.max[i])
          ? part
          : toInternalStart(free[i], sampleAround(toExternal[i](start[place]), part, undefined))
      }
    return x
  })
}

/**
 * Points at which one parameter of σ explains the scatter around the curves of all groups, or at which all parameters
 * share the scatter. A value of several groups is the median of the values that each group alone would have.
 */
export function scaleStartsOfGroups(fits: SharedLikelihoodFits, x: Float64Array): Float64Array[] {
  const { base, layout, isActive, free } = fits
  const scales = scalesOf(base.likelihood)
  if (scales.length < 2) return []
  const sizes = new Map<number, number[]>()
  for (const [g, places] of layout.places.entries()) {
    if (isActive[g] === 0) continue
    const point = externalPoint(base, g, free, fits.pointOf(g, x))
    for (const i of scales) {
      const size = sizeAlone(base.likelihood, base.rowsOf(g), point, scales, i)
      if (!(size > 0 && size < Infinity)) continue
      const all = sizes.get(places[i])
      if (all === undefined) sizes.set(places[i], [size])
      else all.push(size)
    }
  }
  const medians = new Map(Array.from(sizes, ([place, all]) => [place, median(all)]))
  const active = layout.places.filter((_, g) => isActive[g] === 1)
  const known = scales.filter((i) => active.every((places) => medians.has(places[i])))
  if (known.length < 2) return []
  return [...known, null].slice(-MAX_STARTS).map((alone) => {
    const to = x.slice()
    for (const places of active)
      for (const i of known) {
        const size = medians.get(places[i]) as number
        to[places[i]] = toInternalStart(free[i], partOf(i, alone, known.length) * size)
      }
    return to
  })
}

/** Whether σ of no row of a group is as small as rounding errors. */
export function haveScatter(fits: SharedLikelihoodFits, x: Float64Array): boolean {
  const { base, labels, isActive, free } = fits
  return labels.every((_, g) => {
    if (isActive[g] === 0) return true
    return hasScatter(base.likelihood, base.rowsOf(g), externalPoint(base, g, free, fits.pointOf(g, x)))
  })
}
