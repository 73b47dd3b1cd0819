/**
 * Refines minima of many fits side by side. Newton's method of each fit runs in TypeScript and waits for −2 log L and its
 * derivatives, which an engine computes for all waiting fits together. A fit alone gives the same bits.
 */

import type { Slices } from '../../core/slices.js'
import type { DataColumn } from '../../many/batch/data.js'
import type { EngineCall } from '../../many/engines/execute.js'
import { RunEvaluation } from '../../many/evaluate-runs.js'
import { MAX_DIRECT_RUNS } from '../solve/direct-runs.js'
import { createEvaluator } from './evaluate.js'
import type { SecondOrderEvaluation } from './newton.js'
import type { LikelihoodProblem } from './problem.js'

/** Maximum number of fits that wait at a time. When a fit ends, the next fit takes its place. */
const MAX_WAITING = 1024

/** The fits of one call. */
interface RefinedFits {
  readonly likelihood: LikelihoodProblem
  /** Columns of the objective, in the order of batches. */
  readonly columns: ReadonlyMap<string, DataColumn>
  readonly threads: number
  readonly rowsOf: (fit: number) => Float64Array[]
}

/** A fit whose evaluations are computed elsewhere. */
export class WaitingFit {
  readonly fit: number
  /** The point at which the fit needs an evaluation. */
  point: Float64Array | null = null
  evaluation: SecondOrderEvaluation | null = null

  constructor(fit: number) {
    this.fit = fit
  }

  /** Waits for the evaluation at a point. */
  readonly advance = (x: Float64Array): Slices<void> => {
    this.point = x
    return pause()
  }

  readonly evaluate = (): SecondOrderEvaluation => this.evaluation as SecondOrderEvaluation
}

function* pause(): Slices<void> {
  yield
}

interface FitRefinement {
  readonly waiting: WaitingFit
  readonly steps: Slices<void>
}

/** Continues a fit until it waits for an evaluation. Returns false if the fit has ended. */
function resume({ waiting, steps }: FitRefinement): boolean {
  waiting.point = null
  while (waiting.point === null) if (steps.next().done) return false
  return true
}

/** @param begin starts the refinement of a fit */
export function* refineInLanes(
  all: RefinedFits,
  fits: Uint32Array,
  begin: (waiting: WaitingFit, k: number) => Slices<void>,
): Generator<EngineCall> {
  const { likelihood, columns, threads, rowsOf } = all
  const program = likelihood.objective.programs([...columns.keys()]).together(true)
  const runs = new RunEvaluation(program, [...columns.values()], threads)
  let active: FitRefinement[] = []
  let next = 0
  for (;;) {
    for (; active.length < MAX_WAITING && next < fits.length; next++) {
      const waiting = new WaitingFit(fits[next])
      const refined = { waiting, steps: begin(waiting, next) }
      if (resume(refined)) active.push(refined)
    }
    if (active.length === 0) return
    if (active.length <= MAX_DIRECT_RUNS)
      for (const { waiting } of active)
        waiting.evaluation = createEvaluator(likelihood, rowsOf(waiting.fit))(waiting.point as Float64Array)
    else yield* evaluateAll(runs, active, likelihood.inSteps.free.length)
    active = active.filter(resume)
    yield
  }
}

/** Evaluates −2 log L and its derivatives at the points of the waiting fits. */
function evaluateAll(
  runs: RunEvaluation,
  active: readonly FitRefinement[],
  count: number,
): Generator<EngineCall> {
  const fits = Uint32Array.from(active, ({ waiting }) => waiting.fit)
  const x = Array.from({ length: count }, (_, i) =>
    Float64Array.from(active, ({ waiting }) => (waiting.point as Float64Array)[i]),
  )
  return runs.evaluate(fits, x, (points, outputs) => {
    for (let k = 0; k < points.length; k++) {
      const gradient = new Float64Array(count)
      for (let i = 0; i < count; i++) gradient[i] = outputs[1 + i][k]
      const hessian = new Float64Array(outputs.length - 1 - count)
      for (let i = 0; i < hessian.length; i++) hessian[i] = outputs[1 + count + i][k]
      active[points[k]].waiting.evaluation = { value: outputs[0][k], gradient, hessian }
    }
  })
}
