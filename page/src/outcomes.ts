/** Where runs from all over a view end: which minimum each reaches, how soon, and in which color that is. */

import type { Point, View } from 'antigrad'
import type { Theme } from './palette.js'

/** Starts in each direction. */
export const SIDE = 500
/** Strides through the grid of starts, coarse to fine: a rough picture is there at once. */
const STRIDES = [16, 8, 4, 2, 1]
/** Runs in a piece: they end within a second, long as they may be. */
const PIECE = 8192
/** So many minima are told apart; more would not be seen. */
const MAX_MINIMA = 200
/** What is at rest this near to a minimum, in sides of the view, is in it. */
const SUCCESS_RADIUS = 1e-3

// The outcome of a start. CONVERGED is at rest at none of the listed minima; these are numbered from FIRST on.
export const NONE = 0
export const DIVERGED = 1
export const UNFINISHED = 2
export const CONVERGED = 3
export const FIRST = 4

/** Starts that are run together: the coarsest ones first. */
export interface OutcomePiece {
  readonly stride: number
  /** Their numbers, by row from above. */
  readonly starts: Uint32Array<ArrayBuffer>
}

/** Every start, once. */
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

/** Where a start is: in the middle of its pixel. */
export function computeStart([x0, x1, y0, y1]: View, start: number): Point {
  const [column, row] = [start % SIDE, Math.floor(start / SIDE)]
  return [x0 + ((x1 - x0) * (column + 0.5)) / SIDE, y1 - ((y1 - y0) * (row + 0.5)) / SIDE]
}

/** The start whose pixel a point is in; null outside of the view. */
export function startNear([x0, x1, y0, y1]: View, [x, y]: Point): number | null {
  const column = Math.floor((SIDE * (x - x0)) / (x1 - x0))
  const row = Math.floor((SIDE * (y1 - y)) / (y1 - y0))
  return column >= 0 && column < SIDE && row >= 0 && row < SIDE ? row * SIDE + column : null
}

/** Ends of runs, a column each. */
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

/** The racers' colors but for text's own, those first that differ most. */
const COLORS = [0, 1, 2, 5, 7, 6, 3]

export class Outcomes {
  readonly minima: KnownMinimum[] = []
  readonly kinds = new Uint8Array(SIDE * SIDE)
  readonly iterations = new Uint32Array(SIDE * SIDE)
  /** The start whose outcome a pixel shows. */
  readonly shown = new Uint32Array(SIDE * SIDE)
  /** How many starts have each outcome. */
  readonly counts = new Uint32Array(FIRST + MAX_MINIMA)
  done = 0
  /** The strongest color is for as few updates, the faintest for as many. */
  fast = 1
  slow = 1
  readonly #x = new Float64Array(SIDE * SIDE)
  readonly #y = new Float64Array(SIDE * SIDE)
  readonly #view: View
  readonly #distance: number
  readonly #rest: number

  /**
   * @param known minima that are known beforehand
   * @param distance from a minimum, within which a run has arrived though it goes on
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

  /** Takes over how a piece ended; pieces come in their order, so that minima are found in one order. */
  take({ stride, starts }: OutcomePiece, { x, y, iterations, kinds }: OutcomePoints): void {
    const known = this.minima.length
    for (const [k, start] of starts.entries()) {
      this.#x[start] = x[k]
      this.#y[start] = y[k]
      this.iterations[start] = iterations[k]
      const kind = this.#reached([x[k], y[k]], kinds[k])
      this.kinds[start] = kind
      this.counts[kind]++
      // Where no finer start is known yet, it stands for its surroundings.
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

  /** From 1 for the fastest to 0 for the slowest, by the logarithm. */
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

  /** A new minimum gets the color whose nearest holder is farthest away. */
  #add(point: Point): number {
    const [x0, x1, y0, y1] = this.#view
    const room = COLORS.map(() => Infinity)
    for (const { point: other, color } of this.minima) {
      const apart = Math.hypot((point[0] - other[0]) / (x1 - x0), (point[1] - other[1]) / (y1 - y0))
      room[color] = Math.min(room[color], apart)
    }
    return this.minima.push({ point, color: room.indexOf(Math.max(...room)) }) - 1
  }

  /** What had not arrived may be at a minimum that has been found since. */
  #revise(): void {
    for (const [start, kind] of this.kinds.entries()) {
      if (kind !== UNFINISHED) continue
      const revised = this.#reached(this.endOf(start), kind)
      this.kinds[start] = revised
      this.counts[kind]--
      this.counts[revised]++
    }
  }

  /** The coarsest picture decides what is fast, so that colors stay as they are from then on. */
  #measure(starts: Uint32Array): void {
    const sorted = this.iterations.filter((_, start) => this.kinds[start] >= CONVERGED).sort()
    if (sorted.length === 0 || starts.length === 0) return
    const quantile = (q: number) => Math.max(1, sorted[Math.floor(q * (sorted.length - 1))])
    this.fast = quantile(0.02)
    this.slow = quantile(0.98)
  }
}

/** How much of a color is left where it is faintest. */
const FAINTEST = 0.3

/** Colors of pixels, as words of an image's data. */
export function painter(outcomes: Outcomes, theme: Theme) {
  const channels = (hex: string) => [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16))
  const [surface, text, muted, grid] = [theme.surface, theme.text, theme.muted, theme.grid].map(channels)
  const colors = COLORS.map((number) => channels(theme.racers[number]))
  const word = ([r, g, b]: readonly number[]) => (0xff000000 | (b << 16) | (g << 8) | r) >>> 0
  const mixed = (color: readonly number[], part: number) =>
    word(color.map((c, i) => Math.round(surface[i] + part * (c - surface[i]))))
  // Speeds in 256 steps: a mixture for each pixel would take longer than the picture may.
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
