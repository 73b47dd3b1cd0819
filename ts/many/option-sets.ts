/** Options of rules and methods that differ between runs. */

import { OptionError } from '../core/errors.js'
import { type Slices, visitInSlices } from '../core/slices.js'
import { isObject, isRecord, ownProperties, toFloat64Array } from '../core/untrusted-input.js'
import type { Method } from '../minimize/method.js'
import type { CustomRule, Rule } from '../rules/definitions.js'
import { type ResolvedRule, resolve } from '../rules/resolve.js'
import type { MinimizeManyOptions } from './options.js'

export interface OptionSet<T = ResolvedRule> {
  readonly resolved: T
  readonly runs: Uint32Array
}

/** Groups of runs, and the resolved options of run 0. */
interface OptionSets<T> {
  readonly first: T
  readonly sets: Slices<OptionSet<T>[]>
}

/**
 * Groups the runs by their rule options, in order. The arguments are read and copied at once; the runs are sorted in
 * slices.
 *
 * @throws OptionError if the options or the rule are invalid. An invalid rule option of a run after run 0 throws its
 * OptionError while the runs are sorted.
 */
export function readOptionSets(
  rule: Rule | CustomRule,
  perRun: MinimizeManyOptions['perRun'],
  count: number,
): Slices<OptionSet[]> {
  return readSets(rule, perRun, count, resolveElementwise).sets
}

/**
 * Groups the runs by the options of a rule or of a method, as {@link readOptionSets}.
 *
 * @param resolve validates a description with the options of a run
 */
export function readSets<T>(
  rule: Rule | CustomRule | Method,
  perRun: MinimizeManyOptions['perRun'],
  count: number,
  resolve: (given: never) => T,
): OptionSets<T> {
  if (perRun !== undefined && !isRecord(perRun)) {
    throw new OptionError('perRun', 'an object that contains an array of numbers per option', perRun)
  }
  const columns = Object.entries(perRun ?? {}).map(([name, column]) => {
    const numbers = toFloat64Array(column)
    if (numbers?.length === count) return [name, numbers] as const
    throw new OptionError(`perRun: ${name}`, `${count} numbers, one per run`, numbers?.length ?? column)
  })
  const given = isObject(rule) ? ownProperties(rule) : rule
  const resolved = (run: number) => {
    const options = Object.fromEntries(columns.map(([name, numbers]) => [name, numbers[run]]))
    return resolve((isObject(given) ? { ...given, ...options } : given) as never)
  }
  const first = resolved(0)
  const numbers = columns.map(([, column]) => column)
  return { first, sets: numbers.length === 0 ? oneSet(first, count) : sortedSets(numbers, count, resolved) }
}

function* oneSet<T>(resolved: T, count: number): Slices<OptionSet<T>[]> {
  return [{ resolved, runs: yield* listRuns(count) }]
}

/** The indices of all runs. */
export function* listRuns(count: number): Slices<Uint32Array> {
  const runs = new Uint32Array(count)
  yield* visitInSlices(count, (from, to) => {
    for (let run = from; run < to; run++) runs[run] = run
  })
  return runs
}

function* sortedSets<T>(
  columns: readonly Float64Array[],
  count: number,
  resolved: (run: number) => T,
): Slices<OptionSet<T>[]> {
  const numbers = new Map<string, number[]>()
  yield* visitInSlices(count, (from, to) => {
    for (let run = from; run < to; run++) {
      const key = columns.map((column) => column[run]).join(' ')
      const runs = numbers.get(key)
      if (runs === undefined) numbers.set(key, [run])
      else runs.push(run)
    }
  })
  const sets: OptionSet<T>[] = []
  for (const runs of numbers.values()) {
    sets.push({ resolved: resolved(runs[0]), runs: Uint32Array.from(runs) })
    yield
  }
  return sets
}

/** Whether a batch supports the rule: it must be elementwise and have one stage. */
export function isElementwise({ rule, definition }: ResolvedRule): boolean {
  const stages = definition.stages(rule as never)
  return stages.length === 1 && stages[0].tensor.length === 0 && definition.point(rule as never) === undefined
}

function resolveElementwise(given: Rule | CustomRule): ResolvedRule {
  const resolved = resolve(given)
  if (isElementwise(resolved)) return resolved
  throw new OptionError('rule', 'an elementwise rule of one stage, such as adam()', resolved.definition.name)
}
