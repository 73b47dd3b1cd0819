/** Computes the bytes of a chunk: the lines that a single process would print for this chunk. */

import { Readable } from 'node:stream'
import {
  type ExecutionOptions,
  type FitCallOptions,
  fitsAsJsonLines,
  type ResolvedFits,
  readFits,
} from '../../jobs/fits.js'
import { startSweep } from '../../jobs/sweep.js'
import { readCsv, type TableRequest } from '../../tables/read-csv.js'
import { displayName, readChunkData } from './data.js'
import { DataError } from './errors.js'
import { chunkRange, type FitsSpecification, type Plan, type PlanData, type Specification } from './plan.js'
import { toTable } from './read-columns.js'

/** Computes the result of the chunk with the given index. */
export type Compute = (index: number, signal?: AbortSignal) => Promise<Uint8Array>

/**
 * Makes a function that computes the chunks of a plan. All chunks share the work that does not depend on a chunk.
 *
 * @param file location of the data, if the plan refers to data
 */
export function createCompute(plan: Plan, file: string | undefined, execution: ExecutionOptions): Compute {
  const { specification } = plan
  const lines =
    specification.kind === 'fits'
      ? groupLines(plan, specification, file ?? (plan.data as PlanData).file, execution)
      : sweepLines(plan, specification, execution)
  return async (index, signal) => {
    const all = await lines(index, signal)
    return new TextEncoder().encode(all.map((line) => `${line}\n`).join(''))
  }
}

type Lines = (index: number, signal: AbortSignal | undefined) => Promise<readonly string[]>

function groupLines(
  plan: Plan,
  specification: FitsSpecification,
  file: string,
  means: ExecutionOptions,
): Lines {
  const read = readFits(specification.asked)
  return async (index, signal) => {
    const { from, to } = chunkRange(plan, index)
    const parts = await readChunkData(plan, index, file)
    const lines = await fitLines(specification, read, displayName(file), parts, { ...means, signal })
    if (lines.length === to - from) return lines
    throw new DataError(
      `${displayName(file)}: chunk ${index} has ${lines.length} groups, but the plan states ${to - from} groups`,
    )
  }
}

/**
 * Fits the groups in one chunk of a table. The chunk consists of a header and consecutive rows, or of parts of columns.
 * The result contains one line per group.
 *
 * @param name name of the data file in messages
 */
export async function fitLines(
  { asked, table }: FitsSpecification,
  read: ResolvedFits,
  name: string,
  parts: readonly Uint8Array[],
  call: FitCallOptions,
): Promise<string[]> {
  const request: TableRequest = {
    name,
    columns: read.columns,
    group: { option: '--group', column: table.group },
    delimiter: undefined,
    decimal: undefined,
    comment: undefined,
    ...(table.format && { format: table.format }),
    dropsInvalid: table.drop,
    onProgress: () => {},
  }
  const { columns, groups } =
    table.columns === undefined
      ? await readCsv(Readable.from(parts), request)
      : await toTable([parts], table.columns, request)
  return await fitsAsJsonLines({ columns, groups }, read, asked, call)
}

function sweepLines(
  plan: Plan,
  { asked }: Extract<Specification, { kind: 'sweep' }>,
  means: ExecutionOptions,
): Lines {
  const { run } = startSweep(asked, means)
  return async (index, signal) => {
    const { from, to } = chunkRange(plan, index)
    const lines: string[] = []
    for await (const result of run(signal, undefined, from, to)) lines.push(JSON.stringify(result))
    signal?.throwIfAborted()
    return lines
  }
}
