/** Options of rules that differ by run. */

import { OptionError } from '../ground/errors.js'
import { isObject, isRecord, numbersIn, ownProperties } from '../ground/given.js'
import { inSlices, type Slices } from '../ground/slices.js'
import type { OwnRule, Rule } from '../rules/definitions.js'
import { type Resolved, resolve } from '../rules/resolve.js'
import type { MinimizeManyOptions } from './options.js'

export interface OptionSet {
  readonly resolved: Resolved
  readonly runs: Uint32Array
}

/**
 * Runs by their options, in order. What is given is read and copied at once, and the runs are sorted in slices.
 *
 * @throws OptionError where options or the rule are wrong; of those that differ by run, the slices do
 */
export function readSets(
  rule: Rule | OwnRule,
  each: MinimizeManyOptions['each'],
  count: number,
): Slices<OptionSet[]> {
  if (each !== undefined && !isRecord(each)) {
    throw new OptionError('each', 'options by name, with a number for each run', each)
  }
  const columns = Object.entries(each ?? {}).map(([name, column]) => {
    const numbers = numbersIn(column)
    if (numbers?.length === count) return [name, numbers] as const
    throw new OptionError(`each: ${name}`, `${count} numbers, as there are runs`, numbers?.length ?? column)
  })
  const given = isObject(rule) ? ownProperties(rule) : rule
  const resolved = (run: number) => {
    const options = Object.fromEntries(columns.map(([name, numbers]) => [name, numbers[run]]))
    const found = resolve(isObject(given) ? { ...given, ...options } : given)
    checkElementwise(found)
    return found
  }
  return columns.length === 0
    ? oneSet(resolved(0), count)
    : sortedSets(
        columns.map(([, numbers]) => numbers),
        count,
        resolved,
      )
}

function* oneSet(resolved: Resolved, count: number): Slices<OptionSet[]> {
  const runs = new Uint32Array(count)
  yield* inSlices(count, (from, to) => {
    for (let run = from; run < to; run++) runs[run] = run
  })
  return [{ resolved, runs }]
}

function* sortedSets(
  columns: readonly Float64Array[],
  count: number,
  resolved: (run: number) => Resolved,
): Slices<OptionSet[]> {
  const numbers = new Map<string, number[]>()
  yield* inSlices(count, (from, to) => {
    for (let run = from; run < to; run++) {
      const key = columns.map((column) => column[run]).join(' ')
      const runs = numbers.get(key)
      if (runs === undefined) numbers.set(key, [run])
      else runs.push(run)
    }
  })
  const sets: OptionSet[] = []
  for (const runs of numbers.values()) {
    sets.push({ resolved: resolved(runs[0]), runs: Uint32Array.from(runs) })
    yield
  }
  return sets
}

function checkElementwise({ rule, definition }: Resolved): void {
  const stages = definition.stages(rule as never)
  const point = definition.point(rule as never)
  if (stages.length !== 1 || stages[0].tensor.length > 0 || point !== undefined) {
    throw new OptionError('rule', 'an elementwise rule of one stage, such as adam()', definition.name)
  }
}
