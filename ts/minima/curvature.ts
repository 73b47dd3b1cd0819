/** Second derivatives at the end of a run, and their eigenvalues. */

import { OptionError } from '../core/errors.js'
import type { Slices } from '../core/slices.js'
import { type SecondDifferences, secondDifferences } from '../minimize/second-differences.js'
import type { readObjective } from '../objectives/arguments.js'
import { type BoundsBox, clamp } from '../objectives/bounds.js'
import { centralDifferences, requireWritten } from '../objectives/gradient.js'

/** Eigenvalues up to this fraction of the greatest may be rounding errors, by the source of the derivatives. */
const ACCURACY = { exact: 1e-12, gradient: 1e-7, values: 1e-4 }

interface Curvature extends SecondDifferences {
  /** Eigenvalues of the scaled Hessian up to this number may be rounding errors. */
  readonly accuracy: number
  /** Decrease of the value since the start of the run. */
  readonly drop: number
}

/**
 * The Hessian and the gradient at a point: exact if the objective has second derivatives, otherwise by differences.
 *
 * @param start start of the run that ended at x; the decrease since then is the scale of the steps of differences
 */
export function hessianAt(
  { value, gradient, hessian }: ReturnType<typeof readObjective>,
  x: Float64Array,
  start: Float64Array,
  box: BoundsBox | null,
): Curvature {
  const n = x.length
  const from = start.map((xi, i) => (box === null ? xi : clamp(xi, box.min[i], box.max[i])))
  const drop = value(from) - value(x.slice())
  const exact = exactHessian(hessian(), x)
  if (exact !== null) {
    const slopes = new Float64Array(n)
    const gradientOf = gradient ?? centralDifferences(value, x.slice(), undefined, box)
    gradientOf(x.slice(), slopes)
    return { gradient: slopes, hessian: exact, accuracy: ACCURACY.exact, drop }
  }
  const unit = drop > 0 && drop < Infinity ? drop : 1
  const slopes = gradient && ((at: Float64Array, out: Float64Array) => void gradient(at.slice(), out))
  const found = secondDifferences((at) => value(at.slice()), slopes, x, unit, box)
  return { ...found, drop, accuracy: gradient ? ACCURACY.gradient : ACCURACY.values }
}

/** The objective's own second derivatives; null if the objective has no second derivatives, such as an expression with voigt. */
function exactHessian(
  second: NonNullable<Parameters<typeof requireWritten>[0]> | undefined,
  x: Float64Array,
): Float64Array[] | null {
  if (second === undefined) return null
  const n = x.length
  const all = new Float64Array(n * n)
  try {
    requireWritten(second, all, 'hessian')(x.slice(), all)
  } catch (error) {
    if (error instanceof OptionError && error.argument === 'expression') return null
    throw error
  }
  return Array.from(x, (_, i) => all.slice(i * n, i * n + n))
}

/**
 * The condition number of a Hessian without negative eigenvalues; −1 if an eigenvalue is negative, beyond rounding. The
 * sign is judged after scaling to a diagonal of ±1, which changes no sign.
 */
export function* conditionOf(hessian: readonly Float64Array[], accuracy: number): Slices<number> {
  if (hessian.length === 0) return 1
  const scales = hessian.map((row, i) => (row[i] === 0 ? 1 : 1 / Math.sqrt(Math.abs(row[i]))))
  const scaled = yield* eigenvalues(hessian.map((row, i) => row.map((h, j) => h * scales[i] * scales[j])))
  const [least] = scaled
  const greatest = scaled[scaled.length - 1]
  if (Number.isNaN(least)) return NaN
  if (least < -accuracy * Math.max(greatest, -least)) return -1
  if (least <= accuracy * greatest) return Infinity
  const [low, ...others] = yield* eigenvalues(hessian.map((row) => row.slice()))
  const condition = (others.pop() ?? low) / low
  return condition >= 1 ? condition : Infinity
}

/** Maximum count of sweeps; the method converges quadratically, so ten sweeps are enough for any matrix. */
const MAX_SWEEPS = 50

/**
 * The eigenvalues of a symmetric matrix, in ascending order, by Jacobi's rotations (1846). The matrix is overwritten.
 * NaN if an element is not finite.
 */
export function* eigenvalues(a: readonly Float64Array[]): Slices<Float64Array> {
  const n = a.length
  if (!a.every((row) => row.every(Number.isFinite))) return new Float64Array(n).fill(NaN)
  for (let sweep = 0; sweep < MAX_SWEEPS; sweep++) {
    let hasRotated = false
    for (let p = 0; p < n; p++) {
      for (let q = p + 1; q < n; q++) hasRotated = rotate(a, p, q) || hasRotated
      yield
    }
    if (!hasRotated) break
  }
  return Float64Array.from(a, (row, i) => row[i]).sort()
}

/** Rotates rows and columns p and q so that their common element becomes 0; false if it is already negligible. */
function rotate(a: readonly Float64Array[], p: number, q: number): boolean {
  const off = a[p][q]
  if (off === 0 || Math.abs(off) <= 1e-17 * Math.min(Math.abs(a[p][p]), Math.abs(a[q][q]))) return false
  const theta = (a[q][q] - a[p][p]) / (2 * off)
  const t = (theta < 0 ? -1 : 1) / (Math.abs(theta) + Math.sqrt(theta * theta + 1))
  const c = 1 / Math.sqrt(t * t + 1)
  const s = t * c
  for (let k = 0; k < a.length; k++) {
    if (k === p || k === q) continue
    const [kp, kq] = [a[k][p], a[k][q]]
    a[p][k] = a[k][p] = c * kp - s * kq
    a[q][k] = a[k][q] = s * kp + c * kq
  }
  a[p][p] -= t * off
  a[q][q] += t * off
  a[p][q] = a[q][p] = 0
  return true
}
