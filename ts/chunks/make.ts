/** Plans are made: where data may be cut, how long things take, and so how many make a chunk. */

import { Readable } from 'node:stream'
import { version } from '../ground/package.js'
import { callback, flag, type Option, oneOf, optional, positive, whole } from '../options/kinds.js'
import { readOptions } from '../options/read.js'
import type { Decimal } from '../tables/format.js'
import { type Request, readCsv, type Table } from '../tables/read-csv.js'
import { type FitsGiven, readFitsAsked, readSweepAsked, type SweepGiven, text } from '../work/asked.js'
import { readFits } from '../work/fits.js'
import { sweepFrom } from '../work/sweep.js'
import { type Column, stretchesOfRows, widthOf } from './columns.js'
import { linesOfBytes } from './compute.js'
import { readPart, shown, streamOf } from './data.js'
import { DataError } from './errors.js'
import { hasher, sha256 } from './hash.js'
import { type ChunkOfPlan, character, kernels, MOST_CHUNKS, type Plan, readPlan } from './plan.js'
import { blocksIn, findColumns, hasColumns, partsOf, tableOf } from './read-columns.js'

export interface PlanSweepOptions {
  /** How long a chunk takes on a core of this machine, about; 5. */
  readonly seconds?: number | undefined
  /** How many groups or sets a chunk has, instead: nothing is measured then. */
  readonly chunkSize?: number | undefined
  /** Called now and then with what is done, and how many. */
  readonly onProgress?: ((what: string, done: number) => void) | undefined
}

export interface PlanFitsOptions extends PlanSweepOptions {
  /** The column by whose labels rows are fitted, each by itself. */
  readonly group: string
  /** Leaves out rows in which a number is missing; false. */
  readonly drop?: boolean | undefined
  /** Between cells; found in the file. */
  readonly delimiter?: string | undefined
  /** Found in the file. */
  readonly decimal?: Decimal | undefined
  /** What lines begin with that are no rows; #. */
  readonly comment?: string | undefined
  /** How the plan names the file; as it is given. */
  readonly name?: string | undefined
}

/** A plan, and what is known of it besides. */
export interface Made {
  readonly plan: Plan
  /** Groups or sets. */
  readonly items: number
  /** Seconds on one core of this machine; undefined where nobody has measured. */
  readonly seconds: number | undefined
}

const sizing = {
  seconds: positive(5),
  chunkSize: optional(whole(1)),
  onProgress: optional(callback<(what: string, done: number) => void>()),
} satisfies Record<keyof PlanSweepOptions, Option>

const planning = {
  ...{ group: text(), drop: flag(false), delimiter: optional(character), name: optional(text()) },
  ...{ decimal: optional(oneOf('.', ',')), comment: optional(text()), ...sizing },
} satisfies Record<keyof PlanFitsOptions, Option>

/** Bytes of a chunk's rows from which on it ends. */
const ENOUGH = 1 << 26

/** Seconds that a measurement takes at least. */
const MEASURED = 0.5

const begun = { ...{ format: 1, version, kernels } }

/**
 * A plan of a sweep, whose chunks are stretches of its sets.
 *
 * @param given what `antigrad sweep` takes, by the names of its options
 * @throws (rejects with) OptionError, ExpressionError, EngineError where the sweep makes no sense or cannot run
 */
export async function planSweep(given: SweepGiven, options: PlanSweepOptions = {}): Promise<Made> {
  const asked = readSweepAsked('asked', given)
  const { seconds, chunkSize: size, onProgress } = readOptions('options', options, sizing)
  const { sets, run } = sweepFrom(asked, { threads: 1 })
  const each =
    size === undefined
      ? await measured(sets, async (count) => {
          onProgress?.('sets measured', count)
          for await (const _ of run(undefined, undefined, 0, count));
          return count
        })
      : undefined
  const most = Math.max(size ?? sizeFor(seconds, each), Math.ceil(sets / MOST_CHUNKS))
  const chunks: ChunkOfPlan[] = []
  for (let to = most; to < sets + most; to += most) chunks.push({ to: Math.min(to, sets) })
  const plan = readPlan({ ...begun, specification: { kind: 'sweep', asked }, chunks })
  return { plan, items: sets, seconds: each && each * sets }
}

/**
 * A plan of the fits of a table, group by group: CSV, NDJSON, or the columns of a safetensors file. It is read twice, and
 * never kept.
 *
 * @param file a path, or an address that gives ranges
 * @param wanted what `antigrad fit` takes, by the names of its options
 * @throws (rejects with) OptionError, ExpressionError; AntigradError where the file is no table, or not one of groups
 */
export async function planFits(
  file: string,
  wanted: FitsGiven,
  options: PlanFitsOptions,
): Promise<Made & { readonly table: Omit<Table, 'columns'> }> {
  const asked = readFitsAsked('asked', wanted)
  const given = readOptions('options', options, planning)
  const { seconds, chunkSize: size, onProgress, name: named = file } = given
  const read = readFits(asked)
  // Of each group, bytes (of columns: rows) before its first row and before its last.
  const firsts: number[] = []
  const lasts: number[] = []
  let bytes = 0
  async function* counted() {
    for await (const part of (await streamOf(file)) as AsyncIterable<Buffer>) {
      bytes += part.length
      yield part
    }
  }
  const request: Request = {
    ...{ name: shown(file), wanted: read.wanted, group: { option: '--group', column: given.group } },
    ...{ delimiter: given.delimiter, decimal: given.decimal, comment: given.comment, drops: given.drop },
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
      : await tableOf(blocksIn(file, source), source.columns, request)
  const { format, groups } = found
  if (groups.length === 0) throw new DataError(`${shown(file)}: no row is left to be fitted`)
  const how = source === undefined ? { format } : { columns: source.columns }
  const table = { group: given.group, drop: given.drop, ...how }
  const header = source === undefined ? firsts[0] : 0
  // Where a chunk may begin: no row of a group before it comes later.
  const borders: Border[] = []
  let last = 0
  for (const [k, first] of firsts.entries()) {
    if (k > 0 && last < first) borders.push({ to: k, end: first })
    last = Math.max(last, lasts[k])
  }
  borders.push({ to: groups.length, end: source?.rows ?? bytes })
  const data =
    source === undefined
      ? { file: named, bytes, header }
      : { file: named, bytes: source.bytes, header, rows: source.rows }
  const stretches = (begin: number, end: number) =>
    source === undefined
      ? ([
          [0, header],
          [begin, end],
        ] as const)
      : stretchesOfRows(source.columns, begin, end)
  const draft = (chunks: readonly ChunkOfPlan[]) => ({
    ...begun,
    specification: { kind: 'fits', asked, table },
    data,
    chunks,
  })
  const each =
    size === undefined
      ? await measured(groups.length, async (count) => {
          const { to, end } = borders.find(({ to }) => to >= count) as Border
          onProgress?.('groups measured', to)
          const parts = await partsOf(file, stretches(header, end))
          await linesOfBytes({ kind: 'fits', asked, table }, read, shown(file), parts, { threads: 1 })
          return to
        })
      : undefined
  const most = Math.max(size ?? sizeFor(seconds, each), Math.ceil(groups.length / MOST_CHUNKS))
  const cut = cutAt(borders, most, header, source === undefined ? ENOUGH : ENOUGH / widthOf(source.columns))
  const chunks =
    source === undefined ? await hashed(file, header, cut) : await hashedColumns(file, source.columns, cut)
  const plan = readPlan(draft(chunks))
  return { plan, items: groups.length, seconds: each && each * groups.length, table: found }
}

/** @param each seconds of one */
function sizeFor(seconds: number, each: number | undefined): number {
  return Math.max(1, Math.floor(seconds / (each as number)))
}

/** Seconds of one, by runs of more and more, of which the first ones also compile. */
async function measured(all: number, run: (count: number) => Promise<number>): Promise<number> {
  for (let count = 1; ; ) {
    const began = performance.now()
    const done = await run(count)
    const seconds = (performance.now() - began) / 1000
    if (seconds >= MEASURED || done >= all) return Math.max(seconds, 1e-6) / done
    count = Math.min(
      all,
      Math.max(done + 1, Math.ceil(done * Math.min(8, (1.5 * MEASURED) / Math.max(seconds, 1e-6)))),
    )
  }
}

type Border = Pick<ChunkOfPlan, 'to'> & { readonly end: number }

/** Borders at which chunks end: at the first one from which on there is enough. */
function cutAt(borders: readonly Border[], most: number, header: number, enough: number): Border[] {
  const cut: Border[] = []
  let [from, begin] = [0, header]
  for (const [k, { to, end }] of borders.entries()) {
    if (k < borders.length - 1 && to - from < most && end - begin < enough) continue
    cut.push({ to, end })
    ;[from, begin] = [to, end]
  }
  return cut
}

/** The same of columns. */
async function hashedColumns(
  file: string,
  columns: readonly Column[],
  cut: readonly Border[],
): Promise<ChunkOfPlan[]> {
  const chunks: ChunkOfPlan[] = []
  let begin = 0
  for (const { to, end } of cut) {
    chunks.push({ to, end, sha256: sha256(...(await partsOf(file, stretchesOfRows(columns, begin, end)))) })
    begin = end
  }
  return chunks
}

/** Chunks with the hashes of their bytes; the file is read once more. */
async function hashed(file: string, header: number, cut: readonly Border[]): Promise<ChunkOfPlan[]> {
  const chunks: ChunkOfPlan[] = []
  const head = await readPart(file, 0, header)
  let hash = hasher(head)
  let at = 0
  for await (const part of (await streamOf(file)) as AsyncIterable<Buffer>) {
    for (let from = Math.max(0, header - at); from < part.length && chunks.length < cut.length; ) {
      const { to, end } = cut[chunks.length]
      const until = Math.min(part.length, end - at)
      hash.update(part.subarray(from, until))
      from = until
      if (at + until < end) continue
      chunks.push({ to, end, sha256: hash.digest('hex') })
      hash = hasher(head)
    }
    at += part.length
  }
  if (chunks.length < cut.length) throw new DataError(`${shown(file)} has become shorter while it was read`)
  return chunks
}
