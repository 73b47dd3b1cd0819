/** How kernels of lines go through a tensor in TypeScript, as crates/kernels/src/lines.rs does. */

import type { Matrices } from '../matrices.js'
import type { FloatArray, Walk, Walked } from './kernel.js'

/** Calls `visit` for each group of rows of the units that begin in the range. */
function eachGroup(
  { from, to }: Walked,
  offset: number,
  matrices: Matrices,
  visit: (unit: number, first: number, last: number, piece: number, begins: number) => void,
): void {
  for (let unit = 0; unit < matrices.units; unit++) {
    const [first, last, piece] = matrices.unit(unit)
    const start = offset + first * matrices.columns
    if (start < from || start >= to) continue
    for (let row = first; row < last; row += matrices.group) {
      visit(unit, row, Math.min(row + matrices.group, last), piece, first)
    }
  }
}

const STRIPES = 16

/** Runs the pass, and sums squares of what it has written by row, and by column of each piece. */
export const summed: Walk = (walked) => {
  const { arena, tensor, g, pass } = walked
  if (arena.matrices[tensor] === null) return
  const { matrices, rows, pieces } = arena.lines(tensor)
  const { columns, height } = matrices
  const offset = arena.offsets[tensor]
  const stripes = new Float64Array(STRIPES)
  eachGroup(walked, offset, matrices, (_, first, last, piece, unitBegin) => {
    pass(offset + first * columns, offset + last * columns)
    for (let row = first; row < last; row++) {
      const begins = row === unitBegin || row % height === 0
      const into = (Math.floor(row / height) * matrices.pieces + piece) * columns
      const start = offset + row * columns
      stripes.fill(0)
      for (let j = 0; j < columns; j++) {
        const square = g[start + j] * g[start + j]
        stripes[j % STRIPES] += square
        pieces[into + j] = begins ? square : pieces[into + j] + square
      }
      for (let width = STRIPES / 2; width >= 1; width /= 2) {
        for (let stripe = 0; stripe < width; stripe++) stripes[stripe] += stripes[stripe + width]
      }
      rows[row] = stripes[0]
    }
  })
}

/** Runs the pass row by row: the row's factor is its rate, and those of the columns are where θ would be. */
export const scaled: Walk = (walked) => {
  const { arena, tensor, theta, g, loop, row, sumOfSquares, summed } = walked
  if (arena.matrices[tensor] === null) return
  const { matrices, rows, factors } = arena.lines(tensor)
  const { columns, height } = matrices
  const offset = arena.offsets[tensor]
  const stride = (matrices.pieces * columns * factors.length) / (matrices.numbers - matrices.rows)
  const totals = new Float64Array(matrices.units * 2)
  eachGroup(walked, offset, matrices, (unit, first, last) => {
    for (let at = first; at < last; at++) {
      const line = g.subarray(offset + at * columns, offset + (at + 1) * columns)
      const place = Math.floor(at / height) * stride
      const by = { rate: rounded(theta, rows[at]) }
      loop(factors.subarray(place, place + columns), line, {}, row, 0, columns, by, line)
    }
    const [start, end] = [offset + first * columns, offset + last * columns]
    totals[unit * 2] += sumOfSquares(theta.subarray(start, end))
    totals[unit * 2 + 1] += sumOfSquares(g.subarray(start, end))
    summed(unit, 0, totals[unit * 2])
    summed(unit, 1, totals[unit * 2 + 1])
  })
}

const rounded = (like: FloatArray, x: number): number => (like instanceof Float32Array ? Math.fround(x) : x)
