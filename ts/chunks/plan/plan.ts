/** The types of plans, and a function that reads plans as untrusted input. */

import { HASH } from '../../arena/manifest.js'
import { OptionError } from '../../core/errors.js'
import { version } from '../../core/package.js'
import { listNames } from '../../core/text.js'
import { isRecord, ownProperties, toBoundedArray } from '../../core/untrusted-input.js'
import { type FitsRequest, readFits } from '../../jobs/fits.js'
import { readFitsRequest, readSweepRequest, text } from '../../jobs/request.js'
import { countSets, type SweepRequest } from '../../jobs/sweep.js'
import { choice, flag, integerAtLeast, type Option, option, optional } from '../../options/kinds.js'
import { nestedOptions, readOption, readOptions } from '../../options/read.js'
import type { Format } from '../../tables/format.js'
import { type ColumnRequest, collectColumnNames } from '../../tables/read-csv.js'
import { type BinaryColumn, byteRangesOfRows, DTYPES, rowBytes } from './columns.js'
import { sha256 } from './hash.js'

/** Options for reading the table of the fits. */
export interface PlanTable {
  /** The column that contains the group labels. */
  readonly group: string
  /** Whether rows with invalid or missing numbers are dropped. */
  readonly drop: boolean
  /** Format of a text table; absent for binary columns. */
  readonly format?: Format | undefined
  /** The binary columns that the fits and the groups use; absent for text tables. */
  readonly columns?: readonly BinaryColumn[] | undefined
}

/** The computation. The results of a plan are bit-identical on every machine. */
export type Specification =
  | { readonly kind: 'fits'; readonly asked: FitsRequest; readonly table: PlanTable }
  | { readonly kind: 'sweep'; readonly asked: SweepRequest }

export type FitsSpecification = Extract<Specification, { kind: 'fits' }>

/** A reference to the data of a plan. */
export interface PlanData {
  /** A path relative to the folder of the plan, or a URL. */
  readonly file: string
  readonly bytes: number
  /** Number of bytes before the first row, such as the header of a text table. */
  readonly header: number
  /** Number of rows; only for binary columns. */
  readonly rows?: number | undefined
}

/** A range of groups or option sets. The range begins at the end of the previous chunk. */
export interface PlanChunk {
  /** Index of the first group or option set after this chunk. */
  readonly to: number
  /** End of the chunk's rows in the data, as a byte offset, or as a row index for binary columns. */
  readonly end?: number | undefined
  /** SHA-256 hash of the chunk's data: the header and the chunk's rows, or the chunk's range of each column. */
  readonly sha256?: string | undefined
}

/** The version of the plan format. Plans of other versions are not read. */
export const PLAN_FORMAT = 2

export interface Plan {
  readonly format: typeof PLAN_FORMAT
  /**
   * Version of the package and hash of the kernels' sources. Only a package with the same version and the same hash can
   * compute the plan.
   */
  readonly version: string
  readonly kernels: string
  readonly specification: Specification
  readonly data?: PlanData | undefined
  readonly chunks: readonly PlanChunk[]
}

/** Maximum number of chunks in a plan. */
export const MAX_CHUNKS = 1_000_000

/** Maximum number of data bytes per chunk. A worker holds these bytes in memory. */
export const MAX_PLAN_BYTES = 1 << 28

export const kernelHash = HASH.toString(16).padStart(8, '0')

export const character = option<string, undefined>(
  'a character',
  undefined,
  (x) => typeof x === 'string' && /^[^"\r\n]$/u.test(x),
)
const hashOption = (digits: number) =>
  option<string, undefined>(
    `${digits} hexadecimal digits`,
    undefined,
    (x) => typeof x === 'string' && x.length === digits && /^[\da-f]*$/.test(x),
  )

const tableRequest = {
  group: text(),
  drop: flag(),
  format: optional(
    nestedOptions({
      delimiter: character,
      decimal: choice('.', ','),
      isGrouped: flag(),
      comment: text(),
      isJson: option<true | undefined, undefined>('true', undefined, (x) => x === undefined || x === true),
    }),
  ) as Option<Format | undefined>,
  columns: optional(option<readonly BinaryColumn[], undefined>('a list', undefined, Array.isArray)),
} satisfies Record<keyof PlanTable, Option>

const column = {
  name: text(),
  dtype: option<string, undefined>(`one of ${listNames(DTYPES)}`, undefined, (x) =>
    DTYPES.includes(x as string),
  ),
  from: integerAtLeast(0),
} satisfies Record<keyof BinaryColumn, Option>

const data = {
  file: text(),
  bytes: integerAtLeast(1),
  header: integerAtLeast(0),
  rows: optional(integerAtLeast(1)),
} satisfies Record<keyof PlanData, Option>

const chunk = {
  to: integerAtLeast(1),
  end: optional(integerAtLeast(1)),
  sha256: optional(hashOption(64)),
} satisfies Record<keyof PlanChunk, Option>

const plan = {
  format: option<typeof PLAN_FORMAT, undefined>(
    `${PLAN_FORMAT}, the only version of plans that this release reads`,
    undefined,
    (x) => x === PLAN_FORMAT,
  ),
  version: text(),
  kernels: hashOption(8),
  specification: option<unknown, undefined>('an object', undefined, isRecord),
  data: optional(nestedOptions(data)) as Option<PlanData | undefined>,
  chunks: option<unknown, undefined>('a list', undefined, Array.isArray),
} satisfies Record<keyof Plan, Option>

/**
 * Reads a plan, given as JSON text or as the parsed object, and validates everything except the data.
 *
 * @throws OptionError, ExpressionError if the plan or its specification is invalid
 */
export function readPlan(given: unknown): Plan {
  const all = readOptions('plan', typeof given === 'string' ? parsePlan(given) : given, plan)
  const { format, version, kernels, data: source } = all
  const specification = readSpecification(all.specification)
  if (source && source.header >= source.bytes)
    throw new OptionError(
      'plan: data: header',
      `an integer below ${source.bytes}, the size of the file`,
      source.header,
    )
  if ((specification.kind === 'fits') !== (source !== undefined)) {
    throw new OptionError(
      'plan: data',
      specification.kind === 'fits' ? 'the data of the fits' : 'none',
      source,
    )
  }
  if (specification.kind === 'fits') checkTable(specification, source as PlanData)
  const chunks = readChunks(all.chunks, source, specification)
  checkEnd(chunks[chunks.length - 1], specification, source)
  return Object.freeze({ format, version, kernels, specification, ...(source && { data: source }), chunks })
}

function parsePlan(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw new OptionError('plan', 'JSON', text)
  }
}

function readSpecification(given: unknown): Specification {
  const what = 'plan: specification'
  const { kind, asked, table, ...others } = ownProperties(given as object)
  readOptions(what, others, {}, '{ kind, asked, table }')
  readOption(`${what}: kind`, choice('fits', 'sweep'), kind)
  if (kind === 'fits') {
    const read = readFitsRequest(`${what}: asked`, asked)
    // An invalid request causes one error when the plan is read, instead of an error in every chunk.
    const { columns } = readFits(read)
    return { kind, asked: read, table: readTable(`${what}: table`, table, columns) }
  }
  if (table !== undefined)
    throw new OptionError(`${what}: table`, 'no table, because a sweep has no data', table)
  return { kind: 'sweep', asked: readSweepRequest(`${what}: asked`, asked) }
}

function readTable(what: string, given: unknown, wanted: readonly ColumnRequest[]): PlanTable {
  const { columns: list, ...table } = readOptions(what, given, tableRequest)
  if ((list === undefined) === (table.format === undefined))
    throw new OptionError(what, 'either a text format or an array of columns', given)
  if (list === undefined) return table
  const names = collectColumnNames({ columns: wanted, group: { option: '--group', column: table.group } })
  const columns = (toBoundedArray(list, names.length) ?? []).map((one, k) =>
    readOptions(`${what}: columns[${k}]`, one, column),
  )
  if (columns.length === names.length && columns.every(({ name }, k) => name === names[k]))
    return { ...table, columns }
  throw new OptionError(`${what}: columns`, `the columns of the fits: ${listNames(names)}`, list)
}

/** @throws OptionError if the data are too short for the table that the plan describes */
function checkTable({ table: { columns } }: FitsSpecification, { bytes, header, rows }: PlanData): void {
  if ((columns !== undefined) !== (rows !== undefined))
    throw new OptionError(
      'plan: data: rows',
      columns === undefined ? 'no count of rows for a text format' : 'the number of rows of the columns',
      rows,
    )
  if (columns === undefined || rows === undefined) return
  if (header !== 0) throw new OptionError('plan: data: header', '0, because columns have no header', header)
  if (byteRangesOfRows(columns, 0, rows).some(([, end]) => end > bytes))
    throw new OptionError(
      'plan: data: rows',
      `a count of rows that fits into the ${bytes} bytes of the file`,
      rows,
    )
}

function readChunks(given: unknown, source: PlanData | undefined, specification: Specification): PlanChunk[] {
  const [last, width] = specifiedExtent(specification, source)

  const list = toBoundedArray(given, MAX_CHUNKS)
  if (list === undefined || list.length === 0) {
    throw new OptionError('plan: chunks', `1 to ${MAX_CHUNKS} chunks`, given)
  }
  let [before, begin] = [0, source?.header ?? 0]
  return list.map((one, k) => {
    const what = `plan: chunks[${k}]`
    const { to, end, sha256 } = readOptions(what, one, chunk)
    if (to <= before) throw new OptionError(`${what}: to`, `an integer above ${before}`, to)
    before = to
    if (source === undefined) {
      if (end !== undefined || sha256 !== undefined)
        throw new OptionError(what, 'a chunk without `end` and `sha256`', one)
      return { to }
    }
    if (end === undefined || sha256 === undefined)
      throw new OptionError(what, 'a chunk with `end` and `sha256`', one)
    const most = Math.min(last, begin + Math.floor(MAX_PLAN_BYTES / width))
    if (!(end > begin && end <= most))
      throw new OptionError(`${what}: end`, `an integer above ${begin} and at most ${most}`, end)
    begin = end
    return { to, end, sha256 }
  })
}

/** @throws OptionError if data or option sets remain after the last chunk */
function checkEnd({ to, end }: PlanChunk, specification: Specification, source: PlanData | undefined): void {
  const { kind, asked } = specification
  const [last] = specifiedExtent(specification, source)
  if (source !== undefined && end !== last)
    throw new OptionError('plan: chunks', `a last chunk whose end is ${last}`, end)
  if (kind === 'fits') return
  const sets = countSets(asked)
  if (to !== sets) throw new OptionError('plan: chunks', `a last chunk that ends with option set ${sets}`, to)
}

/** The end of the data, in the unit of the chunks' ends (bytes or rows), and the number of bytes per unit. */
function specifiedExtent(
  specification: Specification,
  source: PlanData | undefined,
): readonly [number, number] {
  if (source === undefined) return [0, 1]
  const columns = specification.kind === 'fits' ? specification.table.columns : undefined
  return columns === undefined ? [source.bytes, 1] : [source.rows as number, rowBytes(columns)]
}

/** The byte ranges of a chunk's data. */
export function chunkBytes(plan: Plan, index: number): readonly (readonly [number, number])[] {
  const { begin, end } = chunkRange(plan, index)
  const { columns } = (plan.specification as FitsSpecification).table
  return columns === undefined
    ? [
        [0, plan.data?.header ?? 0],
        [begin, end],
      ]
    : byteRangesOfRows(columns, begin, end)
}

/**
 * The range of a chunk: its groups or option sets (`from`, `to`), and its bytes or rows in the data after the header
 * (`begin`, `end`).
 */
export function chunkRange({ chunks, data }: Plan, index: number) {
  const before = chunks[index - 1]
  return {
    from: before?.to ?? 0,
    to: chunks[index].to,
    begin: before?.end ?? data?.header ?? 0,
    end: chunks[index].end ?? 0,
  }
}

/**
 * The name of a chunk: the SHA-256 hash of all inputs of the chunk's result. The instruction set, the engine, the
 * number of threads and the location of the data are not inputs.
 */
export function chunkName(plan: Plan, index: number): string {
  const { from, to } = chunkRange(plan, index)
  return sha256(planText(plan), JSON.stringify({ from, to, data: plan.chunks[index].sha256 }))
}

const planTexts = new WeakMap<Plan, string>()

/**
 * The part of the hashed text that all chunks share. `readPlan` has sorted the property names that antigrad defines.
 * User-defined names are not sorted, because the order of these names affects results.
 */
function planText(plan: Plan): string {
  const { version, kernels, specification } = plan
  const known = planTexts.get(plan) ?? JSON.stringify({ version, kernels, specification })
  planTexts.set(plan, known)
  return known
}

/** @throws OptionError if another version of the package made the plan */
export function checkVersion(plan: Plan): void {
  if (plan.version !== version)
    throw new OptionError('plan: version', `the version of this package, ${version}`, plan.version)
  if (plan.kernels !== kernelHash) {
    throw new OptionError(
      'plan: kernels',
      `the hash of this package, ${kernelHash} (other kernels compute other results)`,
      plan.kernels,
    )
  }
}

/** Whether the value is the index of a chunk in the plan. */
export const isIndex = ({ chunks }: Plan, index: unknown): index is number =>
  Number.isInteger(index) && (index as number) >= 0 && (index as number) < chunks.length

/** @throws OptionError if the value is not the index of a chunk in the plan */
export function checkIndex(plan: Plan, index: unknown): asserts index is number {
  const expected = `an integer from 0 to ${plan.chunks.length - 1}`
  readOption(
    'index',
    option(expected, undefined, (x) => isIndex(plan, x)),
    index,
  )
}
