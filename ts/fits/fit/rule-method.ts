/** Fits by first-order update rules, for the option `method`. */

import { wasmModule } from '#webassembly/many'
import { isRecord } from '../../core/untrusted-input.js'
import { Expression } from '../../expressions/expression.js'
import { type DataColumn, numbersInRun, rowsInRun } from '../../many/batch/data.js'
import type { EngineCall } from '../../many/engines/execute.js'
import { readOptionSets } from '../../many/option-sets.js'
import { ManyRuns } from '../../many/run.js'
import { minimizeReasons } from '../../minimize/reasons.js'
import type { Rule } from '../../rules/definitions.js'
import { lossTerms } from '../problem/loss.js'
import { fitReasons } from '../problem/reasons.js'
import { FitMethod, type MethodRequest } from '../solve/fit-method.js'
import type { StoppedRuns } from '../solve/solver.js'

/** Index of the equivalent fit reason in `fitReasons`, for each index into `minimizeReasons`. */
const reasons = minimizeReasons.map((reason) =>
  // Only runs with constraints are infeasible.
  reason === 'infeasible' ? -1 : fitReasons.indexOf(reason === 'diverged' ? 'not-finite' : reason),
)

class RuleMethod extends FitMethod {
  readonly #rule: Rule

  constructor(rule: Rule) {
    super()
    this.#rule = rule
    Object.freeze(this)
  }

  get module() {
    return wasmModule
  }

  *minimize(request: MethodRequest): Generator<EngineCall, StoppedRuns> {
    const { problem, problemInSteps, runs, data, options } = request
    const { graph, free, fixed, min, max, columns } = problemInSteps
    const objective = new Expression(`the cost of ${problem.text}`, {
      graph,
      root: lossTerms(problemInSteps).cost,
      names: [...free, ...fixed, ...columns],
    })
    const ofRuns = (column: DataColumn) =>
      column.offsets === null ? column.numbers : Array.from(runs, (fit) => numbersInRun(column, fit))
    // Fixed parameters become constant columns.
    const rows = rowsInRun(data[0], runs[0])
    const constants = fixed.map(
      (name, i) => [name, Array.from(request.fixed[i], (x) => new Float64Array(rows).fill(x))] as const,
    )
    const named = columns.map((name, k) => [name, ofRuns(data[k])] as const)
    const starts = Object.fromEntries(free.map((name, i) => [name, request.starts[i]]))
    const settings = {
      ...options,
      data: Object.fromEntries([...named, ...constants]),
      dtype: 'float64',
      bounds: free.map((_, i) => [min[i], max[i]] as const),
    }
    const many = new ManyRuns(objective, starts, this.#rule, settings, wasmModule)
    yield* many.calls()
    const { x, iterations, reason } = many.result()
    return { best: free.map((name) => x[name]), iterations, reason: reason.map((number) => reasons[number]) }
  }
}

/**
 * Lets `fit` and `fitMany` minimize with a first-order update rule instead of Levenberg-Marquardt. The defaults of
 * `tolerance` and `maxIterations` are then the defaults of `minimizeMany`.
 *
 * @param rule a rule that `minimizeMany` accepts, such as `adam({ lr: 0.05 })`
 * @throws OptionError if the value is not a rule, or if `minimizeMany` does not accept the rule
 * @example
 * fit(model, data, { start, method: ruleMethod(adam({ lr: 0.05 })) })
 */
export function ruleMethod(rule: Rule): FitMethod {
  // The rule is copied before the fit, because getters of the rule may return other values later.
  const own = isRecord(rule) ? { ...rule } : rule
  readOptionSets(own, {}, 1)
  return new RuleMethod(own)
}
