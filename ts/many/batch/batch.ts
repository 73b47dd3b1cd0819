/** Memory of a batch of runs, in the layout of crates/kernels/src/many/layout.rs. */

import type { Kernel } from '../../arena/kernel.js'
import {
  BATCH,
  BATCH_OUTCOME,
  BATCH_SETTINGS,
  BATCH_SHORT,
  BLOCK_OF_RUNS,
  COUNTS,
  GAP_OF_RUNS,
  HASH,
  INSTRUCTION,
  LINE,
  LOOP,
  NO_KERNEL,
  PIECES,
  PIPELINE,
  STEP_OF_RUNS,
} from '../../arena/manifest.js'
import { allocateAlone, type Region } from '../../arena/memory.js'
import type { FloatArray } from '../../core/numbers.js'
import { type Slices, visitInSlices } from '../../core/slices.js'
import type { Program } from '../../expressions/program.js'
import { isRowParallel } from '../../expressions/run.js'
import { Cohort, type RunInit } from './cohort.js'
import { type DataColumn, numbersInRun } from './data.js'

export interface BatchShape {
  readonly dtype: 'float32' | 'float64'
  readonly value: Program
  readonly gradient: Program
  /**
   * Kernel of the rule; null for a program that computes the next parameters itself and decides whether the run stops.
   */
  readonly kernel: Kernel | null
  /** Loop of the TypeScript engine. The caller passes the loop, so that no bundle contains the other loop. */
  readonly loop: (batch: Batch) => Slices<void>
  /** Count of the runs in the batch. */
  readonly runs: number
  /** Count of all data columns, count of shared data columns, and count of rows per run. */
  readonly columns: number
  readonly shared: number
  readonly rows: number
  readonly cohorts: number
  readonly lanes: number
  readonly updates: number
  readonly maxUpdates: number
  readonly tolerance: number
  readonly exempt: number
  readonly delay: number
  readonly scratches: number
  /** Whether parameters have bounds. */
  readonly isBounded: boolean
  /** Whether the cohorts' arrays, in addition to the results, are read after each call. */
  readonly isRecorded?: boolean
}

/** Results of the runs, one column per quantity. */
export interface BatchResults {
  readonly x: readonly FloatArray[]
  readonly value: Float64Array
  readonly gradientNorm: Float64Array
  readonly maxChange: Float64Array
  readonly iterations: Float64Array
  readonly reason: Uint32Array
}

/** Count of the entries in a table with consecutive indices. */
const countEntries = (table: Readonly<Record<string, number>>) => Object.keys(table).length

/** The values of a table, in the order of the entries' indices. */
const toOrderedArray = <T extends string>(table: Readonly<Record<T, number>>, numbers: Record<T, number>) =>
  Object.keys(table).map((name) => numbers[name as T])

/** Minimum bytes per lane (or result), in addition to the numbers of a point: float64 numbers and one word. */
const MIN_LANE_BYTES = countEntries(BATCH_SHORT) * 8 + 4
const MIN_RESULT_BYTES = countEntries(BATCH_OUTCOME) * 8 + 4
/** Two addresses at this distance fall into the same set of the first-level cache. */
const CACHE_SET_BYTES = 4096

/**
 * A batch of runs, stored in one block of memory. Each array of a batch begins at a multiple of a cache line, and the
 * engine overwrites every value that the caller reads.
 */
export class Batch {
  readonly region: Region
  readonly rowLength: number
  readonly coefficients: Float64Array
  readonly shape: BatchShape
  readonly #header: Uint32Array
  readonly #settings: Float64Array
  /** Count of running runs in each cohort. */
  readonly counts: Uint32Array
  /** Count of runs per cohort. The last cohorts may contain fewer runs. */
  readonly perRun: number
  /** Start of each array in cache lines, and length of each array in bytes. */
  readonly #places: Readonly<Record<string, number>>
  readonly #lengths: Readonly<Record<string, number>>
  /**
   * Count of numbers per row of a column that differs between runs: one number per run of a cohort, plus padding to
   * whole vectors.
   */
  readonly #dataLanes: number
  /** Count of numbers per column in row-parallel batches, including padding to whole vectors; otherwise 0. */
  readonly #rowLanes: number
  #cohorts: readonly Cohort[] | undefined
  #results: BatchResults | undefined
  #sharedNumbers: FloatArray | undefined

  /** @param left memory of an earlier batch, which this batch may overwrite */
  constructor(shape: BatchShape, left?: Region) {
    const { header, places, lengths, words, perRun, bytes } = computeLayout(shape)
    const { dataLanes, rowLanes, rowLength, constants } = header
    this.shape = shape
    this.perRun = perRun
    this.#dataLanes = dataLanes
    this.#rowLanes = rowLanes
    this.#places = places
    this.#lengths = lengths
    this.rowLength = rowLength
    this.region = left !== undefined && left.byteLength >= bytes ? left : allocateAlone(bytes)
    const { buffer, byteOffset } = this.region
    this.#header = new Uint32Array(buffer, byteOffset, countEntries(BATCH))
    this.counts = new Uint32Array(buffer, this.#offsetOf('live'), shape.cohorts)
    this.coefficients = new Float64Array(buffer, this.#offsetOf('coefficients'), shape.updates * rowLength)
    for (const [name, number] of Object.entries({ ...header, ...places }))
      this.set(name as keyof typeof BATCH, number)
    new Uint32Array(buffer, this.#offsetOf('value')).set(words.value)
    new Uint32Array(buffer, this.#offsetOf('gradient')).set(words.gradient)
    const { tolerance, maxUpdates, exempt, delay } = shape
    this.#settings = new Float64Array(buffer, this.#offsetOf('settings'), countEntries(BATCH_SETTINGS))
    this.#settings.set(
      toOrderedArray(BATCH_SETTINGS, { tolerance, mostUpdates: maxUpdates, exempt, delay, done: 0 }),
    )
    const vector = LINE / header.size
    const values = this.#numbers(this.#offsetOf('constantValues'), constants * vector)
    for (const [k, constant] of shape.value.constants.entries())
      values.fill(constant, k * vector, (k + 1) * vector)
  }

  /**
   * Whether a batch of the given shape has the same layout, so that the memory of this batch can be reused. Reusing a
   * batch saves time, because creating the views of a batch takes as long as a few runs.
   */
  isLike(shape: BatchShape): boolean {
    for (const name in shape) {
      if (shape[name as keyof BatchShape] !== this.shape[name as keyof BatchShape]) return false
    }
    return true
  }

  set(name: keyof typeof BATCH, number: number): void {
    this.#header[BATCH[name]] = number
  }

  /** Count of updates that all runs have completed. The count of updates may exceed 32 bits. */
  get done(): number {
    return this.#settings[BATCH_SETTINGS.done]
  }

  set done(updates: number) {
    this.#settings[BATCH_SETTINGS.done] = updates
  }

  /** Skips completed updates by moving the coefficients of the next updates to the front. */
  skip(updates: number): void {
    this.done += updates
    this.coefficients.copyWithin(0, updates * this.rowLength)
  }

  /** Calls a function. During the call, only the runs of one cohort count as running. */
  only(cohort: number, act: (batch: this) => void): void {
    const { counts } = this
    const all = counts.slice()
    counts.fill(0)
    counts[cohort] = all[cohort]
    act(this)
    all[cohort] = counts[cohort]
    counts.set(all)
  }

  /** Count of updates in the next call. */
  get updates(): number {
    return this.#header[BATCH.updates]
  }

  /** Whether subnormal numbers in the state are set to 0 at intervals. */
  get flushes(): boolean {
    return this.#header[BATCH.flushes] !== 0
  }

  /** Whether some data columns differ between runs. */
  get isByRun(): boolean {
    return this.shape.columns > this.shape.shared
  }

  /** Whether the batch is row-parallel. */
  get isByRows(): boolean {
    return this.#rowLanes > 0
  }

  /** Count of running runs. */
  get live(): number {
    return this.counts.reduce((sum, live) => sum + live, 0)
  }

  /** Assigns the runs to cohorts in order, starting with run 0. */
  *fill(beginning: RunInit): Slices<void> {
    const { runs, data } = beginning
    const { rows, shared } = this.shape
    const { perRun } = this
    const cohorts = this.cohorts()
    for (let number = 0; number < cohorts.length; number++) {
      const first = Math.min(runs.length, number * perRun)
      const live = Math.min(runs.length - first, perRun)
      if (number > 0) yield
      cohorts[number].fill(first, live, beginning)
      if (this.isByRun && !this.isByRows)
        yield* cohorts[number].fillData(data.slice(shared), runs.subarray(first, first + live))
    }
    if (this.isByRows) {
      yield* this.#fillRows(data, runs)
      return
    }
    if (shared === 0) return
    const to = this.#shared
    for (let k = 0; k < shared; k++) {
      const { numbers } = data[k]
      yield* visitInSlices(rows, (from, end) => {
        for (let row = from; row < end; row++) to[row * shared + k] = numbers[row]
      })
    }
  }

  cohorts(): readonly Cohort[] {
    this.#cohorts ??= this.#makeCohorts()
    return this.#cohorts
  }

  #makeCohorts(): Cohort[] {
    const { cohorts, lanes, rows, columns, shared, dtype, kernel, value } = this.shape
    const planes = planeCount(this.shape)
    const size = dtype === 'float32' ? 4 : 8
    const { buffer } = this.region
    const byRun = columns - shared
    const counts = {
      parameters: value.parameters.length,
      states: kernel?.state.length ?? 0,
      rows,
      columns,
      byRun,
      dataLanes: this.#dataLanes,
      rowLanes: this.#rowLanes,
    }
    return Array.from({ length: cohorts }, (_, number) => {
      const [{ byteOffset: dataAt }, { byteOffset: at }] = this.bytesOf(number)
      const rest = at + planes * (lanes * size + GAP_OF_RUNS)
      const parts = {
        count: this.counts.subarray(number, number + 1),
        planes: Array.from({ length: planes }, (_, k) =>
          this.#numbers(at + k * (lanes * size + GAP_OF_RUNS), lanes),
        ),
        short: Object.values(BATCH_SHORT).map((k) => new Float64Array(buffer, rest + 8 * k * lanes, lanes)),
        runs: new Uint32Array(buffer, rest + 8 * countEntries(BATCH_SHORT) * lanes, lanes),
        shared: this.#shared,
        data: this.isByRows ? this.#perRunColumns : this.#numbers(dataAt, rows * byRun * this.#dataLanes),
      }
      return new Cohort(parts, counts)
    })
  }

  /** Byte offset of an array in the batch. */
  before(array: 'value' | 'laneData'): Uint8Array {
    const { buffer, byteOffset } = this.region
    return new Uint8Array(buffer, byteOffset, this.#places[array] * LINE)
  }

  /** A view of the bytes that contain a cohort's data and lanes. */
  bytesOf(cohort: number): Uint8Array[] {
    return ['laneData', 'planes'].map((array) => {
      const bytes = this.#lengths[array] / this.shape.cohorts
      return new Uint8Array(this.region.buffer, this.#offsetOf(array) + cohort * bytes, bytes)
    })
  }

  /** Views of the results, indexed by run. */
  results(): BatchResults {
    this.#results ??= this.#viewResults()
    return this.#results
  }

  #viewResults(): BatchResults {
    const { cohorts, lanes, dtype, value, runs } = this.shape
    const { buffer } = this.region
    const size = dtype === 'float32' ? 4 : 8
    const length = cohorts * lanes
    const at = this.#offsetOf('results')
    const numbers = at + value.parameters.length * length * size
    const column = (name: keyof typeof BATCH_OUTCOME) =>
      new Float64Array(buffer, numbers + 8 * BATCH_OUTCOME[name] * length, runs)
    return {
      x: value.parameters.map((_, p) => this.#numbers(at + p * length * size, runs)),
      value: column('value'),
      gradientNorm: column('gradientNorm'),
      maxChange: column('change'),
      iterations: column('updates'),
      reason: new Uint32Array(buffer, numbers + 8 * countEntries(BATCH_OUTCOME) * length, runs),
    }
  }

  /**
   * Copies the data of a row-parallel batch. The shared columns come first, one after the other. All other columns
   * follow, run by run.
   */
  *#fillRows(data: readonly DataColumn[], runs: Uint32Array): Slices<void> {
    const { shared } = this.shape
    const [common, own] = [this.#shared, this.#perRunColumns]
    for (let k = 0; k < shared; k++) common.set(data[k].numbers, k * this.#rowLanes)
    let to = 0
    for (const run of runs) {
      for (let k = shared; k < data.length; k++, to += this.#rowLanes) own.set(numbersInRun(data[k], run), to)
      yield
    }
  }

  /** Data that all runs share, stored row by row. Each row contains one number per column. */
  get #shared(): FloatArray {
    const { shared, rows } = this.shape
    this.#sharedNumbers ??= this.#numbers(this.#offsetOf('data'), shared * (this.#rowLanes || rows))
    return this.#sharedNumbers
  }

  /**
   * Data that differ between runs, in row-parallel batches. The data are stored run by run, and column by column
   * within a run.
   */
  get #perRunColumns(): FloatArray {
    const { columns, shared } = this.shape
    return this.#numbers(this.#offsetOf('laneData'), (columns - shared) * this.#dataLanes * this.#rowLanes)
  }

  #offsetOf(name: string): number {
    return this.region.byteOffset + this.#places[name] * LINE
  }

  #numbers(at: number, length: number): FloatArray {
    const { buffer } = this.region
    return this.shape.dtype === 'float32'
      ? new Float32Array(buffer, at, length)
      : new Float64Array(buffer, at, length)
  }
}

/**
 * Places arrays after the header of a batch, each at the start of a cache line. Returns the position of each array and
 * the total count of cache lines.
 */
function placeArrays(lengths: Readonly<Record<string, number>>) {
  const places: Record<string, number> = {}
  let lines = Math.ceil((countEntries(BATCH) * 4) / LINE)
  for (const [name, length] of Object.entries(lengths)) {
    places[name] = lines
    lines += Math.ceil(length / LINE)
  }
  return { places, lines }
}

/** Computes the layout of a batch: its header, and the position and length of each array, in cache lines. */
function computeLayout(shape: BatchShape) {
  const { dtype, value, gradient, kernel, columns, shared, rows, cohorts, lanes, updates, scratches } = shape
  const size = dtype === 'float32' ? 4 : 8
  const vector = LINE / size
  const each = Math.ceil(shape.runs / cohorts)
  const inVectors = (lanes: number) => Math.ceil(lanes / vector) * vector
  const rowLanes = isRowParallel(gradient, rows) ? inVectors(rows) : 0
  const inLanes = inVectors(each)
  // Padding makes rows start in different cache sets, so that rows do not evict each other.
  const apart = (inLanes * size) % CACHE_SET_BYTES === 0 ? vector : 0
  const dataLanes = rowLanes > 0 ? cohorts * each : inLanes + apart
  const parameters = value.parameters.length
  const slots = Math.max(value.slots, gradient.slots)
  const tile = Math.max(value.tile, gradient.tile)
  const rowLength = 1 + Math.max(PIPELINE - 1, ...Object.values(kernel?.row ?? {}))
  const constants = value.constants.length
  const planes = planeCount(shape)
  const cohortBytes = lanes * (planes * size + MIN_LANE_BYTES) + planes * GAP_OF_RUNS
  const words = { value: programWords(value), gradient: programWords(gradient) }
  // Data that each call replaces come first. Data that cohorts share follow, and the data of the cohorts come last.
  const lengths: Record<string, number> = {
    settings: countEntries(BATCH_SETTINGS) * 8,
    coefficients: updates * rowLength * 8,
    value: words.value.length * 4,
    gradient: words.gradient.length * 4,
    constantValues: constants * LINE,
    data: shared * (rowLanes || rows) * size,
    live: cohorts * 4,
    laneData: (columns - shared) * size * dataLanes * (rowLanes || rows * cohorts),
    planes: cohorts * cohortBytes,
    results: cohorts * lanes * (parameters * size + MIN_RESULT_BYTES),
    scratch:
      scratches *
      ((2 * slots + parameters + 3) * (BLOCK_OF_RUNS * size + GAP_OF_RUNS) +
        (2 * slots + parameters + tile) * LINE +
        countSteps(value, gradient, rowLanes) * STEP_OF_RUNS),
    pieces: rowLanes > 0 ? scratches * PIECES * Math.max(gradient.sums.length, value.sums.length) * size : 0,
  }
  const { places, lines } = placeArrays(lengths)
  const header = {
    hash: HASH,
    size,
    parameters,
    columns,
    shared,
    constants,
    slots,
    rows,
    dataLanes,
    rowLanes,
    kernel: kernel?.number ?? NO_KERNEL,
    cohorts,
    lanes,
    rowLength,
    scratches,
    tile,
    bounded: Number(shape.isBounded),
  }
  return { header, places, lengths, words, perRun: each, bytes: lines * LINE }
}

const countInstructions = ({ head, body, tail }: Program) => head.length + body.length + tail.length

/** Count of the decoded instructions that a scratch has room for. */
function countSteps(value: Program, gradient: Program, rowLanes: number): number {
  const block = countInstructions(gradient)
  const other = Math.max(block, countInstructions(value))
  return block + (rowLanes > 0 ? 2 : 1) * other
}

/** Count of arrays with one number per lane. */
function planeCount({ value, kernel, isBounded }: BatchShape): number {
  return value.parameters.length * (1 + (kernel?.state.length ?? 0) + (isBounded ? 2 : 0))
}

const wordsByProgram = new WeakMap<Program, Uint32Array>()

/** A program, encoded as 32-bit words. */
function programWords(program: Program): Uint32Array {
  const { head, body, tail, loops, sums, outputs } = program
  const before = wordsByProgram.get(program)
  if (before !== undefined) return before
  const lengths = {
    head: head.length,
    body: body.length,
    tail: tail.length,
    loops: loops.length,
    sums: sums.length,
  }
  const counts = toOrderedArray(COUNTS, lengths)
  const instructions = [...head, ...body, ...tail].flatMap(([operation, to, a, b, c, d]) =>
    toOrderedArray(INSTRUCTION, { operation, to, a, b, c, d }),
  )
  const repeats = loops.flatMap(({ start, end, again, most }) =>
    toOrderedArray(LOOP, { start, end, again, most }),
  )
  const words = Uint32Array.from([...counts, ...instructions, ...repeats, ...sums, ...outputs])
  wordsByProgram.set(program, words)
  return words
}
