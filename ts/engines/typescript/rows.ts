/** Gradients of some rows of a tensor; crates/kernels/src/stages/rows.rs is the twin. */

import type { Arena } from '../../arena/arena.js'
import { tensorFrom } from '../../arena/find.js'
import { BLOCK, CLIPS, GRADIENTS, PARAMETERS, SCALES } from '../../arena/manifest.js'
import { mapped } from '../../ground/given.js'
import { sumOf } from '../../ground/sums.js'
import type { Job } from './jobs.js'
import { NOTHING, passOver } from './pipeline.js'

export function runRows(arena: Arena, job: Job, from: number, to: number): void {
  const i = tensorFrom(arena, from)
  const { [i]: offset } = arena.offsets
  const columns = arena.lengths[i] / arena.units[i]
  const list = arena.list(i)
  const [count] = list
  const g = arena.elements(GRADIENTS).subarray(offset)
  // The list has room for all rows: only its entries are read.
  if (count > arena.units[i]) throw arena.broken()
  const rows = Array.from({ length: count }, (_, k) => {
    const [row, place] = [list[1 + k], list[1 + arena.units[i] + k]]
    // Somebody has written over it.
    if (row >= arena.units[i] || place >= count) throw arena.broken()
    return [row * columns, place * columns]
  })
  if (job.sums.length > 0) {
    const [[, squares]] = job.byTensor
    if (offset === from) squares[i] = squaresOf(arena, i, rows, columns)
    return
  }
  const theta = arena.elements(PARAMETERS)
  const factor = (job.flags & CLIPS) === 0 ? 1 : arena.numbers(SCALES)[i]
  for (const [row, place] of rows) {
    const [start, end] = [offset + row, offset + row + columns]
    if (start < from || start >= to) continue
    const state = mapped(job.state, (array) => array.subarray(start, end))
    const pass = passOver(arena, theta.subarray(start, end), g.subarray(place, place + columns))
    pass({ ...job, state }, 0, columns, NOTHING, factor)
  }
}

/** Σ g² as it is summed where all other rows are 0. Rows are in order. */
function squaresOf(arena: Arena, i: number, rows: readonly (readonly number[])[], columns: number): number {
  const g = arena.view(GRADIENTS, i)
  const whole = new (g.constructor as Float32ArrayConstructor)(g.length)
  for (const [row, place] of rows) whole.set(g.subarray(place, place + columns), row)
  let total = 0
  for (let at = 0; at < whole.length; at += BLOCK) total += sumOf('gradients', whole.subarray(at, at + BLOCK))
  return total
}
