/** The outcomes of runs from all starting points in a view: minimum reached, number of updates, and color. */

import type { Point, View } from 'antigrad'
import type { Theme } from './palette.js'

/** Number of starting points per side. */
export const SIDE = 500
/** Strides through the grid of starting points, coarse to fine, so that a rough plot appears at once. */
const STRIDES = [16, 8, 4, 2, 1]
/** Number of runs per piece. Even long runs of this number end within a second. */
const PIECE = 8192
/** Maximum number of distinguished minima; more would not be visible. */
const MAX_MINIMA = 200
/** Maximum distance of a converged run from its minimum, as a fraction of the view's side. */
const SUCCESS_RADIUS = 1e-3

// The outcome of a start. CONVERGED means converged to none of the listed minima, which are numbered from FIRST on.
export const NONE = 0
export const DIVERGED = 1
export const UNFINISHED = 2
export const CONVERGED = 3
export const FIRST = 4

/** Starting points that are run together. */
export interface OutcomePiece {
  readonly stride: number
  /** Indices of the starting points, row by row from the top. */
  readonly starts: Uint32Array<ArrayBuffer>
}

/** Divides all starting points into pieces, coarsest stride first. */
export const cut = (): OutcomePiece[] =>
  STRIDES.flatMap((stride, turn) => {
    const starts: number[] = []
    const done = turn === 0 ? Infinity : 2 * stride
    for (let row = 0; row < SIDE; row += stride) {
      for (let column = 0; column < SIDE; column += stride) {
        if (turn > 0 && row % done === 0 && column % done === 0) continue
        starts.push(row * SIDE + column)
      }
    }
    const count = Math.ceil(starts.length / PIECE)
    return Array.from({ length: count }, (_, i) => ({
      stride,
      starts: Uint32Array.from(starts.slice(i * PIECE, (i + 1) * PIECE)),
    }))
  })

/** Position of a starting point: the center of its pixel. */
export function computeStart([x0, x1, y0, y1]: View, start: number): Point {
  const [column, row] = [start % SIDE, Math.floor(start / SIDE)]
  return [x0 + ((x1 - x0) * (column + 0.5)) / SIDE, y1 - ((y1 - y0) * (row + 0.5)) / SIDE]
}

/** The starting point whose pixel contains a point; null outside the view. */
export function startNear([x0, x1, y0, y1]: View, [x, y]: Point): number | null {
  const column = Math.floor((SIDE * (x - x0)) / (x1 - x0))
  const row = Math.floor((SIDE * (y1 - y)) / (y1 - y0))
  return column >= 0 && column < SIDE && row >= 0 && row < SIDE ? row * SIDE + column : null
}

/** End points of runs, as columns. */
export interface OutcomePoints {
  readonly x: ArrayLike<number>
  readonly y: ArrayLike<number>
  readonly iterations: ArrayLike<number>
  /** CONVERGED, DIVERGED or UNFINISHED. */
  readonly kinds: ArrayLike<number>
}

export interface KnownMinimum {
  readonly point: Point
  readonly color: number
}

/** Indices of the racers' colors, without the color of text; the most distinct colors come first. */
const COLORS = [0, 1, 2, 5, 7, 6, 3]

export class Outcomes {
  readonly minima: KnownMinimum[] = []
  readonly kinds = new Uint8Array(SIDE * SIDE)
  readonly iterations = new Uint32Array(SIDE * SIDE)
  /** The starting point whose outcome each pixel shows. */
  readonly shown = new Uint32Array(SIDE * SIDE)
  /** Number of starting points per outcome. */
  readonly counts = new Uint32Array(FIRST + MAX_MINIMA)
  done = 0
  /** Numbers of updates that get the strongest (`fast`) and the faintest color (`slow`). */
  fast = 1
  slow = 1
  readonly #x = new Float64Array(SIDE * SIDE)
  readonly #y = new Float64Array(SIDE * SIDE)
  readonly #view: View
  readonly #distance: number
  readonly #rest: number

  /**
   * @param known minima that are known in advance
   * @param distance radius around a minimum within which an unfinished run counts as arrived
   */
  constructor(view: View, known: readonly Point[], distance: number) {
    const [x0, x1, y0, y1] = view
    this.#view = view
    this.#distance = distance
    this.#rest = Math.max(distance, SUCCESS_RADIUS * Math.max(x1 - x0, y1 - y0))
    for (const point of known) this.#add(point)
  }

  endOf(start: number): Point {
    return [this.#x[start], this.#y[start]]
  }

  /** Adds the outcomes of a piece. Pieces arrive in order, so that minima are always numbered in the same order. */
  take({ stride, starts }: OutcomePiece, { x, y, iterations, kinds }: OutcomePoints): void {
    const known = this.minima.length
    for (const [k, start] of starts.entries()) {
      this.#x[start] = x[k]
      this.#y[start] = y[k]
      this.iterations[start] = iterations[k]
      const kind = this.#reached([x[k], y[k]], kinds[k])
      this.kinds[start] = kind
      this.counts[kind]++
      // Until finer starting points are done, this one also colors the pixels around it.
      const [column, row] = [start % SIDE, Math.floor(start / SIDE)]
      const right = Math.min(SIDE, column + stride)
      for (let at = row; at < Math.min(SIDE, row + stride); at++) {
        this.shown.fill(start, at * SIDE + column, at * SIDE + right)
      }
    }
    if (this.minima.length > known) this.#revise()
    if (this.done === 0) this.#measure(starts)
    this.done += starts.length
  }

  /** Speed on a logarithmic scale, from 1 for the fastest to 0 for the slowest runs. */
  speed(iterations: number): number {
    const part = Math.log(iterations / this.fast) / Math.log(this.slow / this.fast)
    return this.slow > this.fast ? 1 - Math.min(1, Math.max(0, part)) : 1
  }

  #reached(end: Point, kind: number): number {
    if (kind === DIVERGED) return kind
    const number = this.#nearest(end, kind === CONVERGED ? this.#rest : this.#distance)
    if (number >= 0) return FIRST + number
    return kind === CONVERGED && this.minima.length < MAX_MINIMA ? FIRST + this.#add(end) : kind
  }

  #nearest([x, y]: Point, distance: number): number {
    let nearest = -1
    let least = distance * distance
    for (const [number, { point }] of this.minima.entries()) {
      const square = (x - point[0]) ** 2 + (y - point[1]) ** 2
      if (square > least) continue
      nearest = number
      least = square
    }
    return nearest
  }

  /** Adds a minimum. It gets the color whose nearest use is farthest away. */
  #add(point: Point): number {
    const [x0, x1, y0, y1] = this.#view
    const room = COLORS.map(() => Infinity)
    for (const { point: other, color } of this.minima) {
      const apart = Math.hypot((point[0] - other[0]) / (x1 - x0), (point[1] - other[1]) / (y1 - y0))
      room[color] = Math.min(room[color], apart)
    }
    return this.minima.push({ point, color: room.indexOf(Math.max(...room)) }) - 1
  }

  /** Reassigns unfinished runs, which may be close to a minimum that was found later. */
  #revise(): void {
    for (const [start, kind] of this.kinds.entries()) {
      if (kind !== UNFINISHED) continue
      const revised = this.#reached(this.endOf(start), kind)
      this.kinds[start] = revised
      this.counts[kind]--
      this.counts[revised]++
    }
  }

  /** The first piece determines the range of speeds, so that colors do not change later. */
  #measure(starts: Uint32Array): void {
    const sorted = this.iterations.filter((_, start) => this.kinds[start] >= CONVERGED).sort()
    if (sorted.length === 0 || starts.length === 0) return
    const quantile = (q: number) => Math.max(1, sorted[Math.floor(q * (sorted.length - 1))])
    this.fast = quantile(0.02)
    this.slow = quantile(0.98)
  }
}

/** Strength of the faintest color. */
const FAINTEST = 0.3

/** Makes a function that computes the color of a pixel as a 32-bit word of image data. */
export function painter(outcomes: Outcomes, theme: Theme) {
  const channels = (hex: string) => [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16))
  const [surface, text, muted, grid] = [theme.surface, theme.text, theme.muted, theme.grid].map(channels)
  const colors = COLORS.map((number) => channels(theme.racers[number]))
  const word = ([r, g, b]: readonly number[]) => (0xff000000 | (b << 16) | (g << 8) | r) >>> 0
  const mixed = (color: readonly number[], part: number) =>
    word(color.map((c, i) => Math.round(surface[i] + part * (c - surface[i]))))
  // Speeds are quantized to 256 steps, because mixing a color per pixel would be too slow.
  const shades = colors.map((color) =>
    Uint32Array.from({ length: 256 }, (_, i) => mixed(color, FAINTEST + ((1 - FAINTEST) * i) / 255)),
  )
  const [ground, ink, pale, mark] = [surface, text, grid, muted].map(word)
  return (kind: number, iterations: number, column: number, row: number): number => {
    if (kind >= FIRST) {
      return shades[outcomes.minima[kind - FIRST].color][Math.round(255 * outcomes.speed(iterations))]
    }
    if (kind === DIVERGED) return (column + row) % 8 < 3 ? ink : ground
    if (kind === UNFINISHED) return column % 6 < 2 && row % 6 < 2 ? mark : pale
    if (kind === CONVERGED) return row % 6 < 2 ? mark : ground
    return ground
  }
}

export function paint(outcomes: Outcomes, theme: Theme, pixels: Uint32Array): void {
  const color = painter(outcomes, theme)
  const { shown, kinds, iterations } = outcomes
  for (let pixel = 0; pixel < pixels.length; pixel++) {
    const start = shown[pixel]
    pixels[pixel] = color(kinds[start], iterations[start], pixel % SIDE, Math.floor(pixel / SIDE))
  }
}
