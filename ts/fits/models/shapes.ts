/** Curves with a factor, and maybe a constant, of which guesses choose one. What x alone decides is kept for the next fit. */

import { SLICE, type Slices } from '../../ground/slices.js'
import { areSame, copied, EQUAL, type Rows, zeros } from './rows.js'

/** What may be chosen from, at some x. */
export interface Candidates<T> {
  /** What is known of them. */
  readonly of: T
  /** How many there are, and more of them that only `meet` draws. */
  readonly count: number
  readonly more: number
  /**
   * Some rows of one; `on` has them from a place on. The first ones are asked for in order, of one slice after the other,
   * so that each may be made of the one before.
   */
  readonly draw: (candidate: number, on: Float64Array, at: number, from: number, to: number) => void
}

/** A curve's factor by which it meets y best, and the constant beside it. */
export interface Met {
  readonly offset: number
  readonly factor: number
}

type At = Omit<Rows, 'y'>

/** So many numbers of curves are kept. */
const KEPT = 1 << 15

/** Those of a model. */
export class Shapes<T, About extends At = At> {
  readonly #prepare: (about: About) => Candidates<T>
  #last: Drawn<T> | null = null

  /** @param prepare by what is known of rows, which is to follow from their x */
  constructor(prepare: (about: About) => Candidates<T>) {
    this.#prepare = prepare
  }

  /** What is kept, if it is at this x; it is there until others are asked for at another one. */
  kept(x: Float64Array): Drawn<T> | undefined {
    return this.#last?.isAt(x) ? this.#last : undefined
  }

  /** At the x of some rows. */
  at(about: About): Drawn<T> {
    const kept = this.kept(about.x)
    if (kept) return kept
    // What users have they may change.
    const x = about.x.length <= KEPT ? copied(about.x) : about.x
    const drawn = new Drawn(x, this.#prepare({ ...about, x }), this.#last)
    if (drawn.isKept) this.#last = drawn
    return drawn
  }
}

export class Drawn<T> {
  readonly of: T
  readonly isKept: boolean
  readonly #x: Float64Array
  readonly #candidates: Candidates<T>
  /** All curves where they are kept, or else a slice of one. */
  readonly #curves: Float64Array
  /** By curve Σ c², Σ c, and Σ c·y of the last y. */
  readonly squares: Float64Array
  readonly sums: Float64Array
  readonly products: Float64Array
  /** By curve whether it is there already. */
  readonly #isThere: Uint8Array

  /** @param last whose memory it may take over */
  constructor(x: Float64Array, candidates: Candidates<T>, last: Drawn<T> | null) {
    const { of, count, more } = candidates
    const all = count + more
    this.of = of
    this.#candidates = candidates
    this.isKept = x.length * all <= KEPT
    const length = this.isKept ? x.length * all : Math.min(x.length, SLICE)
    if (this.isKept && last !== null && last.#curves.length >= length && last.sums.length >= all) {
      this.#curves = last.#curves
      this.squares = last.squares.fill(0)
      this.sums = last.sums.fill(0)
      this.products = last.products
      this.#isThere = last.#isThere.fill(0)
    } else {
      this.#curves = zeros(length)
      this.squares = zeros(all)
      this.sums = zeros(all)
      this.products = zeros(all)
      this.#isThere = new Uint8Array(all)
    }
    this.#x = x
  }

  isAt(x: Float64Array): boolean {
    return areSame(this.#x, x)
  }

  /** Multiplies with y, some curves or all that are chosen from; false where that takes slices. */
  multiply(y: Float64Array, first = 0, end = this.#candidates.count): boolean {
    if (!this.isKept) return false
    for (let k = first; k < end; k++) if (this.#isThere[k] === 0) this.#draw(k, k * y.length, 0, y.length)
    multiply(this.#curves, y, this.products, first, end)
    return true
  }

  *multiplyInSlices(y: Float64Array, first = 0, end = this.#candidates.count): Slices<void> {
    const [curves, products] = [this.#curves, this.products]
    products.fill(0, first, end)
    let visited = 0
    for (let from = 0; from < y.length; from += SLICE) {
      const some = y.subarray(from, from + SLICE)
      for (let k = first; k < end; k++) {
        if (visited >= SLICE) {
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
   * The candidate that lowers Σ y² most; of those that do so equally well the first one.
   *
   * @param y what was multiplied; without its mean, where there is a constant beside the curve
   */
  best(y: Float64Array, isCentred: boolean): number {
    let square = 0
    for (let row = 0; row < y.length; row++) square += y[row] * y[row]
    const margin = EQUAL * square
    let best = 0
    let most = 0
    for (let k = 0; k < this.#candidates.count; k++) {
      const gain = this.gain(k, isCentred)
      if (k > 0 && !(gain > most + margin)) continue
      best = k
      most = gain
    }
    return best
  }

  /** By how much one lowers Σ y². */
  gain(k: number, isCentred: boolean): number {
    const left = this.#left(k, isCentred)
    return left > 0 ? (this.products[k] * this.products[k]) / left : 0
  }

  /** How one meets y. */
  meet(k: number, isCentred: boolean): Met {
    const left = this.#left(k, isCentred)
    const factor = left > 0 ? this.products[k] / left : 0
    return { factor, offset: isCentred ? -factor * (this.sums[k] / this.#x.length) : 0 }
  }

  /** Σ c² without what a constant makes up: that has no part in anything, and what is next to nothing is 0. */
  #left(k: number, isCentred: boolean): number {
    const square = this.squares[k]
    const left = isCentred ? square - (this.sums[k] * this.sums[k]) / this.#x.length : square
    return left > EQUAL * square ? left : 0
  }

  #draw(k: number, at: number, from: number, to: number): void {
    const curves = this.#curves
    this.#candidates.draw(k, curves, at, from, to)
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

/** Σ c·y of some curves. Four sums side by side are quicker than one. */
function multiply(curves: Float64Array, y: Float64Array, to: Float64Array, first: number, end: number): void {
  const rows = y.length
  let k = first
  for (; k + 3 < end; k += 4) {
    let at = k * rows
    let a = 0
    let b = 0
    let c = 0
    let d = 0
    for (let row = 0; row < rows; row++, at++) {
      const value = y[row]
      a += curves[at] * value
      b += curves[at + rows] * value
      c += curves[at + 2 * rows] * value
      d += curves[at + 3 * rows] * value
    }
    to[k] = a
    to[k + 1] = b
    to[k + 2] = c
    to[k + 3] = d
  }
  for (; k < end; k++) {
    let sum = 0
    for (let row = 0; row < rows; row++) sum += curves[k * rows + row] * y[row]
    to[k] = sum
  }
}

/** y without its mean. */
export function centred(y: Float64Array, mean: number): Float64Array {
  const rest = zeros(y.length)
  for (let row = 0; row < y.length; row++) rest[row] = y[row] - mean
  return rest
}

export function meanOf(y: Float64Array): number {
  let sum = 0
  for (let row = 0; row < y.length; row++) sum += y[row]
  return sum / y.length
}
