/** The layers of the paths, which only grow: the paths, and below them their edges and the stars. */

import type { Point } from 'antigrad'
import { h } from '../dom.js'
import type { Race, Racer } from '../race.js'
import { getStyle, theme } from '../theme.js'
import type { MapGeometry } from './geometry.js'
import { drawStar, readableContext } from './plot.js'

/** Widths in pixels of a path, and of the path with its edge. */
const PATH = { line: 2.4, edge: 5 }
/** Moves of fewer pixels are merged with the next one. */
const SHORTEST = 0.25

interface PathStyle {
  readonly color: string
  readonly width: number
  readonly dash: readonly number[]
  readonly dashOffset: number
}

export class Paths {
  isShown = true
  readonly edges = h('canvas', { 'aria-hidden': 'true' })
  readonly lines = h('canvas')
  readonly #geometry: MapGeometry
  /** Number of drawn updates of each path, and the current position in its dash pattern. */
  #drawn: { iterations: number; length: number }[] = []

  constructor(geometry: MapGeometry) {
    this.#geometry = geometry
  }

  /** Removes all paths, and draws the stars. */
  begin({ racers, landscape }: Race): void {
    this.#drawn = racers.map(() => ({ iterations: 0, length: 0 }))
    const { width, height } = this.#geometry
    if (width === 0) return
    for (const canvas of [this.edges, this.lines]) readableContext(canvas).clearRect(0, 0, width, height)
    const edges = readableContext(this.edges)
    edges.save()
    this.#geometry.clip(edges)
    for (const minimum of landscape.minima) drawStar(edges, ...this.#geometry.pixel(minimum))
    edges.restore()
  }

  /** Whether the displayed position has moved back. */
  isAheadOf({ racers }: Race): boolean {
    return racers.some(({ iterations }, i) => iterations < this.#drawn[i].iterations)
  }

  /**
   * Draws the updates of a racer since the last call.
   *
   * @returns the corners of the changed region; null if nothing has moved
   */
  extend(number: number, racer: Racer): readonly [Point, Point] | null {
    const drawn = this.#drawn[number]
    const { iterations } = racer
    if (iterations === drawn.iterations) return null
    const path = new Path2D()
    let last = this.#geometry.pixel(racer.pointAt(drawn.iterations))
    path.moveTo(...last)
    let [left, top] = last
    let [right, bottom] = last
    const dashOffset = drawn.length
    for (let i = drawn.iterations + 1; i <= iterations; i++) {
      const next = this.#geometry.pixel(racer.pointAt(i))
      const by = Math.hypot(next[0] - last[0], next[1] - last[1])
      if (by < SHORTEST && i < iterations) continue
      path.lineTo(...next)
      drawn.length += by
      last = next
      left = Math.min(left, last[0])
      top = Math.min(top, last[1])
      right = Math.max(right, last[0])
      bottom = Math.max(bottom, last[1])
    }
    drawn.iterations = iterations
    if (this.isShown) this.#draw(number, path, dashOffset)
    return [
      [left, top],
      [right, bottom],
    ]
  }

  #draw(number: number, path: Path2D, dashOffset: number): void {
    const { color, dash } = getStyle(number)
    // The edge separates the path from the colors of the map. All edges are below all paths.
    this.#stroke(this.edges, path, { color: theme().surface, width: PATH.edge, dash: [], dashOffset: 0 })
    this.#stroke(this.lines, path, { color, width: PATH.line, dash, dashOffset })
  }

  #stroke(canvas: HTMLCanvasElement, path: Path2D, style: PathStyle): void {
    const context = readableContext(canvas)
    context.save()
    this.#geometry.clip(context)
    context.strokeStyle = style.color
    context.lineWidth = style.width
    context.lineJoin = 'round'
    context.lineCap = style.dash.length > 0 ? 'butt' : 'round'
    context.setLineDash([...style.dash])
    context.lineDashOffset = style.dashOffset
    context.stroke(path)
    context.restore()
  }
}
