/** Options of rules that differ by run. */

import { OptionError } from '../ground/errors.js'
import { isObject, isRecord, numbersIn, ownProperties } from '../ground/given.js'
import type { OwnRule, Rule } from '../rules/definitions.js'
import { type Resolved, resolve } from '../rules/resolve.js'
import type { MinimizeManyOptions } from './options.js'

export interface OptionSet {
  readonly resolved: Resolved
  readonly runs: Uint32Array
}

/** Runs by their options, in order. */
export function readSets(
  rule: Rule | OwnRule,
  each: MinimizeManyOptions['each'],
  count: number,
): OptionSet[] {
  if (each !== undefined && !isRecord(each)) {
    throw new OptionError('each', 'options by name, with a number for each run', each)
  }
  const columns = Object.entries(each ?? {}).map(([name, column]) => {
    const numbers = numbersIn(column)
    if (numbers?.length === count) return [name, numbers] as const
    throw new OptionError(`each: ${name}`, `${count} numbers, as there are runs`, numbers?.length ?? column)
  })
  const given = isObject(rule) ? ownProperties(rule) : rule
  const sets: OptionSet[] = []
  const resolved = (run: number) => {
    const options = Object.fromEntries(columns.map(([name, numbers]) => [name, numbers[run]]))
    const found = resolve(isObject(given) ? { ...given, ...options } : given)
    checkElementwise(found)
    return found
  }
  if (columns.length === 0) {
    const runs = new Uint32Array(count)
    // A callback would take a tenth of what is not shared by threads.
    for (let run = 0; run < count; run++) runs[run] = run
    return [{ resolved: resolved(0), runs }]
  }
  const numbers = new Map<string, number[]>()
  for (let run = 0; run < count; run++) {
    const key = columns.map(([, column]) => column[run]).join(' ')
    const runs = numbers.get(key)
    if (runs === undefined) numbers.set(key, [run])
    else runs.push(run)
  }
  for (const runs of numbers.values())
    sets.push({ resolved: resolved(runs[0]), runs: Uint32Array.from(runs) })
  return sets
}

function checkElementwise({ rule, definition }: Resolved): void {
  const stages = definition.stages(rule as never)
  const point = definition.point(rule as never)
  if (stages.length !== 1 || stages[0].tensor.length > 0 || point !== undefined) {
    throw new OptionError('rule', 'an elementwise rule of one stage, such as adam()', definition.name)
  }
}
