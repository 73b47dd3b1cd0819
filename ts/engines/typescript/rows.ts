/** Sparse gradients of a tensor in the TypeScript engine. The Rust counterpart is crates/kernels/src/stages/rows.rs. */

import type { Arena } from '../../arena/arena.js'
import { tensorEndingAfter } from '../../arena/find.js'
import { BLOCK, CLIPPED_PER_TENSOR, GRADIENTS, PARAMETERS, SCALES } from '../../arena/manifest.js'
import type { FloatArray } from '../../core/numbers.js'
import { STRIPES, sumColumn } from '../../core/sums.js'
import { mapRecord } from '../../core/untrusted-input.js'
import type { SegmentJob } from './jobs.js'
import { makePassOver, NO_SCALARS } from './pipeline.js'

/**
 * A row, and the gradients of the adjacent list entries for this row. The gradient of the row is the sum of these
 * gradients, in their order.
 */
interface SparseRow {
  readonly row: number
  readonly entries: FloatArray[]
}

export function runRows(arena: Arena, job: SegmentJob, from: number, to: number): void {
  const i = tensorEndingAfter(arena, from)
  const { [i]: offset } = arena.offsets
  const columns = arena.lengths[i] / arena.units[i]
  const named = collectRows(arena, i, columns)
  if (job.sums.length > 0) {
    const [[, squares]] = job.byTensor
    if (offset === from) squares[i] = sumRowSquares(named, columns)
    return
  }
  const theta = arena.elements(PARAMETERS)
  const factor = (job.flags & CLIPPED_PER_TENSOR) === 0 ? 1 : arena.numbers(SCALES)[i]
  for (const { row, entries } of named) {
    const [start, end] = [offset + row * columns, offset + (row + 1) * columns]
    if (start < from || start >= to) continue
    const state = mapRecord(job.state, (array) => array.subarray(start, end))
    const pass = makePassOver(arena, theta.subarray(start, end), addedUp(entries))
    pass({ ...job, state }, 0, columns, NO_SCALARS, factor)
    if (job.isLast && arena.zeroesGradients) for (const entry of entries) entry.fill(0)
  }
}

/** The distinct rows, in the order of the list of rows. */
function collectRows(arena: Arena, i: number, columns: number): readonly SparseRow[] {
  const [list, { [i]: units }] = [arena.list(i), arena.units]
  const [count] = list
  // Only the first `count` entries of the list are valid.
  if (count > units) throw arena.broken()
  const g = arena.elements(GRADIENTS).subarray(arena.offsets[i])
  const named: SparseRow[] = []
  for (let k = 0; k < count; k++) {
    const [row, place] = [list[1 + k], list[1 + units + k]]
    // Other code has overwritten the list.
    if (row >= units || place >= count) throw arena.broken()
    const entry = g.subarray(place * columns, (place + 1) * columns)
    const last = named.at(-1)
    if (last?.row === row) last.entries.push(entry)
    else named.push({ row, entries: [entry] })
  }
  return named
}

/** Adds up gradients, rounding each sum to the dtype. */
function addedUp([first, ...others]: readonly FloatArray[]): FloatArray {
  const sum = others.length > 0 ? first.slice() : first
  for (const other of others) for (let j = 0; j < sum.length; j++) sum[j] += other[j]
  return sum
}

/** Computes Σ g² in the block order of a complete gradient whose unlisted rows are 0. The rows must be sorted. */
function sumRowSquares(named: readonly SparseRow[], columns: number): number {
  const stripes = new Float64Array(STRIPES)
  let [total, block] = [0, 0]
  const end = () => {
    // Each stripe of the sum holds a single value at this point. The order of the additions is therefore fixed.
    total += sumColumn('values', stripes)
    stripes.fill(0)
  }
  for (const { row, entries } of named) {
    const gradient = addedUp(entries)
    for (let j = 0; j < columns; j++) {
      const at = row * columns + j
      if (Math.floor(at / BLOCK) !== block) end()
      block = Math.floor(at / BLOCK)
      stripes[at % STRIPES] += gradient[j] * gradient[j]
    }
  }
  end()
  return total
}
