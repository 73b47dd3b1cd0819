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

/** Where an elimination is put, again and again: new memory takes longer than what is computed. */
export interface Room extends Eliminated {
  /** L·D. */
  readonly scaled: readonly Float64Array[]
  readonly rest: Float64Array
}

export function makeRoom({ own, shared }: Size, groups: number): Room {
  const make = (count: number) => Array.from({ length: count }, () => new Float64Array(groups))
  return {
    ...{ lower: make(inTriangle(own, 0)), inverse: make(own), step: make(own) },
    follow: Array.from({ length: shared }, () => make(own)),
    ...{ scaled: make(inTriangle(own, 0)), rest: new Float64Array(groups) },
  }
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
  room: Room,
): void {
  const { lower, inverse, step, follow, scaled } = room
  for (let i = 0; i < own; i++) {
    for (let j = 0; j <= i; j++) {
      const at = inTriangle(i, j)
      const rest = scaled[at]
      rest.set(matrix[at])
      if (i === j && damping > 0) addTimes(rest, scale[i], damping)
      for (let k = 0; k < j; k++) subtractProduct(rest, scaled[inTriangle(i, k)], lower[inTriangle(j, k)])
      if (j < i) product(lower[at], rest, inverse[j])
    }
    invertPivots(inverse[i], scaled[inTriangle(i, i)], scale[i], moves[i], least)
  }
  for (let i = 0; i < own; i++) negate(step[i], right[i])
  solve(room, step)
  for (let k = 0; k < shared; k++) {
    for (let i = 0; i < own; i++) follow[k][i].set(matrix[inTriangle(own + k, i)])
    solve(room, follow[k])
  }
}

/** What own parameters leave of the equations of shared ones: (k, l) of the matrix, by group, until it is asked again. */
export function leftOfMatrix(
  { own }: Size,
  { matrix }: Pick<Sums, 'matrix'>,
  { follow, rest }: Room,
  k: number,
  l: number,
): Float64Array {
  rest.set(matrix[inTriangle(own + k, own + l)])
  for (let i = 0; i < own; i++) subtractProduct(rest, matrix[inTriangle(own + k, i)], follow[l][i])
  return rest
}

/** The same of half the gradient. */
export function leftOfRight(
  { own }: Size,
  { right, matrix }: Pick<Sums, 'right' | 'matrix'>,
  { step, rest }: Room,
  k: number,
): Float64Array {
  rest.set(right[own + k])
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

function product(to: Float64Array, a: Float64Array, b: Float64Array): void {
  for (let g = 0; g < to.length; g++) to[g] = a[g] * b[g]
}

function negate(to: Float64Array, a: Float64Array): void {
  for (let g = 0; g < to.length; g++) to[g] = -a[g]
}

/** To 1/D; to 0 where nothing moves. */
function invertPivots(
  to: Float64Array,
  pivot: Float64Array,
  scale: Float64Array,
  moves: Float64Array | undefined,
  least: number,
): void {
  for (let g = 0; g < to.length; g++) to[g] = pivot[g] > least * scale[g] ? 1 / pivot[g] : 0
  if (moves !== undefined) for (let g = 0; g < to.length; g++) if (moves[g] === 0) to[g] = 0
}

/** Σ w·a². */
export function weighted(weight: Float64Array, a: Float64Array): number {
  let all = 0
  for (let g = 0; g < a.length; g++) all += weight[g] * a[g] * a[g]
  return all
}

/** Σ w·(a − b)². */
export function weightedDistance(weight: Float64Array, a: Float64Array, b: Float64Array): number {
  let all = 0
  for (let g = 0; g < a.length; g++) all += weight[g] * (a[g] - b[g]) * (a[g] - b[g])
  return all
}

/** From a step to where it leads, inside of bounds. */
export function advance(step: Float64Array, from: Float64Array, min: number, max: number): void {
  for (let g = 0; g < step.length; g++) {
    const x = from[g] + step[g]
    step[g] = x < min ? min : x > max ? max : x
  }
}
