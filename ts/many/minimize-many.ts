/**
 * Minimizes one expression in many independent runs at once. Runs may differ in their starting points, bounds, rule
 * options and data. Typical uses are multi-start searches, sweeps over learning rates, and fits of many small data
 * sets. `antigrad/fit` uses the same batches and engines for its own programs.
 *
 * 1. The expression is compiled to two programs: one for its value and one for its gradient (ts/expressions).
 *    `ManyRuns` (run.ts) reads and copies all arguments.
 * 2. Runs with the same options of the rule or method (option-sets.ts) and the same count of data rows form batches. A batch is one
 *    block of memory, divided into cohorts. A cohort has one lane per run (batch/). Each array holds one quantity of
 *    all lanes, so that one vector instruction updates several runs.
 * 3. Each engine call advances a batch by up to 256 updates (engines/). The native engine distributes the cohorts of a
 *    batch over threads. The WebAssembly engine distributes the cohorts over workers if `workers()` is set. The
 *    TypeScript engine is the readable reference. All engines perform the same operations in the same order, so the
 *    results are bit-identical.
 * 4. A run ends by the same criteria as a call of `minimize`. When a run ends, its results are stored, and the last
 *    lane of the cohort moves into the free lane.
 * 5. Between engine calls, the event loop gets a turn, progress is reported, and points are recorded (paths.ts).
 *
 * The result consists of columns: one array per quantity, with one element per run.
 *
 * @example
 * const f = expression('(1 - x)^2 + 100*(y - x^2)^2')
 * const starts = { x: [-1.5, 0, 2], y: [2, -1, 1] }
 * const { x, iterations, reason } = await minimizeMany(f, starts, adam({ lr: 1e-2 }))
 * x.y[0] // the y of the first run's end point, close to 1
 * minimizeReasons[reason[0]] // 'converged'
 */

import type { Expression } from '../expressions/expression.js'
import type { NamesBeside, OnlyNames } from '../expressions/literal-names.js'
import type { ConstrainedMethod } from '../minimize/constraints.js'
import type { Method } from '../minimize/method.js'
import type { CustomRule, Rule } from '../rules/definitions.js'
import type { PerRunData, Starts } from './batch/data.js'
import { execute, executeSync } from './engines/execute.js'
import type { ConstrainedManyOptions, MinimizeManyOptions } from './options.js'
import type { ConstrainedManyResult, MinimizeManyResult } from './result.js'
import { ManyRuns } from './run.js'
import { wasmModule } from './wasm-module.js'

/** The names of the columns of starts. */
type NamesOfStarts<S> = S extends ArrayLike<number | ArrayLike<number>> ? never : keyof S & string

/**
 * Minimizes an expression in many runs at once. Each run has bit-identical results on every engine and with any number
 * of threads. The event loop is blocked for at most 50 ms at a time.
 *
 * @param objective an `expression`
 * @param starts starting points, one per run; copied
 * @param rule an elementwise update rule such as `adam()`, or a method such as `lbfgs()`, which computes in float64 and
 * accepts no `clip`. The method `sqp()` takes `constraints`, and runs in TypeScript.
 * @throws (rejects with) OptionError like `minimize`, before the first update; the signal's reason
 */
export function minimizeMany<
  Names extends string,
  S extends Starts,
  D extends PerRunData = Record<never, never>,
>(
  objective: Expression<Names>,
  starts: S,
  method: ConstrainedMethod,
  options?: ConstrainedManyOptions<D>,
): Promise<ConstrainedManyResult<NamesBeside<Names, D> | NamesOfStarts<S>>>
export function minimizeMany<
  Names extends string,
  S extends Starts,
  D extends PerRunData = Record<never, never>,
>(
  objective: Expression<Names>,
  starts: S & OnlyNames<NamesBeside<Names, D>, S>,
  rule: Rule | CustomRule | Method,
  options?: MinimizeManyOptions<D>,
): Promise<MinimizeManyResult<NamesBeside<Names, D>>>
export async function minimizeMany(
  objective: Expression,
  starts: Starts,
  rule: Rule | CustomRule | Method,
  options: ConstrainedManyOptions & MinimizeManyOptions = {},
): Promise<MinimizeManyResult> {
  const many = new ManyRuns(objective, starts, rule, options, wasmModule)
  const { signal, onProgress } = many.options
  await execute(many.choice, many.calls(), signal, () => {}, onProgress && (() => many.tell()))
  return many.result()
}

/** Synchronous version of `minimizeMany`. */
export function minimizeManySync<
  Names extends string,
  S extends Starts,
  D extends PerRunData = Record<never, never>,
>(
  objective: Expression<Names>,
  starts: S,
  method: ConstrainedMethod,
  options?: ConstrainedManyOptions<D>,
): ConstrainedManyResult<NamesBeside<Names, D> | NamesOfStarts<S>>
export function minimizeManySync<
  Names extends string,
  S extends Starts,
  D extends PerRunData = Record<never, never>,
>(
  objective: Expression<Names>,
  starts: S & OnlyNames<NamesBeside<Names, D>, S>,
  rule: Rule | CustomRule | Method,
  options?: MinimizeManyOptions<D>,
): MinimizeManyResult<NamesBeside<Names, D>>
export function minimizeManySync(
  objective: Expression,
  starts: Starts,
  rule: Rule | CustomRule | Method,
  options: ConstrainedManyOptions & MinimizeManyOptions = {},
): MinimizeManyResult {
  const many = new ManyRuns(objective, starts, rule, options, wasmModule)
  executeSync(many.choice, many.calls())
  return many.result()
}
