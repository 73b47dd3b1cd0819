/** The visible layer of the paths, with the racers' marks, names and arrows on top. */

import type { Point } from 'antigrad'
import { h } from '../dom.js'
import { type LabelRect, placeLabels } from '../names.js'
import type { Race } from '../race.js'
import { getStyle, theme } from '../theme.js'
import { drawPull, type Pull } from './arrows.js'
import type { MapGeometry } from './geometry.js'
import { type PlotBox, readableContext } from './plot.js'
import { MARK_RADIUS, makeMarks, makeNames, type Sprite } from './sprites.js'

/** Distance in pixels of a changed region from its lines. */
const EDGE = 10
/** Distance in pixels between a point and its name from which a line connects the two. */
const APART = 20
/** Half the side length of the square around the ring, which names avoid. */
const RING = 15
/** Half the side length of the square around the end of a path, which names avoid. */
const END = 32

export class Heads {
  readonly picture = h('canvas', { 'aria-hidden': 'true' })
  pulls: readonly (Pull | null)[] = []
  /** Position of each name relative to its point. */
  offsets: (readonly [number, number] | null)[] = []
  /** Whether nothing of the current race has been drawn. */
  isFresh = true
  readonly #geometry: MapGeometry
  readonly #lines: HTMLCanvasElement
  /** The region of the words next to the ring, which names avoid. */
  readonly #hint: () => LabelRect | null
  #marks: Sprite[] = []
  #labels: Sprite[] = []
  /** Regions in which the picture differs from the layer of paths. */
  #dirty: PlotBox[] = []

  /**
   * @param lines the layer of paths
   * @param hint returns a region that names avoid
   */
  constructor(geometry: MapGeometry, lines: HTMLCanvasElement, hint: () => LabelRect | null) {
    this.#geometry = geometry
    this.#lines = lines
    this.#hint = hint
  }

  /** Makes the marks and the names of other racers. */
  rename({ racers }: Race): void {
    const { ratio } = this.#geometry
    this.#marks = makeMarks(racers, ratio)
    this.#labels = makeNames(racers, ratio, readableContext(this.picture))
  }

  /** Draws everything again at the next call of `draw`. */
  begin({ racers }: Race): void {
    const { width, height } = this.#geometry
    this.offsets = racers.map((_, i) => this.offsets[i] ?? null)
    if (width === 0) return
    this.isFresh = true
    this.#dirty = [{ left: 0, top: 0, width, height }]
  }

  /** Marks a region as changed. */
  soil([x, y]: Point, [toX, toY]: Point): void {
    const [left, top] = [Math.min(x, toX) - EDGE, Math.min(y, toY) - EDGE]
    const [width, height] = [Math.abs(x - toX) + 2 * EDGE, Math.abs(y - toY) + 2 * EDGE]
    this.#dirty.push({ left, top, width, height })
  }

  /** Draws the marks, names and arrows, or only the layer of paths. */
  draw(race: Race, isShown: boolean): void {
    this.isFresh = false
    const heads = readableContext(this.picture)
    this.#mend(heads)
    if (!isShown) return
    heads.save()
    this.#geometry.clip(heads)
    const { box } = this.#geometry
    const places = race.racers.map((racer) => {
      const [x, y] = this.#geometry.pixel(racer.pointAt(racer.iterations))
      const isInside = x >= box.left && y >= box.top && x <= box.left + box.width && y <= box.top + box.height
      return isInside ? ([x, y] as const) : null
    })
    const there = places.flatMap((place, number) => (place ? [number] : []))
    const corners = this.#placeNames(race, places, there)
    for (const [i, number] of there.entries()) {
      const at = places[number] as Point
      const corner = corners[i]
      this.offsets[number] = corner && [corner[0] - at[0], corner[1] - at[1]]
      if (corner) this.#lead(heads, number, at, corner)
    }
    for (const number of there) this.#drawMark(heads, race, number, places[number] as Point)
    for (const [i, number] of there.entries()) {
      const corner = corners[i]
      if (corner) this.#copy(heads, this.#labels[number], ...corner)
    }
    heads.restore()
  }

  #drawMark(heads: CanvasRenderingContext2D, race: Race, number: number, [x, y]: Point): void {
    this.#copy(heads, this.#marks[number], x - MARK_RADIUS, y - MARK_RADIUS)
    const pull = this.pulls[number]
    if (!pull) return
    const ends = drawPull(heads, race.racers[number], (point) => this.#geometry.pixel(point), pull)
    for (const end of ends) this.soil([x, y], end)
  }

  #placeNames(race: Race, places: readonly (Point | null)[], there: readonly number[]) {
    const named = there.map((number) => {
      const [x, y] = places[number] as Point
      const { width, height } = this.#labels[number]
      return { x, y, width, height, before: this.offsets[number] }
    })
    const [x, y] = this.#geometry.pixel(race.state.start)
    const ring = { left: x - RING, top: y - RING, width: 2 * RING, height: 2 * RING }
    // Names leave the ends of paths visible.
    const ends = there
      .filter((number) => race.racers[number].reason !== null)
      .map((number) => places[number] as Point)
      .map(([x, y]) => ({ left: x - END, top: y - END, width: 2 * END, height: 2 * END }))
    const hint = this.#hint()
    return placeLabels(named, this.#geometry.box, [ring, ...ends, ...(hint ? [hint] : [])])
  }

  /** Draws a line from a point to its name if the name is not next to the point. */
  #lead(heads: CanvasRenderingContext2D, number: number, [x, y]: Point, [left, top]: Point): void {
    const { width, height } = this.#labels[number]
    const to: Point = [Math.min(left + width, Math.max(left, x)), Math.min(top + height, Math.max(top, y))]
    if (Math.hypot(to[0] - x, to[1] - y) < APART) return
    heads.beginPath()
    heads.moveTo(x, y)
    heads.lineTo(...to)
    heads.lineWidth = 3
    heads.strokeStyle = theme().surface
    heads.stroke()
    heads.lineWidth = 1
    heads.strokeStyle = getStyle(number).color
    heads.stroke()
    this.soil([x, y], to)
  }

  #copy(context: CanvasRenderingContext2D, { picture, width, height }: Sprite, x: number, y: number): void {
    context.drawImage(picture, x, y, width, height)
    this.#dirty.push({ left: x - 1, top: y - 1, width: width + 2, height: height + 2 })
  }

  /** Restores only the changed regions from the layer of paths, because browsers repaint every touched region. */
  #mend(context: CanvasRenderingContext2D): void {
    const { width: whole, height: all, ratio } = this.#geometry
    for (const rect of this.#dirty) {
      const left = Math.floor(Math.max(0, rect.left))
      const top = Math.floor(Math.max(0, rect.top))
      const width = Math.ceil(Math.min(whole, rect.left + rect.width)) - left
      const height = Math.ceil(Math.min(all, rect.top + rect.height)) - top
      if (width <= 0 || height <= 0) continue
      const [x, y, w, h] = [left, top, width, height].map((side) => side * ratio)
      context.clearRect(left, top, width, height)
      context.drawImage(this.#lines, x, y, w, h, left, top, width, height)
    }
    this.#dirty = []
  }
}
