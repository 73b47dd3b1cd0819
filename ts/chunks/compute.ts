/** A chunk's bytes: the lines that one process would write. */

import { Readable } from 'node:stream'
import { type Request, readCsv } from '../tables/read-csv.js'
import { type Call, type FitsRead, linesOfFits, type Means, readFits } from '../work/fits.js'
import { sweepFrom } from '../work/sweep.js'
import { dataOf, shown } from './data.js'
import { DataError } from './errors.js'
import { type DataOfPlan, type OfFits, type Plan, type Specification, stretchOf } from './plan.js'
import { tableOf } from './read-columns.js'

/** @param file where the data are, if there are some */
export type Compute = (index: number, signal?: AbortSignal) => Promise<Uint8Array>

/** What computes chunks of a plan; what all of them have in common is made once. */
export function computes(plan: Plan, file: string | undefined, means: Means): Compute {
  const { specification } = plan
  const lines =
    specification.kind === 'fits'
      ? linesOfGroups(plan, specification, file ?? (plan.data as DataOfPlan).file, means)
      : linesOfSets(plan, specification, means)
  return async (index, signal) => {
    const all = await lines(index, signal)
    return new TextEncoder().encode(all.map((line) => `${line}\n`).join(''))
  }
}

type Lines = (index: number, signal: AbortSignal | undefined) => Promise<readonly string[]>

function linesOfGroups(plan: Plan, specification: OfFits, file: string, means: Means): Lines {
  const read = readFits(specification.asked)
  return async (index, signal) => {
    const { from, to } = stretchOf(plan, index)
    const parts = await dataOf(plan, index, file)
    const lines = await linesOfBytes(specification, read, shown(file), parts, { ...means, signal })
    if (lines.length === to - from) return lines
    throw new DataError(
      `${shown(file)}: chunk ${index} has ${lines.length} groups, and ${to - from} in the plan`,
    )
  }
}

/**
 * The lines of what is in a table's header and some of its rows, or in parts of its columns.
 *
 * @param name of the file, for people
 */
export async function linesOfBytes(
  { asked, table }: OfFits,
  read: FitsRead,
  name: string,
  parts: readonly Uint8Array[],
  call: Call,
): Promise<string[]> {
  const request: Request = {
    ...{ name, wanted: read.wanted, group: { option: '--group', column: table.group } },
    ...{ delimiter: undefined, decimal: undefined, comment: undefined },
    ...{ ...(table.format && { format: table.format }), drops: table.drop, onProgress: () => {} },
  }
  const { columns, groups } =
    table.columns === undefined
      ? await readCsv(Readable.from(parts), request)
      : await tableOf([parts], table.columns, request)
  return await linesOfFits({ columns, groups }, read, asked, call)
}

function linesOfSets(plan: Plan, { asked }: Extract<Specification, { kind: 'sweep' }>, means: Means): Lines {
  const { run } = sweepFrom(asked, means)
  return async (index, signal) => {
    const { from, to } = stretchOf(plan, index)
    const lines: string[] = []
    for await (const result of run(signal, undefined, from, to)) lines.push(JSON.stringify(result))
    signal?.throwIfAborted()
    return lines
  }
}
