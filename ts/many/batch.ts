/** A batch of runs in memory, as crates/kernels/src/many/batch.rs describes it. */

import { type Box, limitOf } from '../bounds.js'
import type { Program } from '../expressions/program.js'
import { BATCH, BLOCK_OF_RUNS, GAP_OF_RUNS, HASH, LINE, PIPELINE } from '../manifest.js'
import { allocateAlone, type Region } from '../memory.js'
import type { FloatArray, Kernel } from '../rules/kernel.js'

export interface Shape {
  readonly dtype: 'float32' | 'float64'
  readonly value: Program
  readonly gradient: Program
  readonly kernel: Kernel
  readonly data: readonly Float64Array[]
  readonly rows: number
  readonly cohorts: number
  readonly lanes: number
  readonly updates: number
  readonly mostUpdates: number
  readonly tolerance: number
  readonly exempt: number
  readonly delay: number
  readonly scratches: number
  /** Whether parameters have bounds. */
  readonly isBounded: boolean
}

/** Bytes a lane beside its numbers, and of a result beside its point. */
const LANE = 24
const RESULT = 32

/** Its places begin at multiples of a line; all that is written is read by the engine. */
export class Batch {
  readonly region: Region
  readonly rowLength: number
  readonly coefficients: Float64Array
  readonly shape: Shape
  readonly #header: Uint32Array
  readonly #live: Uint32Array
  readonly #places: Readonly<Record<string, number>>

  constructor(shape: Shape) {
    const { dtype, value, gradient, kernel, data, rows, cohorts, lanes, updates, scratches } = shape
    const size = dtype === 'float32' ? 4 : 8
    const parameters = value.parameters.length
    const slots = Math.max(value.slots, gradient.slots)
    const rowLength = PIPELINE + Object.keys(kernel.row).length
    const runs = cohorts * lanes
    const constants = value.constants.length
    const planes = planesOf(shape)
    const cohortBytes = lanes * (planes * size + LANE) + planes * GAP_OF_RUNS
    const words = { value: wordsOf(value), gradient: wordsOf(gradient) }
    const lengths: Record<string, number> = {
      value: words.value.length * 4,
      gradient: words.gradient.length * 4,
      settings: 8,
      constant_values: constants * LINE,
      data: data.length * rows * size,
      coefficients: updates * rowLength * 8,
      live: cohorts * 8,
      planes: cohorts * cohortBytes,
      results: runs * (parameters * size + RESULT),
      scratch:
        scratches *
        ((slots + parameters + 3) * (BLOCK_OF_RUNS * size + GAP_OF_RUNS) + (2 * slots + parameters) * LINE),
    }
    const places: Record<string, number> = {}
    let line = Math.ceil((Object.keys(BATCH).length * 4) / LINE)
    for (const [name, length] of Object.entries(lengths)) {
      places[name] = line
      line += Math.ceil(length / LINE)
    }
    this.shape = shape
    this.#places = places
    this.rowLength = rowLength
    this.region = allocateAlone(line * LINE)
    const { buffer, byteOffset } = this.region
    this.#header = new Uint32Array(buffer, byteOffset, Object.keys(BATCH).length)
    this.#live = new Uint32Array(buffer, this.#at('live'), 2 * cohorts)
    this.coefficients = new Float64Array(buffer, this.#at('coefficients'), updates * rowLength)
    const header = {
      ...{ hash: HASH, size, parameters, columns: data.length, constants, slots, rows },
      ...{ kernel: kernel.number, cohorts, lanes, row_length: rowLength, scratches },
      ...{
        most_updates: shape.mostUpdates,
        exempt: shape.exempt,
        delay: shape.delay,
        bounded: Number(shape.isBounded),
      },
      ...places,
    }
    for (const [name, number] of Object.entries(header)) this.set(name as keyof typeof BATCH, number)
    new Uint32Array(buffer, this.#at('value')).set(words.value)
    new Uint32Array(buffer, this.#at('gradient')).set(words.gradient)
    new Float64Array(buffer, this.#at('settings'))[0] = shape.tolerance
    const vector = LINE / size
    const values = this.#numbers(this.#at('constant_values'), constants * vector)
    for (const [k, constant] of value.constants.entries()) values.fill(constant, k * vector, (k + 1) * vector)
    for (const [k, column] of data.entries())
      this.#numbers(this.#at('data') + k * rows * size, rows).set(column)
  }

  set(name: keyof typeof BATCH, number: number): void {
    this.#header[BATCH[name]] = number
  }

  /** Updates that all runs have had, and how many are to be made now. */
  get done(): number {
    return this.#header[BATCH.done]
  }

  get updates(): number {
    return this.#header[BATCH.updates]
  }

  /** Whether subnormal numbers of the state become 0 now and then. */
  get flushes(): boolean {
    return this.#header[BATCH.flushes] !== 0
  }

  /** How many runs live. */
  get live(): number {
    let live = 0
    for (let cohort = 0; cohort < this.shape.cohorts; cohort++) live += this.#live[2 * cohort]
    return live
  }

  /**
   * Puts runs into its cohorts, a number each from 0 on.
   *
   * @param x their starts, a column for each parameter
   * @param starts what state begins from; the kernel's arrays in order
   * @param box bounds by parameter, if there are some; by run
   */
  fill(
    x: readonly ArrayLike<number>[],
    starts: readonly (number | 'parameters')[],
    box: Box<number | FloatArray> | null,
  ): void {
    const count = x[0].length
    const each = Math.ceil(count / this.shape.cohorts)
    for (const [number, cohort] of this.cohorts().entries()) {
      const first = Math.min(count, number * each)
      const live = Math.min(count - first, each)
      for (const [p, column] of x.entries()) {
        const theta = cohort.planes[p].fill(0)
        for (let lane = 0; lane < live; lane++) theta[lane] = column[first + lane]
        for (const [k, start] of starts.entries()) {
          const state = cohort.planes[x.length + p * starts.length + k]
          if (start === 'parameters') state.set(theta)
          else state.fill(start)
        }
        for (const [side, limits] of box === null ? [] : [box.min, box.max].entries()) {
          const bound = cohort.bounds[2 * p + side]
          for (let lane = 0; lane < live; lane++) bound[lane] = limitOf(limits[p], first + lane)
        }
      }
      cohort.since.fill(0)
      for (let lane = 0; lane < live; lane++) cohort.runs[lane] = first + lane
      this.#live.set([live, 0], 2 * number)
    }
  }

  cohorts(): Cohort[] {
    const { cohorts, lanes, dtype, kernel, value } = this.shape
    const planes = planesOf(this.shape)
    const size = dtype === 'float32' ? 4 : 8
    const { buffer } = this.region
    return Array.from({ length: cohorts }, (_, number) => {
      const at = this.#at('planes') + number * (lanes * (planes * size + LANE) + planes * GAP_OF_RUNS)
      const rest = at + planes * (lanes * size + GAP_OF_RUNS)
      return new Cohort(
        this.#live.subarray(2 * number, 2 * number + 2),
        Array.from({ length: planes }, (_, k) => this.#numbers(at + k * (lanes * size + GAP_OF_RUNS), lanes)),
        new Float64Array(buffer, rest, 2 * lanes),
        new Uint32Array(buffer, rest + 16 * lanes, lanes),
        new Uint32Array(buffer, rest + 20 * lanes, lanes),
        value.parameters.length,
        kernel.state.length,
      )
    })
  }

  /** Views of the results, by run. */
  results() {
    const { cohorts, lanes, dtype, value } = this.shape
    const { buffer } = this.region
    const size = dtype === 'float32' ? 4 : 8
    const runs = cohorts * lanes
    const at = this.#at('results')
    const numbers = at + value.parameters.length * runs * size
    return {
      x: value.parameters.map((_, p) => this.#numbers(at + p * runs * size, runs)),
      value: new Float64Array(buffer, numbers, runs),
      gradientNorm: new Float64Array(buffer, numbers + 8 * runs, runs),
      change: new Float64Array(buffer, numbers + 16 * runs, runs),
      iterations: new Uint32Array(buffer, numbers + 24 * runs, runs),
      reason: new Uint32Array(buffer, numbers + 28 * runs, runs),
    }
  }

  #at(name: string): number {
    return this.region.byteOffset + this.#places[name] * LINE
  }

  #numbers(at: number, length: number): FloatArray {
    const { buffer } = this.region
    return this.shape.dtype === 'float32'
      ? new Float32Array(buffer, at, length)
      : new Float64Array(buffer, at, length)
  }
}

/** Runs that have had the same updates, a lane each. */
class Cohort {
  /** How many live, and of how many steps are short. */
  readonly counts: Uint32Array
  /** Parameters, state by parameter, and bounds by parameter if there are some. */
  readonly planes: readonly FloatArray[]
  /** The least and the greatest number that each parameter may be, if there are some. */
  readonly bounds: readonly FloatArray[]
  /** By lane, the change and the gradient's norm when its steps became short, and the update, or 0. */
  readonly short: Float64Array
  readonly since: Uint32Array
  readonly runs: Uint32Array
  readonly #states: number

  constructor(
    counts: Uint32Array,
    planes: readonly FloatArray[],
    short: Float64Array,
    since: Uint32Array,
    runs: Uint32Array,
    parameters: number,
    states: number,
  ) {
    this.counts = counts
    this.planes = planes
    this.bounds = planes.slice(parameters * (1 + states))
    this.short = short
    this.since = since
    this.runs = runs
    this.#states = states
  }

  get live(): number {
    return this.counts[0]
  }

  /** Reads a lane's parameters and arrays of state, and since when its steps are short. */
  read(lane: number, theta: FloatArray, states: readonly FloatArray[]): Float64Array {
    this.#each(theta, states, (array, i, plane) => {
      array[i] = plane[lane]
    })
    return Float64Array.of(this.since[lane], this.short[2 * lane], this.short[2 * lane + 1])
  }

  /** A lane's bounds; null if there are none. */
  box(lane: number): Box | null {
    if (this.bounds.length === 0) return null
    const limits = this.bounds.map((plane) => plane[lane])
    return { min: limits.filter((_, k) => k % 2 === 0), max: limits.filter((_, k) => k % 2 === 1) }
  }

  write(lane: number, theta: FloatArray, states: readonly FloatArray[], since: Float64Array): void {
    this.#each(theta, states, (array, i, plane) => {
      plane[lane] = array[i]
    })
    this.counts[1] += Number(since[0] !== 0) - Number(this.since[lane] !== 0)
    this.since[lane] = since[0]
    this.short.set(since.subarray(1), 2 * lane)
  }

  /** The last one takes its place. */
  remove(lane: number): void {
    const last = this.live - 1
    if (this.since[lane] !== 0) this.counts[1]--
    for (const plane of this.planes) plane[lane] = plane[last]
    this.short.copyWithin(2 * lane, 2 * last, 2 * last + 2)
    this.since[lane] = this.since[last]
    this.runs[lane] = this.runs[last]
    this.counts[0] = last
  }

  #each(
    theta: FloatArray,
    states: readonly FloatArray[],
    visit: (array: FloatArray, i: number, plane: FloatArray) => void,
  ): void {
    for (let p = 0; p < theta.length; p++) {
      visit(theta, p, this.planes[p])
      for (const [k, state] of states.entries()) {
        visit(state, p, this.planes[theta.length + p * this.#states + k])
      }
    }
  }
}

/** How many numbers a lane has. */
function planesOf({ value, kernel, isBounded }: Shape): number {
  return value.parameters.length * (1 + kernel.state.length + (isBounded ? 2 : 0))
}

/** A program as words. */
function wordsOf({ head, body, tail, sums, outputs }: Program): number[] {
  const instructions = [...head, ...body, ...tail]
  return [
    head.length,
    body.length,
    tail.length,
    sums.length,
    ...instructions.flat(),
    ...sums.flat(),
    ...outputs,
  ]
}
