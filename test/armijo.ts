/** Gradient descent with Armijo's rule in lanes: the example of contributing/solvers.md. */

import { defineLines } from '../dist/methods/lanes/lines.js'
import { LaneFields, type LaneProblem, type LaneSolver } from '../dist/methods/lanes/solver.js'
import { LaneUpdates } from '../dist/methods/lanes/updates.js'
import { LaneVectors } from '../dist/methods/lanes/vectors.js'

/** The decision about a trial point x − t·g. */
const decision = defineLines(`
  isStart = !probing && !hasStarted
  isTrial = !probing && hasStarted
  isLow = value <= before - 1e-4*t*square
  moves = isTrial && isLow
  isLost = isTrial && !isLow && t*size < 1e-300
  accepts = isStart || moves
  nextT = moves ? 2*t : isTrial ? t/2 : t
`)

export function armijoLanes(_: object, problem: LaneProblem): LaneSolver {
  const { b, parameters, value, gradient } = problem
  const v = new LaneVectors(b)
  // The state of a lane: the best point with its value and gradient, the step t, and the kind of the trial point.
  const fields = new LaneFields(problem)
  const updates = new LaneUpdates(problem, fields, v, null)
  const t = fields.scalar('t', 1)
  const hasStarted = fields.scalar('hasStarted')
  const probing = fields.scalar('probing')

  const x = parameters.map((name) => b.name(name))
  const { moves, isLost, accepts, nextT } = decision(b, {
    value,
    before: updates.value,
    t,
    square: v.dot(updates.gradient, updates.gradient),
    size: v.largest(updates.gradient),
    hasStarted,
    probing,
  })
  const at = v.select(accepts, x, updates.at)
  const slopes = v.select(accepts, gradient, updates.gradient)
  // Decides whether the run ends, and chooses the points of the test of convergence.
  const { reason, probes, near } = updates.finish(
    {
      isUpdate: b.operation('max', moves, isLost),
      isProbe: probing,
      at,
      gradient: slopes,
      value: b.select(accepts, value, updates.value),
      change: b.select(moves, v.largest(v.subtract(at, updates.at)), b.zero),
      isStuck: isLost,
    },
    gradient,
  )
  fields.setPoint(v.select(probes, near, v.addScaled(at, b.negate(nextT), slopes)))
  fields.set({ t: nextT, hasStarted: b.one, probing: probes })
  return { fields, reason, results: updates.results() }
}
