/** The map: contours, the minima as stars, the racers' paths, and the start, which can be dragged. */

import type { Point, View } from 'antigrad'
import { ticks } from 'd3-array'
import { contours } from 'd3-contour'
import { h, shown } from './dom.js'
import type { Race } from './race.js'
import { GRID, LEVELS, type Terrain } from './terrain.js'
import { drawMark, styleOf, theme } from './theme.js'

const MARGIN = { left: 38, right: 8, top: 8, bottom: 24 }

/** Where in an element of some size a view is drawn. */
export const boxIn = (width: number, height: number) => ({
  left: MARGIN.left,
  top: MARGIN.top,
  width: Math.max(1, width - MARGIN.left - MARGIN.right),
  height: Math.max(1, height - MARGIN.top - MARGIN.bottom),
})
export type Box = ReturnType<typeof boxIn>

export class ContourPlot {
  readonly element: HTMLElement
  readonly #ground = h('canvas', { 'aria-hidden': 'true' })
  readonly #paths = h('canvas', { 'aria-hidden': 'true' })
  readonly #heads = h('canvas', { 'aria-hidden': 'true' })
  readonly #handle = h('div', { className: 'handle', tabIndex: 0, role: 'slider' })
  #width = 0
  #height = 0
  #terrain: Terrain | null = null
  #levels: ReturnType<ReturnType<typeof contours>> = []
  #race: Race | null = null
  #start: Point = [0, 0]
  /** How many points of each path are drawn, and how far its dashes have come. */
  #drawn: { points: number; length: number }[] = []

  /** @param onMove is told where the start is moved to */
  constructor(onMove: (start: Point) => void) {
    this.#handle.setAttribute(
      'aria-label',
      'Start of the race: arrow keys move it, with Shift in small steps',
    )
    this.element = h(
      'div',
      { className: 'plot contour' },
      this.#ground,
      this.#paths,
      this.#heads,
      this.#handle,
    )
    new ResizeObserver(() => this.resize()).observe(this.element)
    this.#listen(onMove)
  }

  show(terrain: Terrain): void {
    this.#terrain = terrain
    const heights = Array.from(terrain.heights, (z) => (Number.isNaN(z) ? -1 : z))
    const thresholds = Array.from({ length: LEVELS }, (_, i) => (i + 0.5) / LEVELS)
    this.#levels = contours().size([GRID, GRID]).thresholds(thresholds)(heights)
    this.#drawGround()
  }

  /** A new race: its paths begin. */
  begin(race: Race): void {
    this.#race = race
    this.#start = race.state.start
    this.#drawn = race.racers.map(() => ({ points: 1, length: 0 }))
    this.#clear(this.#paths)
    this.#placeHandle()
    this.update()
  }

  /** Draws what has been raced since the last call. */
  update(): void {
    const race = this.#race
    if (!race || this.#width === 0) return
    const paths = this.#context(this.#paths)
    this.#clip(paths)
    for (const [number, racer] of race.racers.entries()) {
      const drawn = this.#drawn[number]
      const { color, dash } = styleOf(number)
      paths.strokeStyle = color
      paths.lineWidth = 2
      paths.lineJoin = 'round'
      paths.setLineDash([...dash])
      paths.lineDashOffset = drawn.length
      paths.beginPath()
      let last = this.#pixel(racer.pointAt(drawn.points - 1))
      paths.moveTo(...last)
      for (; drawn.points <= racer.iterations; drawn.points++) {
        const next = this.#pixel(racer.pointAt(drawn.points))
        paths.lineTo(...next)
        drawn.length += Math.hypot(next[0] - last[0], next[1] - last[1])
        last = next
      }
      paths.stroke()
    }
    paths.restore()
    this.#clear(this.#heads)
    const heads = this.#context(this.#heads)
    this.#clip(heads)
    for (const [number, racer] of race.racers.entries()) {
      const [x, y] = racer.pointAt(racer.iterations)
      if (Number.isFinite(x) && Number.isFinite(y)) drawMark(heads, number, ...this.#pixel([x, y]))
    }
    heads.restore()
  }

  resize(): void {
    const { clientWidth, clientHeight } = this.element
    this.#width = clientWidth
    this.#height = clientHeight
    const ratio = Math.min(devicePixelRatio, 2)
    for (const canvas of [this.#ground, this.#paths, this.#heads]) {
      canvas.width = clientWidth * ratio
      canvas.height = clientHeight * ratio
      canvas.getContext('2d')?.setTransform(ratio, 0, 0, ratio, 0, 0)
    }
    this.redraw()
  }

  /** Everything anew, as after a change of size or colours. */
  redraw(): void {
    this.#drawGround()
    if (this.#race) this.begin(this.#race)
  }

  #context(canvas: HTMLCanvasElement): CanvasRenderingContext2D {
    const context = canvas.getContext('2d') as CanvasRenderingContext2D
    context.save()
    return context
  }

  #clear(canvas: HTMLCanvasElement): void {
    canvas.getContext('2d')?.clearRect(0, 0, this.#width, this.#height)
  }

  get #box() {
    return boxIn(this.#width, this.#height)
  }

  #clip(context: CanvasRenderingContext2D): void {
    const { left, top, width, height } = this.#box
    context.beginPath()
    context.rect(left, top, width, height)
    context.clip()
  }

  /** Where a point is in the picture; far outside, where a path has diverged, no farther than canvas can draw. */
  #pixel([x, y]: Point): Point {
    const { left, top, width, height } = this.#box
    const [x0, x1, y0, y1] = this.#view
    return [
      within(left + (width * (x - x0)) / (x1 - x0), 1e5),
      within(top + (height * (y1 - y)) / (y1 - y0), 1e5),
    ]
  }

  get #view() {
    return this.#terrain?.landscape.view ?? ([0, 1, 0, 1] as const)
  }

  #drawGround(): void {
    const terrain = this.#terrain
    if (!terrain || this.#width === 0) return
    const { left, top, width, height } = this.#box
    const colors = theme()
    this.#clear(this.#ground)
    const context = this.#context(this.#ground)
    this.#clip(context)
    context.fillStyle = colors.low
    context.fillRect(left, top, width, height)
    // d3's rows go down from 0 and its cells have centres at half; ours go up and lie on the corners.
    const path = (rings: number[][][][]) => {
      context.beginPath()
      for (const [column, row, isFirst] of corners(rings)) {
        const x = left + (width * (column - 0.5)) / (GRID - 1)
        const y = top + height - (height * (row - 0.5)) / (GRID - 1)
        if (isFirst) context.moveTo(x, y)
        else context.lineTo(x, y)
      }
    }
    context.strokeStyle = colors.contour
    context.lineWidth = 0.6
    for (const { value, coordinates } of this.#levels) {
      path(coordinates)
      context.fillStyle = mixed(colors.low, colors.high, value)
      context.fill('evenodd')
      context.stroke()
    }
    for (const minimum of terrain.landscape.minima) drawStar(context, ...this.#pixel(minimum))
    context.restore()
    drawAxes(context, this.#box, this.#view)
    context.restore()
    this.#placeHandle()
  }

  #placeHandle(): void {
    const race = this.#race
    if (!race) return
    const { start } = race.state
    const [x0, x1] = this.#view
    const [x, y] = this.#pixel(start)
    const { left, top, width, height } = this.#box
    // A start out of view waits at the edge, where it can be taken.
    const at = [Math.min(left + width, Math.max(left, x)), Math.min(top + height, Math.max(top, y))]
    this.#handle.style.transform = `translate(${at[0]}px, ${at[1]}px)`
    const bounds: Record<string, string> = {
      'aria-valuemin': String(x0),
      'aria-valuemax': String(x1),
      'aria-valuenow': String(start[0]),
      'aria-valuetext': `x ${shown(start[0])}, y ${shown(start[1])}`,
    }
    for (const [name, value] of Object.entries(bounds)) this.#handle.setAttribute(name, value)
  }

  #listen(onMove: (start: Point) => void): void {
    const handle = this.#handle
    const pointed = ({ clientX, clientY }: PointerEvent): Point => {
      const { left, top, width, height } = this.#box
      const bounds = this.element.getBoundingClientRect()
      return pointAt(
        this.#view,
        (clientX - bounds.left - left) / width,
        (clientY - bounds.top - top) / height,
      )
    }
    handle.addEventListener('pointerdown', (event) => {
      handle.setPointerCapture(event.pointerId)
      handle.focus()
      event.preventDefault()
    })
    handle.addEventListener('pointermove', (event) => {
      if (handle.hasPointerCapture(event.pointerId)) onMove(pointed(event))
    })
    handle.addEventListener('pointerup', (event) => {
      if (handle.hasPointerCapture(event.pointerId)) onMove(pointed(event))
    })
    // A click elsewhere on the map brings the start there.
    this.element.addEventListener('click', (event) => {
      if (event.target !== handle) onMove(pointed(event as PointerEvent))
    })
    handle.addEventListener('keydown', (event) => {
      const by = arrows[event.key]
      if (!by || !this.#race) return
      event.preventDefault()
      const [x0, x1, y0, y1] = this.#view
      const part = event.shiftKey ? 0.0025 : 0.025
      // Keys may come faster than frames, in which the race begins anew.
      const [x, y] = this.#start
      this.#start = [
        Math.min(x1, Math.max(x0, rounded(x + by[0] * part * (x1 - x0), x1 - x0))),
        Math.min(y1, Math.max(y0, rounded(y + by[1] * part * (y1 - y0), y1 - y0))),
      ]
      onMove(this.#start)
    })
  }
}

const arrows: Readonly<Record<string, Point>> = {
  ArrowLeft: [-1, 0],
  ArrowRight: [1, 0],
  ArrowUp: [0, 1],
  ArrowDown: [0, -1],
}

/** A frame, and numbers along it. */
export function drawAxes(context: CanvasRenderingContext2D, box: Box, [x0, x1, y0, y1]: View): void {
  const { left, top, width, height } = box
  const { grid, muted } = theme()
  context.lineWidth = 1
  context.strokeStyle = grid
  context.strokeRect(left + 0.5, top + 0.5, width - 1, height - 1)
  context.fillStyle = muted
  context.font = '12px system-ui, sans-serif'
  context.textAlign = 'center'
  context.textBaseline = 'top'
  for (const x of ticks(x0, x1, 5)) {
    const at = left + (width * (x - x0)) / (x1 - x0)
    if (at > left + width - 12) context.textAlign = 'right'
    context.fillText(shown(x), Math.min(at, left + width), top + height + 7)
  }
  context.textAlign = 'right'
  context.textBaseline = 'middle'
  for (const y of ticks(y0, y1, 5)) {
    const at = top + (height * (y1 - y)) / (y1 - y0)
    context.fillText(shown(y), left - 6, Math.max(at, top + 6))
  }
}

const within = (x: number, limit: number) => (Number.isNaN(x) ? limit : Math.min(limit, Math.max(-limit, x)))
/** The point at so much of a view's width, and of its height from above. */
export function pointAt([x0, x1, y0, y1]: View, u: number, v: number): Point {
  const [x, y] = [x0 + fraction(u) * (x1 - x0), y1 - fraction(v) * (y1 - y0)]
  return [rounded(x, x1 - x0), rounded(y, y1 - y0)]
}

const fraction = (x: number) => Math.min(1, Math.max(0, x))

/** As many decimals as a drag can mean: a short address, and a start that can be told. */
export function rounded(x: number, range: number): number {
  const unit = 10 ** Math.floor(Math.log10(range) - 3)
  return Number((Math.round(x / unit) * unit).toPrecision(12))
}

function* corners(rings: number[][][][]): Generator<[column: number, row: number, isFirst: boolean]> {
  for (const ring of rings.flat()) {
    for (const [i, [column, row]] of ring.entries()) yield [column, row, i === 0]
  }
}

function mixed(low: string, high: string, part: number): string {
  const [from, to] = [low, high].map((hex) => [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16)))
  return `rgb(${from.map((x, i) => Math.round(x + part * (to[i] - x))).join(' ')})`
}

function drawStar(context: CanvasRenderingContext2D, x: number, y: number): void {
  context.beginPath()
  for (let i = 0; i < 10; i++) {
    const radius = i % 2 === 0 ? 13 : 5.5
    const angle = (Math.PI * i) / 5
    context.lineTo(x + radius * Math.sin(angle), y - radius * Math.cos(angle))
  }
  context.closePath()
  context.fillStyle = theme().star
  context.strokeStyle = theme().surface
  context.lineWidth = 1.5
  context.fill()
  context.stroke()
}
