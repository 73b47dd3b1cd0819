/** Runs of a method without lanes, such as `sqp()`, one after the other. */

import type { Expression } from '../expressions/expression.js'
import type { RunsInTurn } from '../methods/in-turn.js'
import { findMethod, isMethod, type Method, unsupported } from '../minimize/method.js'
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
 * @throws OptionError if there are constraints that the method does not support
 */
export function readInTurn(
  rule: Rule | CustomRule | Method,
  objective: Expression,
  { options, data, starts }: InTurnArguments,
): RunsInTurn | null {
  if (!isMethod(rule)) return null
  const { kind } = findMethod(rule)
  if (kind.inTurn === undefined) {
    if (options.constraints === undefined) return null
    throw unsupported(kind.name)
  }
  return kind.inTurn({ ...options, objective, columns: data, numbersInRun, starts })
}
