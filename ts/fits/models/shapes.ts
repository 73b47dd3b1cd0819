/**
 * Candidate curves for guesses. Each curve is fitted to y with a factor and an optional constant. Curves and sums that
 * depend only on x are cached for the next fit.
 */

import { ROWS_PER_SLICE, type Slices } from '../../core/slices.js'
import { areSame, copyOfArray, type SortedRows, TIE_TOLERANCE, zeros } from './linear-least-squares.js'

/** Set of candidate curves for given x. */
export interface CandidateSet<T> {
  /** Description of the candidates, such as their rates or frequencies. */
  readonly grid: T
  /**
   * Number of coarse candidates, and number of refined candidates. Refined candidates are drawn only if a call of
   * `multiply` asks for their range.
   */
  readonly count: number
  readonly more: number
  /**
   * Writes a range of rows of a candidate curve to the array `on`, starting at the index `at`. For each range of rows,
   * the coarse candidates are drawn in order, so that each curve can be computed from the previous curve.
   */
  readonly drawCandidate: (candidate: number, on: Float64Array, at: number, from: number, to: number) => void
}

/** Least-squares factor of a candidate curve, and the constant that is added to the curve. */
export interface LeastSquaresMatch {
  readonly offset: number
  readonly factor: number
}

type RowsWithoutResponse = Omit<SortedRows, 'y'>

/** Maximum number of curve values that are cached. */
const MAX_CACHED_NUMBERS = 1 << 15

/** Candidate curves of a model, cached for the last x. */
export class CandidateShapes<T, About extends RowsWithoutResponse = RowsWithoutResponse> {
  readonly #prepare: (about: About) => CandidateSet<T>
  readonly #isCentered: boolean
  #last: DrawnShapes<T> | null = null

  /**
   * @param prepare creates the candidate set for given rows, and depends only on their x
   * @param isCentered whether the fit of a curve includes a constant. If so, callers pass y minus its mean
   */
  constructor(prepare: (about: About) => CandidateSet<T>, isCentered: boolean) {
    this.#prepare = prepare
    this.#isCentered = isCentered
  }

  /**
   * The cached curves, if they belong to the given x. The curves stay valid until curves for another x are requested.
   */
  cached(x: Float64Array): DrawnShapes<T> | undefined {
    return this.#last?.isAt(x) ? this.#last : undefined
  }

  /** The candidate curves for the values of x in the given rows. */
  drawn(about: About): DrawnShapes<T> {
    const kept = this.cached(about.x)
    if (kept) return kept
    // The cache copies x, because users can change their array.
    const x = about.x.length <= MAX_CACHED_NUMBERS ? copyOfArray(about.x) : about.x
    const drawn = new DrawnShapes(x, this.#prepare({ ...about, x }), this.#isCentered, this.#last)
    if (drawn.isCached) this.#last = drawn
    return drawn
  }
}

export class DrawnShapes<T> {
  readonly grid: T
  readonly isCached: boolean
  readonly #x: Float64Array
  readonly #candidates: CandidateSet<T>
  readonly #isCentered: boolean
  /** Values of all curves if the curves are cached, else a range of rows of one curve. */
  readonly #curves: Float64Array
  /** Sums over the values c of each curve: Σ c², Σ c, and Σ c·y with the last y. */
  readonly squares: Float64Array
  readonly sums: Float64Array
  readonly products: Float64Array
  /** Σ c² of each centered curve, or NaN if `#remainder` has not computed the sum yet. */
  readonly #remainders: Float64Array
  /** Whether each curve has been drawn. */
  readonly #isThere: Uint8Array
  /** Number of the last local search (`climb`) in which each curve was multiplied by y, counted from 1. */
  readonly #match: Uint32Array
  #turn = 0
  /** Indices of the curves that are multiplied by y in one call. */
  readonly #some: Uint32Array

  /** @param last curves for the previous x, whose memory can be reused */
  constructor(
    x: Float64Array,
    candidates: CandidateSet<T>,
    isCentered: boolean,
    last: DrawnShapes<T> | null,
  ) {
    const { grid, count, more } = candidates
    const all = count + more
    this.grid = grid
    this.#candidates = candidates
    this.#isCentered = isCentered
    this.isCached = x.length * all <= MAX_CACHED_NUMBERS
    const length = this.isCached ? x.length * all : Math.min(x.length, ROWS_PER_SLICE)
    if (this.isCached && last !== null && last.#curves.length >= length && last.sums.length >= all) {
      this.#curves = last.#curves
      this.squares = last.squares.fill(0)
      this.sums = last.sums.fill(0)
      this.products = last.products
      this.#remainders = last.#remainders.fill(NaN)
      this.#isThere = last.#isThere.fill(0)
      this.#match = last.#match.fill(0)
      this.#some = last.#some
    } else {
      this.#curves = zeros(length)
      this.squares = zeros(all)
      this.sums = zeros(all)
      this.products = zeros(all)
      this.#remainders = zeros(all).fill(NaN)
      this.#isThere = new Uint8Array(all)
      this.#match = new Uint32Array(all)
      this.#some = new Uint32Array(all)
    }
    this.#x = x
  }

  isAt(x: Float64Array): boolean {
    return areSame(this.#x, x)
  }

  /**
   * Computes Σ c·y for a range of curves c, by default for all coarse candidates. The result is false if the curves are
   * not cached, and `multiplyInSlices` must be used instead.
   */
  multiply(y: Float64Array, first = 0, end = this.#candidates.count): boolean {
    if (!this.isCached) return false
    const some = this.#some
    for (let k = first; k < end; k++) some[k - first] = k
    this.#multiply(y, end - first)
    return true
  }

  /** Computes Σ c·y for the first `count` curves c in the list `#some`. */
  #multiply(y: Float64Array, count: number): void {
    const some = this.#some
    for (let i = 0; i < count; i++) {
      const k = some[i]
      if (this.#isThere[k] === 0) this.#draw(k, k * y.length, 0, y.length)
    }
    multiply(this.#curves, y, this.products, some, count)
  }

  *multiplyInSlices(y: Float64Array, first = 0, end = this.#candidates.count): Slices<void> {
    const [curves, products] = [this.#curves, this.products]
    products.fill(0, first, end)
    let visited = 0
    for (let from = 0; from < y.length; from += ROWS_PER_SLICE) {
      const some = y.subarray(from, from + ROWS_PER_SLICE)
      for (let k = first; k < end; k++) {
        if (visited >= ROWS_PER_SLICE) {
          yield
          visited = 0
        }
        this.#draw(k, 0, from, from + some.length)
        let product = products[k]
        for (let row = 0; row < some.length; row++) product += curves[row] * some[row]
        products[k] = product
        visited += some.length
      }
    }
  }

  /**
   * The candidate that reduces Σ y² most. Among equally good candidates, the first one is chosen.
   *
   * @param y the column y of the last call of `multiply`
   */
  best(y: Float64Array): number {
    const margin = rowMargin(y)
    let best = 0
    let most = 0
    for (let k = 0; k < this.#candidates.count; k++) {
      const gain = this.gain(k)
      if (k > 0 && !(gain > most + margin)) continue
      best = k
      most = gain
    }
    return best
  }

  /**
   * A candidate curve that reduces Σ y² at least as much as all neighboring candidates. The search multiplies few
   * curves by y, because neighboring curves are similar. The result is null if the curves are not cached.
   *
   * @param first candidates, of which the best one is the start of the search
   * @param beside returns the neighbors of a candidate
   */
  climb(y: Float64Array, first: Uint32Array, beside: (k: number) => Uint32Array): number | null {
    if (!this.isCached) return null
    const [some, met] = [this.#some, this.#match]
    const margin = rowMargin(y)
    const turn = ++this.#turn
    let [best, from, most] = [-1, -1, 0]
    let next = first
    do {
      from = best
      let count = 0
      for (let i = 0; i < next.length; i++) {
        if (met[next[i]] === turn) continue
        met[next[i]] = turn
        some[count++] = next[i]
      }
      this.#multiply(y, count)
      for (let i = 0; i < count; i++) {
        const gain = this.gain(some[i])
        if (best >= 0 && !(gain > most + margin)) continue
        best = some[i]
        most = gain
      }
      next = beside(best)
    } while (best !== from)
    return best
  }

  /** Reduction of Σ y² by the least-squares fit of a candidate curve. */
  gain(k: number): number {
    const left = this.#remainder(k)
    return left > 0 ? (this.products[k] * this.products[k]) / left : 0
  }

  /** Least-squares fit of a candidate to y. */
  match(k: number): LeastSquaresMatch {
    const left = this.#remainder(k)
    const factor = left > 0 ? this.products[k] / left : 0
    return { factor, offset: this.#isCentered ? -factor * (this.sums[k] / this.#x.length) : 0 }
  }

  /**
   * Σ c² of a curve c, after centering if the fit includes a constant. If only rounding errors remain, the sum is 0,
   * and the curve contributes nothing.
   */
  #remainder(k: number): number {
    const known = this.#remainders[k]
    if (!Number.isNaN(known)) return known
    const square = this.squares[k]
    const left = this.#isCentered ? square - (this.sums[k] * this.sums[k]) / this.#x.length : square
    this.#remainders[k] = left > TIE_TOLERANCE * square ? left : 0
    return this.#remainders[k]
  }

  #draw(k: number, at: number, from: number, to: number): void {
    const curves = this.#curves
    this.#candidates.drawCandidate(k, curves, at, from, to)
    let square = this.squares[k]
    let sum = this.sums[k]
    const end = at + to - from
    for (let i = at; i < end; i++) {
      const c = curves[i]
      square += c * c
      sum += c
    }
    this.squares[k] = square
    this.sums[k] = sum
    this.#isThere[k] = 1
  }
}
/**
 * Computes Σ c·y for each of `count` curves c. Computing four sums at a time is faster than computing one sum at a
 * time.
 */
function multiply(
  curves: Float64Array,
  y: Float64Array,
  to: Float64Array,
  some: Uint32Array,
  count: number,
): void {
  const rows = y.length
  let i = 0
  for (; i + 3 < count; i += 4) {
    const atA = some[i] * rows
    const atB = some[i + 1] * rows
    const atC = some[i + 2] * rows
    const atD = some[i + 3] * rows
    let a = 0
    let b = 0
    let c = 0
    let d = 0
    for (let row = 0; row < rows; row++) {
      const value = y[row]
      a += curves[atA + row] * value
      b += curves[atB + row] * value
      c += curves[atC + row] * value
      d += curves[atD + row] * value
    }
    to[some[i]] = a
    to[some[i + 1]] = b
    to[some[i + 2]] = c
    to[some[i + 3]] = d
  }
  for (; i < count; i++) {
    const at = some[i] * rows
    let sum = 0
    for (let row = 0; row < rows; row++) sum += curves[at + row] * y[row]
    to[some[i]] = sum
  }
}

/** Largest difference between two reductions of Σ y² that can be due to rounding. */
function rowMargin(y: Float64Array): number {
  let square = 0
  for (let row = 0; row < y.length; row++) square += y[row] * y[row]
  return TIE_TOLERANCE * square
}

/** The response y minus its mean. */
export function centerColumn(y: Float64Array, mean: number): Float64Array {
  const rest = zeros(y.length)
  for (let row = 0; row < y.length; row++) rest[row] = y[row] - mean
  return rest
}

export function columnMean(y: Float64Array): number {
  let sum = 0
  for (let row = 0; row < y.length; row++) sum += y[row]
  return sum / y.length
}
