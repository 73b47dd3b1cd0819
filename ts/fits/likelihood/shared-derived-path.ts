/** Profiles of derived quantities of groups that share parameters. */

import { triangleIndex } from '../programs/ldlt.js'
import { type ArrowheadHessian, type ArrowheadLayout, arrowheadAlgebra, sumGroups } from './arrowhead.js'
import { type ReplaceableProblem, substituted } from './derived-path.js'
import type { SecondOrderEvaluation } from './newton.js'
import type { SharedLikelihoodFits } from './shared-source.js'

/** The problem of all groups, in which a quantity of one group can take the place of a parameter. */
export function replaceableGroups(
  fits: SharedLikelihoodFits,
  group: number,
): ReplaceableProblem<ArrowheadHessian> {
  const { layout, labels, isActive } = fits
  const own = layout.places[group]
  const evaluators = labels.map((_, g) => (isActive[g] ? fits.evaluator(g) : undefined))
  const replace = (j: number) => {
    const isAffected = layout.places.map((places) => places.includes(own[j]))
    // A group that has the parameter then depends on all parameters of the quantity.
    const places = layout.places.map((places, g) =>
      isAffected[g] ? [...places, ...own.filter((place) => !places.includes(place))] : places,
    )
    const isJoint = own[j] < layout.joint
    const moved: ArrowheadLayout = isJoint ? { ...layout, places, promoted: new Set(own) } : layout
    const evaluate = (x: Float64Array, q: SecondOrderEvaluation) => {
      const groups = evaluators.map((evaluator, g) => {
        const at = evaluator?.(fits.pointOf(g, x))
        if (at === undefined || !isAffected[g]) return at
        const whole = rearrange(at, layout.places[g], places[g])
        return substituted(whole, rearrange(q, own, places[g]), places[g].indexOf(own[j]))
      })
      return sumGroups(moved, x.length, groups)
    }
    return { algebra: arrowheadAlgebra(moved), evaluate }
  }
  return { own, problem: fits.problem(), replace }
}

/** Derivatives with respect to parameters at other places. The derivatives of missing parameters are 0. */
function rearrange(
  at: SecondOrderEvaluation,
  from: readonly number[],
  to: readonly number[],
): SecondOrderEvaluation {
  const order = to.map((place) => from.indexOf(place))
  const hessian = new Float64Array(triangleIndex(to.length, 0))
  for (const [a, i] of order.entries())
    for (let b = 0; b <= a; b++) {
      const j = order[b]
      if (i >= 0 && j >= 0)
        hessian[triangleIndex(a, b)] = at.hessian[triangleIndex(Math.max(i, j), Math.min(i, j))]
    }
  return { value: at.value, gradient: Float64Array.from(order, (i) => (i < 0 ? 0 : at.gradient[i])), hessian }
}
