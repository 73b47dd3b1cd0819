/** Builds plans: finds positions where the data can be cut, measures the computing time, and chooses the chunk size. */

import { Readable } from 'node:stream'
import { version } from '../../core/package.js'
import { readFits } from '../../jobs/fits.js'
import {
  type FitsRequestInput,
  readFitsRequest,
  readSweepRequest,
  type SweepRequestInput,
  text,
} from '../../jobs/request.js'
import { startSweep } from '../../jobs/sweep.js'
import {
  callback,
  choice,
  flag,
  integerAtLeast,
  type Option,
  optional,
  positive,
} from '../../options/kinds.js'
import { readOptions } from '../../options/read.js'
import type { Decimal } from '../../tables/format.js'
import { readCsv, type Table, type TableRequest } from '../../tables/read-csv.js'
import { type BinaryColumn, byteRangesOfRows, rowBytes } from './columns.js'
import { fitLines } from './compute.js'
import { displayName, openStream, readPart } from './data.js'
import { DataError } from './errors.js'
import { createHasher, sha256 } from './hash.js'
import {
  character,
  kernelHash,
  MAX_CHUNKS,
  PLAN_FORMAT,
  type Plan,
  type PlanChunk,
  readPlan,
} from './plan.js'
import { findColumns, hasColumns, readBlocks, readRanges, toTable } from './read-columns.js'

export interface PlanSweepOptions {
  /** Approximate computing time of a chunk on one core of this machine, in seconds. Default 5. */
  readonly chunkSeconds?: number | undefined
  /**
   * Number of groups or option sets per chunk. If this number is set, `chunkSeconds` is ignored and no time is
   * measured.
   */
  readonly chunkSize?: number | undefined
  /**
   * Progress callback. The arguments are the name of the items (such as rows) and the count of processed items.
   */
  readonly onProgress?: ((what: string, done: number) => void) | undefined
}

export interface PlanFitsOptions extends PlanSweepOptions {
  /** The column that contains the group labels. Each group is fitted separately. */
  readonly group: string
  /** Whether rows with invalid or missing numbers are dropped. Default false. */
  readonly dropInvalid?: boolean | undefined
  /** Field delimiter. Default: detected. */
  readonly delimiter?: string | undefined
  /** Decimal sign. Default: detected. */
  readonly decimal?: Decimal | undefined
  /** Comment prefix: lines that begin with this prefix are skipped. Default `#`. */
  readonly comment?: string | undefined
  /** Name of the data file in the plan. By default the plan contains the `file` argument. */
  readonly name?: string | undefined
}

/** A plan, with the number of its items and its estimated computing time. */
export interface PlannedWork {
  readonly plan: Plan
  /** Number of groups or option sets. */
  readonly items: number
  /** Estimated computing time on one core of this machine, in seconds; undefined if no time was measured. */
  readonly seconds: number | undefined
}

const sizeOptions = {
  chunkSeconds: positive(5),
  chunkSize: optional(integerAtLeast(1)),
  onProgress: optional(callback<(what: string, done: number) => void>()),
} satisfies Record<keyof PlanSweepOptions, Option>

const planOptions = {
  group: text(),
  dropInvalid: flag(false),
  delimiter: optional(character),
  name: optional(text()),
  decimal: optional(choice('.', ',')),
  comment: optional(text()),
  ...sizeOptions,
} satisfies Record<keyof PlanFitsOptions, Option>

/** Number of bytes after which a chunk with few items ends. */
const MAX_COLUMN_BYTES = 1 << 26

/** Minimum duration of a time measurement. */
const MIN_MEASURED_SECONDS = 0.5

const begun = { format: PLAN_FORMAT, version, kernels: kernelHash }

/**
 * Plans a sweep over option sets. Each chunk is a range of consecutive option sets.
 *
 * @param given the options of `antigrad sweep`, by their names
 * @throws (rejects with) OptionError, ExpressionError if the sweep is invalid; EngineError if no engine can run the
 * sweep
 */
export async function planSweep(
  given: SweepRequestInput,
  options: PlanSweepOptions = {},
): Promise<PlannedWork> {
  const asked = readSweepRequest('asked', given)
  const { chunkSeconds, chunkSize: size, onProgress } = readOptions('options', options, sizeOptions)
  const { sets, run } = startSweep(asked, { threads: 1 })
  const each =
    size === undefined
      ? await measureSeconds(sets, async (count) => {
          onProgress?.('sets measured', count)
          for await (const _ of run(undefined, undefined, 0, count));
          return count
        })
      : undefined
  const most = Math.max(size ?? chunkSizeFor(chunkSeconds, each), Math.ceil(sets / MAX_CHUNKS))
  const chunks: PlanChunk[] = []
  for (let to = most; to < sets + most; to += most) chunks.push({ to: Math.min(to, sets) })
  const plan = readPlan({ ...begun, specification: { kind: 'sweep', asked }, chunks })
  return { plan, items: sets, seconds: each && each * sets }
}

/**
 * Plans the fits of a table (CSV, NDJSON, or the columns of a safetensors file), one fit per group. The file is read
 * twice and never held in memory.
 *
 * @param file a path, or a URL that supports range requests
 * @param wanted the options of `antigrad fit`, by their names
 * @throws (rejects with) OptionError, ExpressionError; AntigradError if the file is not a table with the columns of the
 * fits and of the groups
 */
export async function planFits(
  file: string,
  wanted: FitsRequestInput,
  options: PlanFitsOptions,
): Promise<PlannedWork & { readonly table: Omit<Table, 'columns'> }> {
  const asked = readFitsRequest('asked', wanted)
  const given = readOptions('options', options, planOptions)
  const { chunkSeconds, chunkSize: size, onProgress, name: named = file } = given
  const read = readFits(asked)
  const { found, source, bytes, header, boundaries } = await scanTable(file, read.columns, given)
  const { format, groups } = found
  const how = source === undefined ? { format } : { columns: source.columns }
  const table = { group: given.group, drop: given.dropInvalid, ...how }
  const specification = { kind: 'fits', asked, table } as const
  const stretches = (begin: number, end: number) =>
    source === undefined
      ? ([
          [0, header],
          [begin, end],
        ] as const)
      : byteRangesOfRows(source.columns, begin, end)
  const each =
    size === undefined
      ? await measureSeconds(groups.length, async (count) => {
          const { to, end } = boundaries.find(({ to }) => to >= count) as ChunkBoundary
          onProgress?.('groups measured', to)
          const parts = await readRanges(file, stretches(header, end))
          await fitLines(specification, read, displayName(file), parts, { threads: 1 })
          return to
        })
      : undefined
  const most = Math.max(size ?? chunkSizeFor(chunkSeconds, each), Math.ceil(groups.length / MAX_CHUNKS))
  const enough = source === undefined ? MAX_COLUMN_BYTES : MAX_COLUMN_BYTES / rowBytes(source.columns)
  const cut = cutIntoChunks(boundaries, most, header, enough)
  const chunks =
    source === undefined
      ? await hashChunks(file, header, cut)
      : await hashColumnChunks(file, source.columns, cut)
  const data = { file: named, bytes, header, ...(source !== undefined && { rows: source.rows }) }
  const plan = readPlan({ ...begun, specification, data, chunks })
  return { plan, items: groups.length, seconds: each && each * groups.length, table: found }
}

/** The result of the first pass over a table, which locates the groups of the table. */
interface TableScan {
  readonly found: Table
  /** The columns of a safetensors file; undefined for a text file. */
  readonly source: Awaited<ReturnType<typeof findColumns>> | undefined
  readonly bytes: number
  /** Number of bytes before the first row of a text file. */
  readonly header: number
  readonly boundaries: readonly ChunkBoundary[]
}

async function scanTable(
  file: string,
  columns: TableRequest['columns'],
  {
    group,
    delimiter,
    decimal,
    comment,
    dropInvalid,
    onProgress,
  }: Pick<PlanFitsOptions, 'group' | 'delimiter' | 'decimal' | 'comment' | 'onProgress'> & {
    readonly dropInvalid: boolean
  },
): Promise<TableScan> {
  // Offsets of each group's first and last row: in bytes for text, in rows for binary columns.
  const firsts: number[] = []
  const lasts: number[] = []
  let bytes = 0
  async function* counted() {
    for await (const part of (await openStream(file)) as AsyncIterable<Buffer>) {
      bytes += part.length
      yield part
    }
  }
  const request: TableRequest = {
    name: displayName(file),
    columns,
    group: { option: '--group', column: group },
    delimiter,
    decimal,
    comment,
    dropsInvalid: dropInvalid,
    onProgress: (rows) => onProgress?.('rows read', rows),
    onRow(group, begin) {
      if (group === firsts.length) firsts.push(begin)
      lasts[group] = begin
    },
  }
  const source = hasColumns(file) ? await findColumns(file, request) : undefined
  const found =
    source === undefined
      ? await readCsv(Readable.from(counted()), request)
      : await toTable(readBlocks(file, source), source.columns, request)
  const count = found.groups.length
  if (count === 0) throw new DataError(`${displayName(file)}: no rows are left to fit`)
  const boundaries = findBoundaries(firsts, lasts, { to: count, end: source?.rows ?? bytes })
  return { found, source, bytes: source?.bytes ?? bytes, header: source ? 0 : firsts[0], boundaries }
}

/** The boundaries at which the table can be cut: no group has rows on both sides of a boundary. */
function findBoundaries(
  firsts: readonly number[],
  lasts: readonly number[],
  end: ChunkBoundary,
): ChunkBoundary[] {
  const boundaries: ChunkBoundary[] = []
  let last = 0
  for (const [k, first] of firsts.entries()) {
    if (k > 0 && last < first) boundaries.push({ to: k, end: first })
    last = Math.max(last, lasts[k])
  }
  return [...boundaries, end]
}

/** @param each seconds per item */
function chunkSizeFor(seconds: number, each: number | undefined): number {
  return Math.max(1, Math.floor(seconds / (each as number)))
}

/** Measures the seconds per item with more items in each run, because the first runs include compilation. */
async function measureSeconds(all: number, run: (count: number) => Promise<number>): Promise<number> {
  for (let count = 1; ; ) {
    const began = performance.now()
    const done = await run(count)
    const seconds = (performance.now() - began) / 1000
    if (seconds >= MIN_MEASURED_SECONDS || done >= all) return Math.max(seconds, 1e-6) / done
    count = Math.min(
      all,
      Math.max(
        done + 1,
        Math.ceil(done * Math.min(8, (1.5 * MIN_MEASURED_SECONDS) / Math.max(seconds, 1e-6))),
      ),
    )
  }
}

type ChunkBoundary = Pick<PlanChunk, 'to'> & { readonly end: number }

/**
 * Chooses the boundaries at which chunks end. A chunk ends at the first boundary after it has received enough items or
 * bytes.
 */
function cutIntoChunks(
  borders: readonly ChunkBoundary[],
  most: number,
  header: number,
  enough: number,
): ChunkBoundary[] {
  const cut: ChunkBoundary[] = []
  let [from, begin] = [0, header]
  for (const [k, { to, end }] of borders.entries()) {
    if (k < borders.length - 1 && to - from < most && end - begin < enough) continue
    cut.push({ to, end })
    ;[from, begin] = [to, end]
  }
  return cut
}

/** Builds the chunks of binary columns, with the hash of each chunk's bytes. */
async function hashColumnChunks(
  file: string,
  columns: readonly BinaryColumn[],
  cut: readonly ChunkBoundary[],
): Promise<PlanChunk[]> {
  const chunks: PlanChunk[] = []
  let begin = 0
  for (const { to, end } of cut) {
    chunks.push({
      to,
      end,
      sha256: sha256(...(await readRanges(file, byteRangesOfRows(columns, begin, end)))),
    })
    begin = end
  }
  return chunks
}

/**
 * Builds the chunks of a text file, with the hash of each chunk's bytes. The hashes are computed in a second pass over
 * the file.
 */
async function hashChunks(file: string, header: number, cut: readonly ChunkBoundary[]): Promise<PlanChunk[]> {
  const chunks: PlanChunk[] = []
  const head = await readPart(file, 0, header)
  let hash = createHasher(head)
  let at = 0
  for await (const part of (await openStream(file)) as AsyncIterable<Buffer>) {
    for (let from = Math.max(0, header - at); from < part.length && chunks.length < cut.length; ) {
      const { to, end } = cut[chunks.length]
      const until = Math.min(part.length, end - at)
      hash.update(part.subarray(from, until))
      from = until
      if (at + until < end) continue
      chunks.push({ to, end, sha256: hash.digest('hex') })
      hash = createHasher(head)
    }
    at += part.length
  }
  if (chunks.length < cut.length) throw new DataError(`${displayName(file)} became shorter during reading`)
  return chunks
}
