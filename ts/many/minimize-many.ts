import type { Expression } from '../expressions/expression.js'
import type { NamesBeside, Only } from '../expressions/names-of.js'
import type { OwnRule, Rule } from '../rules/definitions.js'
import type { DataByRun, Starts } from './data.js'
import { drive, driveSync } from './drive.js'
import type { MinimizeManyOptions } from './options.js'
import type { ManyResult } from './result.js'
import { Many } from './run.js'

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
  D extends DataByRun = Record<never, never>,
>(
  objective: Expression<Names>,
  starts: S & Only<NamesBeside<Names, D>, S>,
  rule: Rule | OwnRule,
  options: MinimizeManyOptions<D> = {},
): Promise<ManyResult<NamesBeside<Names, D>>> {
  const many = new Many(objective, starts, rule, options)
  const { signal, onProgress } = many.options
  await drive(many.choice, many.calls(), signal, () => {}, onProgress && (() => many.tell()))
  return many.result()
}

/** `minimizeMany` without a promise. */
export function minimizeManySync<
  Names extends string,
  S extends Starts,
  D extends DataByRun = Record<never, never>,
>(
  objective: Expression<Names>,
  starts: S & Only<NamesBeside<Names, D>, S>,
  rule: Rule | OwnRule,
  options: MinimizeManyOptions<D> = {},
): ManyResult<NamesBeside<Names, D>> {
  const many = new Many(objective, starts, rule, options)
  driveSync(many.choice, many.calls())
  return many.result()
}
