/**
 * The arrow of normal equations: each group has own parameters, and all have shared ones. With A, B and C the blocks of
 * JᵀWJ + λ·D of a group, own by own, shared by own and shared by shared, its own parameters leave the equations of the
 * shared ones C − B·A⁻¹·Bᵀ, which are added up over the groups (a Schur complement).
 *
 * Numbers are columns, one of each by group: what is done is done for all groups at once, and sums have the groups' order.
 */

import { inTriangle } from '../linear.js'

/** Sums over the rows of each group: costs, half their gradient, and the lower triangle of JᵀWJ; own parameters first. */
export interface Sums {
  readonly cost: Float64Array
  readonly right: readonly Float64Array[]
  readonly matrix: readonly Float64Array[]
}

/** A as L·D·Lᵀ, and what it makes of the right side and of B: −A⁻¹·g, and A⁻¹·Bᵀ by shared parameters. */
export interface Eliminated {
  readonly lower: readonly Float64Array[]
  /** 1/D; 0 of what does not move. */
  readonly inverse: readonly Float64Array[]
  readonly step: readonly Float64Array[]
  readonly follow: readonly (readonly Float64Array[])[]
}

/** How many parameters of either kind a group has. */
export interface Size {
  readonly own: number
  readonly shared: number
}

/**
 * @param scale by own parameters, the diagonals by which steps are damped
 * @param moves 1 where an own parameter may move, and 0 elsewhere, by parameter; undefined where all may
 * @param least a pivot, beside the diagonal, below which a parameter is not determined, and does not move
 */
export function eliminate(
  { own, shared }: Size,
  { right, matrix }: Pick<Sums, 'right' | 'matrix'>,
  scale: readonly Float64Array[],
  damping: number,
  moves: readonly (Float64Array | undefined)[],
  least: number,
): Eliminated {
  const lower: Float64Array[] = []
  const inverse: Float64Array[] = []
  // L·D.
  const scaled: Float64Array[] = []
  for (let i = 0; i < own; i++) {
    for (let j = 0; j <= i; j++) {
      const rest = matrix[inTriangle(i, j)].slice()
      if (i === j && damping > 0) addTimes(rest, scale[i], damping)
      for (let k = 0; k < j; k++) subtractProduct(rest, scaled[inTriangle(i, k)], lower[inTriangle(j, k)])
      scaled.push(rest)
      lower.push(j < i ? product(rest, inverse[j]) : rest)
    }
    inverse.push(inverted(scaled[inTriangle(i, i)], scale[i], moves[i], least))
  }
  const factors = { lower, inverse }
  const step = right.slice(0, own).map((g) => g.map((x) => -x))
  solve(factors, step)
  const follow = Array.from({ length: shared }, (_, k) => {
    const column = Array.from({ length: own }, (_, i) => matrix[inTriangle(own + k, i)].slice())
    solve(factors, column)
    return column
  })
  return { ...factors, step, follow }
}

/** What a group's own parameters leave of the equations of shared ones: (k, l) of the matrix, by group. */
export function leftOfMatrix(
  { own }: Size,
  { matrix }: Pick<Sums, 'matrix'>,
  { follow }: Eliminated,
  k: number,
  l: number,
): Float64Array {
  const rest = matrix[inTriangle(own + k, own + l)].slice()
  for (let i = 0; i < own; i++) subtractProduct(rest, matrix[inTriangle(own + k, i)], follow[l][i])
  return rest
}

/** The same of half the gradient. */
export function leftOfRight(
  { own }: Size,
  { right, matrix }: Pick<Sums, 'right' | 'matrix'>,
  { step }: Eliminated,
  k: number,
): Float64Array {
  const rest = right[own + k].slice()
  for (let i = 0; i < own; i++) addProduct(rest, matrix[inTriangle(own + k, i)], step[i])
  return rest
}

/** L·D·Lᵀ·x = b, in place: a column by parameter. */
export function solve({ lower, inverse }: Pick<Eliminated, 'lower' | 'inverse'>, x: readonly Float64Array[]) {
  const own = x.length
  for (let i = 0; i < own; i++)
    for (let k = 0; k < i; k++) subtractProduct(x[i], lower[inTriangle(i, k)], x[k])
  for (let i = own - 1; i >= 0; i--) {
    multiplyBy(x[i], inverse[i])
    for (let k = i + 1; k < own; k++) subtractProduct(x[i], lower[inTriangle(k, i)], x[k])
  }
}

export function sum(column: Float64Array): number {
  let all = 0
  for (let g = 0; g < column.length; g++) all += column[g]
  return all
}

/** Σ a·b over groups, in order. */
export function dot(a: Float64Array, b: Float64Array): number {
  let all = 0
  for (let g = 0; g < a.length; g++) all += a[g] * b[g]
  return all
}

export function addTimes(to: Float64Array, a: Float64Array, factor: number): void {
  for (let g = 0; g < to.length; g++) to[g] += factor * a[g]
}

export function addProduct(to: Float64Array, a: Float64Array, b: Float64Array): void {
  for (let g = 0; g < to.length; g++) to[g] += a[g] * b[g]
}

function subtractProduct(to: Float64Array, a: Float64Array, b: Float64Array): void {
  for (let g = 0; g < to.length; g++) to[g] -= a[g] * b[g]
}

/** What does not move stays 0. */
function multiplyBy(to: Float64Array, by: Float64Array): void {
  for (let g = 0; g < to.length; g++) to[g] = by[g] === 0 ? 0 : to[g] * by[g]
}

function product(a: Float64Array, b: Float64Array): Float64Array {
  const all = new Float64Array(a.length)
  for (let g = 0; g < all.length; g++) all[g] = a[g] * b[g]
  return all
}

function inverted(
  pivot: Float64Array,
  scale: Float64Array,
  moves: Float64Array | undefined,
  least: number,
): Float64Array {
  const inverse = new Float64Array(pivot.length)
  for (let g = 0; g < inverse.length; g++) {
    const isSound = pivot[g] > least * scale[g] && (moves === undefined || moves[g] !== 0)
    inverse[g] = isSound ? 1 / pivot[g] : 0
  }
  return inverse
}
