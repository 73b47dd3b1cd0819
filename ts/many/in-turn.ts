/** Runs of a method without lanes, such as `sqp()`, one after the other. */

import type { Expression } from '../expressions/expression.js'
import type { RunsInTurn } from '../minimize/in-turn.js'
import { findMethod, isMethod, type Method, unsupported } from '../minimize/method.js'
import type { TwiceDifferentiable } from '../objectives/objective.js'
import type { CustomRule, Rule } from '../rules/definitions.js'
import { type DataColumn, numbersInRun, type Starts } from './batch/data.js'
import type { ManyValues } from './options.js'

interface InTurnArguments {
  readonly options: ManyValues
  readonly data: ReadonlyMap<string, DataColumn>
  readonly starts: Starts
}

/**
 * Reads the arguments of a method without lanes; null for other methods and for rules.
 *
 * @throws OptionError if there are constraints that the method or rule does not support
 */
export function readInTurn(
  rule: Rule | CustomRule | Method,
  objective: Expression,
  { options, data, starts }: InTurnArguments,
): { readonly runs: RunsInTurn } | null {
  const kind = isMethod(rule) ? findMethod(rule).kind : undefined
  const { constraints, tolerance, maxIterations } = options
  if (kind?.inTurn === undefined) {
    if (constraints !== undefined)
      throw unsupported(kind?.name ?? (rule as Rule | undefined)?.name ?? 'a rule')
    return null
  }
  const names = objective.programs([...data.keys()]).parameters
  const bind = bindData(objective, data)
  return { runs: kind.inTurn({ bind, names, constraints, starts, tolerance, maxIterations }) }
}

/** The objective with the data of a run. */
function bindData(
  objective: Expression,
  data: ReadonlyMap<string, DataColumn>,
): (run: number) => TwiceDifferentiable {
  if (data.size === 0) return () => objective
  const inRun = (run: number) =>
    Object.fromEntries([...data].map(([name, column]) => [name, numbersInRun(column, run)]))
  const bound = objective.with(inRun(0))
  if ([...data.values()].every(({ offsets }) => offsets === null)) return () => bound
  const columns = objective.names.flatMap((name) => data.get(name) ?? [])
  return (run) => {
    bound.replaceData(columns.map((column) => numbersInRun(column, run)))
    return bound
  }
}
