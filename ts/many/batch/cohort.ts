/** A cohort of a batch. A cohort consists of runs with the same count of completed updates, one run per lane. */

import type { FloatArray } from '../../core/numbers.js'
import { pauseAfterNumbers, ROWS_PER_SLICE, type Slices } from '../../core/slices.js'
import { type BoundsBox, selectLimit } from '../../objectives/bounds.js'
import type { DataColumn } from './data.js'

/** Arrays of a cohort, in the memory of its batch. */
interface CohortLayout {
  /** Count of running runs. */
  readonly count: Uint32Array
  /**
   * One array per parameter, one array per parameter and state, and then the bounds of each parameter, if the run has
   * bounds.
   */
  readonly planes: readonly FloatArray[]
  /** Columns that track short steps, in the order of BATCH_SHORT. */
  readonly short: readonly Float64Array[]
  readonly runs: Uint32Array
  /** Data that all runs share, stored row by row, and column by column within a row. */
  readonly shared: FloatArray
  /**
   * Data of the cohort's runs, stored row by row. Each row contains the columns in order, with one number per lane. The
   * data of row-parallel batches are described at `Batch`.
   */
  readonly data: FloatArray
}

interface CohortCounts {
  readonly parameters: number
  /** Count of the state arrays. */
  readonly states: number
  readonly rows: number
  /** Count of all data columns, and count of the columns that differ between runs. */
  readonly columns: number
  readonly byRun: number
  /** Count of numbers per row of a column that differs between runs. */
  readonly dataLanes: number
  /** Distance between the starts of consecutive columns in row-parallel batches; otherwise 0. */
  readonly rowLanes: number
}

/** Initial values of the runs. */
export interface RunInit {
  /** Indices of the runs within the data of all runs. */
  readonly runs: Uint32Array
  /** Data columns in the order of the programs. Shared columns come first. */
  readonly data: readonly DataColumn[]
  /** Starting points: a column per parameter, or a number per parameter for all runs. */
  readonly x: readonly (FloatArray | number)[]
  /** Initial values of the state, in the order of the kernel's state arrays. */
  readonly starts: readonly (number | 'parameters')[]
  readonly box: BoundsBox<number | FloatArray> | null
}

const LANES_PER_PASS = 16
/** Number of lanes whose data are copied together. */
const LANES_PER_COPY = 4

export class Cohort {
  readonly #layout: CohortLayout
  readonly #counts: CohortCounts
  /** Lower and upper bounds of each parameter, if the run has bounds. */
  readonly #bounds: readonly FloatArray[]

  constructor(parts: CohortLayout, counts: CohortCounts) {
    this.#layout = parts
    this.#counts = counts
    this.#bounds = parts.planes.slice(counts.parameters * (1 + counts.states))
  }

  get live(): number {
    return this.#layout.count[0]
  }

  /** Indices of the cohort's runs. The indices of running runs come first. */
  get runs(): Uint32Array {
    return this.#layout.runs
  }

  /** Values of a parameter, one per lane. */
  theta(p: number): FloatArray {
    return this.#layout.planes[p]
  }

  /** Assigns consecutive runs to the lanes, starting with the run `first`. */
  fill(first: number, live: number, { x, starts, box }: RunInit): void {
    const { planes, short, runs, count } = this.#layout
    // Incomplete vectors are padded.
    const filled = Math.ceil(live / LANES_PER_PASS) * LANES_PER_PASS
    for (let p = 0; p < x.length; p++) {
      const [column, theta] = [x[p], planes[p]]
      // For few lanes, loops are faster than calls of `set` and `fill`.
      if (typeof column === 'number') for (let lane = 0; lane < filled; lane++) theta[lane] = column
      else {
        if (live > LANES_PER_PASS) theta.set(column.subarray(first, first + live))
        else for (let lane = 0; lane < live; lane++) theta[lane] = column[first + lane]
        for (let lane = live; lane < filled; lane++) theta[lane] = 0
      }
      for (let k = 0; k < starts.length; k++) {
        const [start, state] = [starts[k], planes[x.length + p * starts.length + k]]
        if (start === 'parameters') state.set(theta)
        else state.fill(start, 0, filled)
      }
      if (box === null) continue
      for (const [side, limits] of [box.min, box.max].entries()) {
        const bound = this.#bounds[2 * p + side]
        for (let lane = 0; lane < live; lane++) bound[lane] = selectLimit(limits[p], first + lane)
      }
    }
    for (const column of short) for (let lane = 0; lane < filled; lane++) column[lane] = 0
    for (let lane = 0; lane < live; lane++) runs[lane] = first + lane
    count[0] = live
  }

  /** Copies the columns that differ between runs, for the runs of the lanes. */
  *fillData(columns: readonly DataColumn[], runs: ArrayLike<number>): Slices<void> {
    const { data } = this.#layout
    const { rows, dataLanes } = this.#counts
    const stride = columns.length * dataLanes
    const from = new Uint32Array(LANES_PER_COPY)
    const isPauseDue = pauseAfterNumbers()
    // Only a few lanes are copied at once, so that the data stay in the first-level cache.
    for (let first = 0; first < runs.length; first += LANES_PER_COPY) {
      const count = Math.min(runs.length - first, LANES_PER_COPY)
      for (let k = 0; k < columns.length; k++) {
        const column = columns[k]
        const to = k * dataLanes + first
        if (column.write) {
          for (let lane = 0; lane < count; lane++) column.write(runs[first + lane], data, to + lane, stride)
          yield
          continue
        }
        for (let row = 0; row < rows; row += ROWS_PER_SLICE) {
          const few = Math.min(rows - row, ROWS_PER_SLICE)
          // The padding of an incomplete vector repeats the last lane.
          for (let lane = 0; lane < LANES_PER_COPY; lane++) {
            const run = runs[first + Math.min(lane, count - 1)]
            from[lane] = row + (column.offsets === null ? 0 : column.offsets[run])
          }
          this.#copyRows(column.numbers, from, to + row * stride, stride, few)
          if (isPauseDue(count * few)) yield
        }
      }
    }
  }

  /** Copies consecutive rows of adjacent lanes. The rows of each lane begin at an index of `from`. */
  #copyRows(numbers: Float64Array, from: Uint32Array, to: number, stride: number, rows: number): void {
    const { data } = this.#layout
    // Four lanes in variables take a third of the time of a loop over the lanes.
    const a = from[0]
    const b = from[1]
    const c = from[2]
    const d = from[3]
    for (let row = 0, at = to; row < rows; row++, at += stride) {
      data[at] = numbers[a + row]
      data[at + 1] = numbers[b + row]
      data[at + 2] = numbers[c + row]
      data[at + 3] = numbers[d + row]
    }
  }

  /** Reads the parameters and the state of a lane. The result contains the BATCH_SHORT fields of the lane. */
  read(lane: number, theta: FloatArray, states: readonly FloatArray[]): Float64Array {
    this.#visitState(theta, states, (array, i, plane) => {
      array[i] = plane[lane]
    })
    return Float64Array.from(this.#layout.short, (column) => column[lane])
  }

  /** Bounds of the parameters in a lane; null for unbounded runs. */
  box(lane: number): BoundsBox | null {
    if (this.#bounds.length === 0) return null
    const limits = this.#bounds.map((plane) => plane[lane])
    return { min: limits.filter((_, k) => k % 2 === 0), max: limits.filter((_, k) => k % 2 === 1) }
  }

  /** Data of the run in a lane, by column. */
  data(lane: number): readonly FloatArray[] {
    const { data, shared } = this.#layout
    const { rows, columns, byRun, dataLanes, rowLanes } = this.#counts
    const common = columns - byRun
    if (rowLanes > 0) {
      const first = this.runs[lane] * byRun - common
      return Array.from({ length: columns }, (_, k) => {
        const [from, at] = k < common ? [shared, k] : [data, first + k]
        return from.subarray(at * rowLanes, at * rowLanes + rows)
      })
    }
    return Array.from({ length: columns }, (_, k) => {
      const column = k < common ? shared.slice(0, rows) : data.slice(0, rows)
      for (let row = 0; row < rows; row++) {
        column[row] =
          k < common ? shared[row * common + k] : data[(row * byRun + k - common) * dataLanes + lane]
      }
      return column
    })
  }

  write(lane: number, theta: FloatArray, states: readonly FloatArray[], firstUpdate: Float64Array): void {
    this.#visitState(theta, states, (array, i, plane) => {
      plane[lane] = array[i]
    })
    for (const [k, column] of this.#layout.short.entries()) column[lane] = firstUpdate[k]
  }

  /** Removes a lane from the cohort. The last lane takes the place of the removed lane. */
  remove(lane: number): void {
    const { count, planes, short, runs, data } = this.#layout
    const last = this.live - 1
    for (const column of [...planes, ...short, runs]) column[lane] = column[last]
    count[0] = last
    const { dataLanes, rowLanes } = this.#counts
    // Row-parallel data are stored by run, and therefore stay in place.
    for (let from = 0; from < data.length && rowLanes === 0; from += dataLanes) {
      data[from + lane] = data[from + last]
    }
  }

  #visitState(
    theta: FloatArray,
    states: readonly FloatArray[],
    visit: (array: FloatArray, i: number, plane: FloatArray) => void,
  ): void {
    const { planes } = this.#layout
    for (let p = 0; p < theta.length; p++) {
      visit(theta, p, planes[p])
      for (const [k, state] of states.entries()) {
        visit(state, p, planes[theta.length + p * this.#counts.states + k])
      }
    }
  }
}
