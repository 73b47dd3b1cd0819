import type { Expression } from '../expressions/expression.js'
import type { NamesBeside, OnlyNames } from '../expressions/literal-names.js'
import type { CustomRule, Rule } from '../rules/definitions.js'
import type { PerRunData, Starts } from './batch/data.js'
import { execute, executeSync } from './engines/execute.js'
import type { MinimizeManyOptions } from './options.js'
import type { MinimizeManyResult } from './result.js'
import { ManyRuns } from './run.js'

/**
 * `minimize` for many runs at once: the same bits, run by run, on every engine and number of threads. The event
 * loop gets its turn after 50 ms at the latest.
 *
 * @param objective an `expression`
 * @param starts as many as there are runs; copied
 * @param rule one that is elementwise, such as `adam()`
 * @throws (rejects with) OptionError as `minimize` does, before the first update; the signal's reason
 */
export async function minimizeMany<
  Names extends string,
  S extends Starts,
  D extends PerRunData = Record<never, never>,
>(
  objective: Expression<Names>,
  starts: S & OnlyNames<NamesBeside<Names, D>, S>,
  rule: Rule | CustomRule,
  options: MinimizeManyOptions<D> = {},
): Promise<MinimizeManyResult<NamesBeside<Names, D>>> {
  const many = new ManyRuns(objective, starts, rule, options)
  const { signal, onProgress } = many.options
  await execute(many.choice, many.calls(), signal, () => {}, onProgress && (() => many.tell()))
  return many.result()
}

/** `minimizeMany` without a promise. */
export function minimizeManySync<
  Names extends string,
  S extends Starts,
  D extends PerRunData = Record<never, never>,
>(
  objective: Expression<Names>,
  starts: S & OnlyNames<NamesBeside<Names, D>, S>,
  rule: Rule | CustomRule,
  options: MinimizeManyOptions<D> = {},
): MinimizeManyResult<NamesBeside<Names, D>> {
  const many = new ManyRuns(objective, starts, rule, options)
  executeSync(many.choice, many.calls())
  return many.result()
}
