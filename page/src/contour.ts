/** The map: contours, minima as stars, the paths and names of the racers, and the draggable starting point. */

import type { Point, View } from 'antigrad'
import { ticks } from 'd3-array'
import { contours } from 'd3-contour'
import { axisMarks, type ContourLevel, findContours, starCorners, toFractions } from '../../dist/page.js'
import { formatNumber, h, roundForRange } from './dom.js'
import { countLevels, GRID, type HeightField } from './height-field.js'
import { placeLabels, shortNames } from './names.js'
import type { Race, Racer } from './race.js'
import { drawMark, getStyle, theme } from './theme.js'

const MARGIN = { left: 38, right: 8, top: 8, bottom: 24 }
/** Number of pixels that a pressed pointer must move before a drag begins. */
const STILL = 4
const LABEL = { font: '600 12px system-ui, sans-serif', height: 16, edge: 3 }
/**
 * Keeps the canvas in main memory. Browsers that emulate a graphics card otherwise draw these few lines at half the
 * speed (WebKit: 20 to 37 instead of 55 frames per second).
 */
const PLAIN = { willReadFrequently: true } as const
const readableContext = (canvas: HTMLCanvasElement) =>
  canvas.getContext('2d', PLAIN) as CanvasRenderingContext2D
/** Half the side length of a mark including its outline. */
const MARK_RADIUS = 11
/** Lengths in pixels of the arrows that show only a direction, and the minimum length of a step's arrow. */
const ARROW = { gradient: 46, velocity: 34, least: 12 }

/** The box of the plot in an element of the given size. */
export const computePlotBox = (width: number, height: number) => ({
  left: MARGIN.left,
  top: MARGIN.top,
  width: Math.max(1, width - MARGIN.left - MARGIN.right),
  height: Math.max(1, height - MARGIN.top - MARGIN.bottom),
})
export type PlotBox = ReturnType<typeof computePlotBox>

/** The gradient at a point, and the velocity of the rule before the next step. */
export interface Pull {
  readonly gradient: Point
  readonly velocity: Point | null
}

/** How the start was moved: by a drag in progress, a finished drag, a key, or a click (which also plays the race). */
export type StartMove = 'held' | 'done' | 'key' | 'click'

/** The style of an arrow. */
interface ArrowStyle {
  readonly color: string
  readonly width: number
  readonly dash?: number[]
}

/** A small image that is drawn once and then copied. */
interface Sprite {
  readonly picture: HTMLCanvasElement
  readonly width: number
  readonly height: number
}

export class ContourPlot {
  readonly element: HTMLElement
  /** The visible canvas: the layer of paths, with points and names on top. */
  readonly #picture = h('canvas', { 'aria-hidden': 'true' })
  /** The static background and the paths, which only grow. */
  readonly #paths = h('canvas')
  /** The static background: contours, minima and axes. */
  readonly #ground = h('canvas')
  readonly #handle = h('div', { className: 'handle', tabIndex: 0, role: 'slider' })
  #width = 0
  #height = 0
  #ratio = 1
  #terrain: HeightField | null = null
  #levels: readonly ContourLevel[] = []
  #race: Race | null = null
  #start: Point = [0, 0]
  /** Number of drawn updates of each path, and the current position in its dash pattern. */
  #drawn: { iterations: number; length: number }[] = []
  #marks: Sprite[] = []
  #labels: Sprite[] = []
  /** Position of each name relative to its point. */
  #offsets: (readonly [number, number] | null)[] = []
  /** Regions in which the visible canvas differs from the layer of paths. */
  #dirty: PlotBox[] = []
  #pulls: readonly (Pull | null)[] = []
  /** Whether nothing of the current race has been drawn. */
  #isFresh = true

  /** @param onMove called with the new start, and how it was moved */
  constructor(onMove: (start: Point, how: StartMove) => void) {
    this.#handle.setAttribute(
      'aria-label',
      'Starting point: the arrow keys move the starting point, in smaller steps if Shift is held',
    )
    this.element = h('div', { className: 'plot contour' }, this.#picture, this.#handle)
    new ResizeObserver(() => this.resize()).observe(this.element)
    this.#listen(onMove)
  }

  /** Aspect ratio (width divided by height) of the plot. */
  get aspect(): number {
    const { width, height } = computePlotBox(this.element.clientWidth, this.element.clientHeight)
    return width / height
  }

  /** The visible canvas. */
  get picture(): HTMLCanvasElement {
    return this.#picture
  }

  /** Everything that a saved plot contains, with positions in pixels. */
  get drawing() {
    return {
      width: this.#width,
      height: this.#height,
      box: this.#box,
      levels: this.#levels,
      race: this.#race as Race,
      terrain: this.#terrain as HeightField,
      offsets: this.#offsets,
      pixel: (point: Point) => this.#pixel(point),
    }
  }

  show(terrain: HeightField): void {
    this.#terrain = terrain
    const heights = terrain.heights.map((z) => (Number.isNaN(z) ? -1 : z))
    const count = countLevels(terrain)
    const thresholds = Array.from({ length: count }, (_, i) => (i + 0.5) / count)
    this.#levels = findContours(contours, heights, GRID, thresholds)
    this.#drawGround()
  }

  /** Starts the paths of a new race; `anew` means that more than the start may have changed. */
  begin(race: Race, anew = true): void {
    this.#race = race
    this.#start = race.state.start
    this.#pulls = []
    if (anew && this.#width > 0) this.#makeSprites()
    this.#restart()
    this.#placeHandle()
    this.update()
  }

  /** Draws arrows at the racers' points; an empty array removes them. */
  pull(pulls: readonly (Pull | null)[]): void {
    if (pulls.length === 0 && this.#pulls.length === 0) return
    this.#pulls = pulls
    this.#drawHeads()
  }

  /** Draws the updates since the last call, or all updates if the displayed position has moved back. */
  update(): void {
    const race = this.#race
    if (!race || this.#width === 0) return
    if (race.racers.some(({ iterations }, i) => iterations < this.#drawn[i].iterations)) this.#restart()
    const paths = this.#context(this.#paths)
    this.#clip(paths)
    let isMoved = false
    for (const [number, racer] of race.racers.entries()) {
      if (racer.iterations === this.#drawn[number].iterations) continue
      isMoved = true
      this.#extend(paths, number, racer)
    }
    paths.restore()
    if (isMoved || this.#isFresh) this.#drawHeads()
  }

  #extend(paths: CanvasRenderingContext2D, number: number, racer: Racer): void {
    const drawn = this.#drawn[number]
    const { color, dash } = getStyle(number)
    paths.strokeStyle = color
    paths.lineWidth = 2
    paths.lineJoin = 'round'
    paths.setLineDash([...dash])
    paths.lineDashOffset = drawn.length
    paths.beginPath()
    let last = this.#pixel(racer.pointAt(drawn.iterations))
    paths.moveTo(...last)
    let [left, top] = last
    let [right, bottom] = last
    const { iterations } = racer
    for (let i = drawn.iterations + 1; i <= iterations; i++) {
      const next = this.#pixel(racer.pointAt(i))
      const by = Math.hypot(next[0] - last[0], next[1] - last[1])
      // Moves of less than a quarter of a pixel are merged with the next one.
      if (by < 0.25 && i < iterations) continue
      paths.lineTo(...next)
      drawn.length += by
      last = next
      left = Math.min(left, last[0])
      top = Math.min(top, last[1])
      right = Math.max(right, last[0])
      bottom = Math.max(bottom, last[1])
    }
    drawn.iterations = iterations
    paths.stroke()
    this.#soil([left, top], [right, bottom])
  }

  #drawHeads(): void {
    const race = this.#race
    if (!race || this.#width === 0) return
    this.#isFresh = false
    const heads = this.#context(this.#picture)
    this.#mend(heads)
    this.#clip(heads)
    const box = this.#box
    const places = race.racers.map((racer) => {
      const [x, y] = this.#pixel(racer.pointAt(racer.iterations))
      const isInside = x >= box.left && y >= box.top && x <= box.left + box.width && y <= box.top + box.height
      return isInside ? ([x, y] as const) : null
    })
    const there = places.flatMap((place, number) => (place ? [number] : []))
    const named = there.map((number) => {
      const [x, y] = places[number] as Point
      const { width, height } = this.#labels[number]
      return { x, y, width, height, before: this.#offsets[number] }
    })
    const [startX, startY] = this.#pixel(race.state.start)
    const ring = { left: startX - 15, top: startY - 15, width: 30, height: 30 }
    const corners = placeLabels(named, box, [ring])
    for (const [i, number] of there.entries()) {
      const [x, y] = places[number] as Point
      const corner = corners[i]
      this.#offsets[number] = corner && [corner[0] - x, corner[1] - y]
      if (corner) this.#lead(heads, number, [x, y], corner)
    }
    for (const number of there) {
      const [x, y] = places[number] as Point
      this.#copy(heads, this.#marks[number], x - MARK_RADIUS, y - MARK_RADIUS)
      const pull = this.#pulls[number]
      if (pull) this.#drawPull(heads, race.racers[number], [x, y], pull)
    }
    for (const [i, number] of there.entries()) {
      const corner = corners[i]
      if (corner) this.#copy(heads, this.#labels[number], ...corner)
    }
    heads.restore()
  }

  /** Draws a line from a point to its name if the name is not next to the point. */
  #lead(heads: CanvasRenderingContext2D, number: number, [x, y]: Point, [left, top]: Point): void {
    const { width, height } = this.#labels[number]
    const to: Point = [Math.min(left + width, Math.max(left, x)), Math.min(top + height, Math.max(top, y))]
    if (Math.hypot(to[0] - x, to[1] - y) < 20) return
    heads.beginPath()
    heads.moveTo(x, y)
    heads.lineTo(...to)
    heads.lineWidth = 1
    heads.strokeStyle = getStyle(number).color
    heads.stroke()
    this.#soil([x, y], to)
  }

  /** Draws the directions of the negative gradient and of the velocity, and the next step in its true length. */
  #drawPull(heads: CanvasRenderingContext2D, racer: Racer, at: Point, { gradient, velocity }: Pull): void {
    const { text, muted } = theme()
    const { iterations } = racer
    const point = racer.pointAt(iterations)
    const along = ([dx, dy]: Point, length: number) => {
      const [x, y] = this.#pixel([point[0] + dx * 1e-6, point[1] + dy * 1e-6])
      const far = [(x - at[0]) * 1e6, (y - at[1]) * 1e6]
      const size = Math.hypot(...far)
      return size > 0 && size < Infinity
        ? ([(far[0] * length) / size, (far[1] * length) / size] as const)
        : null
    }
    const direction = ([dx, dy]: Point) => {
      const size = Math.hypot(dx, dy)
      return size > 0 && size < Infinity ? ([dx / size, dy / size] as const) : null
    }
    const down = direction([-gradient[0], -gradient[1]])
    const flow = velocity && direction(velocity)
    const slope = down && along(down, ARROW.gradient)
    if (slope) this.#arrow(heads, at, slope, { color: muted, width: 1.5, dash: [3, 3] })
    const drift = flow && along(flow, ARROW.velocity)
    if (drift) this.#arrow(heads, at, drift, { color: muted, width: 1.5 })
    if (iterations < racer.made) {
      const next = this.#pixel(racer.pointAt(iterations + 1))
      const by: Point = [next[0] - at[0], next[1] - at[1]]
      const size = Math.hypot(...by)
      const scale = size < ARROW.least ? ARROW.least / size : 1
      if (size > 0) this.#arrow(heads, at, [by[0] * scale, by[1] * scale], { color: text, width: 2.5 })
    }
  }

  #arrow(
    heads: CanvasRenderingContext2D,
    [x, y]: Point,
    [dx, dy]: Point,
    { color, width, dash = [] }: ArrowStyle,
  ): void {
    const size = Math.hypot(dx, dy)
    const [ux, uy] = [dx / size, dy / size]
    const to: Point = [within(x + dx, 1e4), within(y + dy, 1e4)]
    const head = 4 + width
    for (const [stroke, line] of [
      [theme().surface, width + 2.5],
      [color, width],
    ] as const) {
      heads.strokeStyle = stroke
      heads.lineWidth = line
      heads.setLineDash(line === width ? dash : [])
      heads.beginPath()
      heads.moveTo(x, y)
      heads.lineTo(...to)
      heads.stroke()
      heads.setLineDash([])
      heads.beginPath()
      heads.moveTo(to[0] - head * (ux - 0.6 * uy), to[1] - head * (uy + 0.6 * ux))
      heads.lineTo(...to)
      heads.lineTo(to[0] - head * (ux + 0.6 * uy), to[1] - head * (uy - 0.6 * ux))
      heads.stroke()
    }
    this.#soil([x, y], to)
  }

  #copy(context: CanvasRenderingContext2D, { picture, width, height }: Sprite, x: number, y: number): void {
    context.drawImage(picture, x, y, width, height)
    this.#dirty.push({ left: x - 1, top: y - 1, width: width + 2, height: height + 2 })
  }

  /** Restores only the changed regions from the layer of paths, because browsers repaint every touched region. */
  #mend(context: CanvasRenderingContext2D): void {
    const whole = { left: 0, top: 0, width: this.#width, height: this.#height }
    for (const rect of this.#dirty) {
      const left = Math.floor(Math.max(0, rect.left))
      const top = Math.floor(Math.max(0, rect.top))
      const width = Math.ceil(Math.min(whole.width, rect.left + rect.width)) - left
      const height = Math.ceil(Math.min(whole.height, rect.top + rect.height)) - top
      if (width <= 0 || height <= 0) continue
      const [x, y, w, h] = [left, top, width, height].map((side) => side * this.#ratio)
      context.clearRect(left, top, width, height)
      context.drawImage(this.#paths, x, y, w, h, left, top, width, height)
    }
    this.#dirty = []
  }

  #soil([x, y]: Point, [toX, toY]: Point): void {
    const edge = 10
    const [left, top] = [Math.min(x, toX) - edge, Math.min(y, toY) - edge]
    const [width, height] = [Math.abs(x - toX) + 2 * edge, Math.abs(y - toY) + 2 * edge]
    this.#dirty.push({ left, top, width, height })
  }

  resize(): void {
    const { clientWidth, clientHeight } = this.element
    if (clientWidth === this.#width && clientHeight === this.#height) return
    this.#width = clientWidth
    this.#height = clientHeight
    this.#ratio = Math.min(devicePixelRatio, 2)
    for (const canvas of [this.#picture, this.#paths, this.#ground]) {
      canvas.width = clientWidth * this.#ratio
      canvas.height = clientHeight * this.#ratio
      readableContext(canvas).setTransform(this.#ratio, 0, 0, this.#ratio, 0, 0)
    }
    this.redraw()
  }

  /** Redraws everything, for example after a change of size or colors. */
  redraw(): void {
    this.#drawGround()
    if (!this.#race) return
    const pulls = this.#pulls
    this.begin(this.#race)
    this.pull(pulls)
  }

  #restart(): void {
    const race = this.#race as Race
    this.#drawn = race.racers.map(() => ({ iterations: 0, length: 0 }))
    this.#offsets = this.#drawn.map((_, i) => this.#offsets[i] ?? null)
    if (this.#width === 0) return
    this.#clear(this.#paths)
    readableContext(this.#paths).drawImage(this.#ground, 0, 0, this.#width, this.#height)
    this.#isFresh = true
    this.#dirty = [{ left: 0, top: 0, width: this.#width, height: this.#height }]
  }

  /** Draws marks and names once. Each frame copies them, because drawing text is slow. */
  #makeSprites(): void {
    const { racers } = this.#race as Race
    const names = shortNames(racers.map(({ name }) => name))
    this.#marks = racers.map((_, number) =>
      sprite(2 * MARK_RADIUS, 2 * MARK_RADIUS, this.#ratio, (context) =>
        drawMark(context, number, MARK_RADIUS, MARK_RADIUS),
      ),
    )
    const ruler = readableContext(this.#picture)
    ruler.font = LABEL.font
    this.#labels = names.map((name, number) => {
      const width = Math.ceil(ruler.measureText(name).width) + 2 * LABEL.edge
      return sprite(width, LABEL.height, this.#ratio, (context) => {
        context.font = LABEL.font
        context.textBaseline = 'middle'
        context.lineJoin = 'round'
        context.lineWidth = 4
        context.strokeStyle = theme().surface
        context.strokeText(name, LABEL.edge, LABEL.height / 2 + 0.5)
        context.fillStyle = mixColors(getStyle(number).color, theme().text, 0.35)
        context.fillText(name, LABEL.edge, LABEL.height / 2 + 0.5)
      })
    })
  }

  #context(canvas: HTMLCanvasElement): CanvasRenderingContext2D {
    const context = readableContext(canvas)
    context.save()
    return context
  }

  #clear(canvas: HTMLCanvasElement): void {
    readableContext(canvas).clearRect(0, 0, this.#width, this.#height)
  }

  get #box() {
    return computePlotBox(this.#width, this.#height)
  }

  #clip(context: CanvasRenderingContext2D): void {
    const { left, top, width, height } = this.#box
    context.beginPath()
    context.rect(left, top, width, height)
    context.clip()
  }

  /** Position of a point in pixels. Positions of diverged paths are limited to the range that a canvas can draw. */
  #pixel(point: Point): Point {
    const { left, top, width, height } = this.#box
    const [u, v] = toFractions(point, this.#view)
    return [within(left + width * u, 1e5), within(top + height * (1 - v), 1e5)]
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
    context.strokeStyle = colors.contour
    context.lineWidth = 0.6
    for (const { value, rings } of this.#levels) {
      context.beginPath()
      for (const [x, y, isFirst] of generateCorners(this.#box, rings)) {
        if (isFirst) context.moveTo(x, y)
        else context.lineTo(x, y)
      }
      context.fillStyle = mixColors(colors.low, colors.high, value)
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
    // The handle of a start outside the view is placed at the edge, where it can be dragged.
    const at = [Math.min(left + width, Math.max(left, x)), Math.min(top + height, Math.max(top, y))]
    this.#handle.style.transform = `translate(${at[0]}px, ${at[1]}px)`
    const bounds: Record<string, string> = {
      'aria-valuemin': String(x0),
      'aria-valuemax': String(x1),
      'aria-valuenow': String(start[0]),
      'aria-valuetext': `x ${formatNumber(start[0])}, y ${formatNumber(start[1])}`,
    }
    for (const [name, value] of Object.entries(bounds)) this.#handle.setAttribute(name, value)
  }

  #listen(onMove: (start: Point, how: StartMove) => void): void {
    const { element } = this
    const handle = this.#handle
    const pointed = ({ clientX, clientY }: MouseEvent): Point => {
      const { left, top, width, height } = this.#box
      const bounds = element.getBoundingClientRect()
      return computePoint(
        this.#view,
        (clientX - bounds.left - left) / width,
        (clientY - bounds.top - top) / height,
      )
    }
    let from: readonly [number, number] | null = null
    let isDragged = false
    element.addEventListener('pointerdown', (event) => {
      isDragged = false
      const isHandle = event.target === handle
      // A touch outside the ring scrolls the page.
      if (event.pointerType === 'touch' && !isHandle) return
      from = [event.clientX, event.clientY]
      element.setPointerCapture(event.pointerId)
      if (isHandle) handle.focus()
      event.preventDefault()
    })
    element.addEventListener('pointermove', (event) => {
      if (!from) return
      isDragged ||= Math.hypot(event.clientX - from[0], event.clientY - from[1]) > STILL
      if (isDragged) onMove(pointed(event), 'held')
    })
    element.addEventListener('pointerup', (event) => {
      if (from && isDragged) onMove(pointed(event), 'done')
      from = null
    })
    element.addEventListener('pointercancel', () => {
      from = null
    })
    // A click without a drag moves the start and plays the race.
    element.addEventListener('click', (event) => {
      if (!isDragged) onMove(event.target === handle ? this.#start : pointed(event), 'click')
    })
    handle.addEventListener('keydown', (event) => {
      const by = arrows[event.key]
      if (!by || !this.#race) return
      event.preventDefault()
      const [x0, x1, y0, y1] = this.#view
      const part = event.shiftKey ? 0.0025 : 0.025
      // Key presses may arrive faster than frames, so the start is updated here and not by the next frame.
      const [x, y] = this.#start
      this.#start = [
        Math.min(x1, Math.max(x0, roundForRange(x + by[0] * part * (x1 - x0), x1 - x0))),
        Math.min(y1, Math.max(y0, roundForRange(y + by[1] * part * (y1 - y0), y1 - y0))),
      ]
      onMove(this.#start, 'key')
    })
  }
}

const arrows: Readonly<Record<string, Point>> = {
  ArrowLeft: [-1, 0],
  ArrowRight: [1, 0],
  ArrowUp: [0, 1],
  ArrowDown: [0, -1],
}

function sprite(
  width: number,
  height: number,
  ratio: number,
  draw: (context: CanvasRenderingContext2D) => void,
): Sprite {
  const picture = h('canvas', { width: Math.ceil(width * ratio), height: Math.ceil(height * ratio) })
  const context = readableContext(picture)
  context.scale(ratio, ratio)
  draw(context)
  return { picture, width: picture.width / ratio, height: picture.height / ratio }
}

/** Draws a frame with numbers along its axes. */
export function drawAxes(context: CanvasRenderingContext2D, box: PlotBox, view: View): void {
  const { left, top, width, height } = box
  const { grid, muted } = theme()
  context.lineWidth = 1
  context.strokeStyle = grid
  context.strokeRect(left + 0.5, top + 0.5, width - 1, height - 1)
  context.fillStyle = muted
  context.font = '12px system-ui, sans-serif'
  context.textAlign = 'center'
  context.textBaseline = 'top'
  const [xs, ys] = axisMarks(ticks, view)
  for (const { value, at } of xs) {
    const x = left + width * at
    if (x > left + width - 12) context.textAlign = 'right'
    context.fillText(formatNumber(value), Math.min(x, left + width), top + height + 7)
  }
  context.textAlign = 'right'
  context.textBaseline = 'middle'
  for (const { value, at } of ys) {
    context.fillText(formatNumber(value), left - 6, Math.max(top + height * (1 - at), top + 6))
  }
}

const within = (x: number, limit: number) => (Number.isNaN(x) ? limit : Math.min(limit, Math.max(-limit, x)))
/** The point at the given fractions of a view's width and of its height, measured from the top. */
export function computePoint([x0, x1, y0, y1]: View, u: number, v: number): Point {
  const [x, y] = [x0 + fraction(u) * (x1 - x0), y1 - fraction(v) * (y1 - y0)]
  return [roundForRange(x, x1 - x0), roundForRange(y, y1 - y0)]
}

const fraction = (x: number) => Math.min(1, Math.max(0, x))

/** Yields the corners of a level's rings, in pixels. */
export function* generateCorners(
  { left, top, width, height }: PlotBox,
  rings: ContourLevel['rings'],
): Generator<[x: number, y: number, isFirst: boolean]> {
  for (const ring of rings) {
    for (const [i, [u, v]] of ring.entries()) yield [left + width * u, top + height * (1 - v), i === 0]
  }
}

export function mixColors(low: string, high: string, part: number): string {
  const [from, to] = [low, high].map((hex) => [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16)))
  return `rgb(${from.map((x, i) => Math.round(x + part * (to[i] - x))).join(' ')})`
}

/** The corners of a star around a point. */
export const makeStar = (x: number, y: number): Point[] => starCorners(x, y, 13, 5.5)

function drawStar(context: CanvasRenderingContext2D, x: number, y: number): void {
  context.beginPath()
  for (const corner of makeStar(x, y)) context.lineTo(...corner)
  context.closePath()
  context.fillStyle = theme().star
  context.strokeStyle = theme().surface
  context.lineWidth = 1.5
  context.fill()
  context.stroke()
}
