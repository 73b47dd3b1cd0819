/** The map: heights, minima as stars, the paths and names of the racers, and the draggable starting point. */

import type { Point } from 'antigrad'
import { contours } from 'd3-contour'
import { type ContourLevel, findContours, toFractions } from '../../../dist/page.js'
import { formatNumber, h } from '../dom.js'
import { GRID, type HeightField } from '../height-field.js'
import { placeLabels } from '../names.js'
import type { Race, Racer } from '../race.js'
import { getStyle, theme } from '../theme.js'
import { drawPull, type Pull } from './arrows.js'
import { listenToDrags, type StartMove } from './drag.js'
import { drawGround } from './ground.js'
import { computePlotBox, drawStar, type PlotBox, readableContext, within } from './plot.js'
import { MARK_RADIUS, makeMarks, makeNames, type Sprite } from './sprites.js'

/** Widths in pixels of a path, and of the path with its edge. */
const PATH = { line: 2.4, edge: 5 }
/** Distance in pixels from a path within which the pointer selects the racer. */
const NEAR = 28
/** Maximum number of points per path that are compared with the pointer. */
const COMPARED = 3000

export class RaceMap {
  readonly element: HTMLElement
  /** The layers from bottom to top. The last one shows the paths, with points and names on top. */
  readonly #ground = h('canvas', { 'aria-hidden': 'true' })
  readonly #basins = h('canvas', { 'aria-hidden': 'true', hidden: true })
  readonly #edges = h('canvas', { 'aria-hidden': 'true' })
  readonly #picture = h('canvas', { 'aria-hidden': 'true' })
  /** The paths, which only grow. */
  readonly #paths = h('canvas')
  readonly #handle = h('div', { className: 'handle', tabIndex: 0, role: 'slider' })
  readonly #hint = h('span', { className: 'drag-me', 'aria-hidden': 'true' }, 'drag me')
  #width = 0
  #height = 0
  #ratio = 1
  #terrain: HeightField | null = null
  #contours: readonly ContourLevel[] = []
  #race: Race | null = null
  #start: Point = [0, 0]
  #hasPaths = true
  #outcomes: HTMLCanvasElement | null = null
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
    this.#handle.append(this.#hint)
    const layers = [this.#ground, this.#basins, this.#edges, this.#picture]
    this.element = h('div', { className: 'plot contour' }, ...layers, this.#handle)
    new ResizeObserver(() => this.resize()).observe(this.element)
    listenToDrags({
      element: this.element,
      handle: this.#handle,
      view: () => this.#view,
      start: () => this.#start,
      onMove: (start, how) => {
        // Key presses may arrive faster than frames, so the start is updated here and not by the next frame.
        this.#start = start
        if (how !== 'click') this.#hint.hidden = true
        onMove(start, how)
      },
    })
  }

  /** Aspect ratio (width divided by height) of the plot. */
  get aspect(): number {
    const { width, height } = computePlotBox(this.element.clientWidth, this.element.clientHeight)
    return width / height
  }

  /** All layers as one picture. */
  get picture(): HTMLCanvasElement {
    const { width, height } = this.#picture
    const whole = h('canvas', { width, height })
    const context = whole.getContext('2d') as CanvasRenderingContext2D
    for (const layer of [this.#ground, this.#basins, this.#edges, this.#picture])
      if (!layer.hidden) context.drawImage(layer, 0, 0)
    return whole
  }

  /** Everything that a saved plot contains, with positions in pixels. */
  get drawing() {
    return {
      width: this.#width,
      height: this.#height,
      box: this.#box,
      levels: this.#contours,
      race: this.#race as Race,
      terrain: this.#terrain as HeightField,
      offsets: this.#offsets,
      pixel: (point: Point) => this.#pixel(point),
    }
  }

  terrain(terrain: HeightField): void {
    this.#terrain = terrain
    const heights = terrain.heights.map((z) => (Number.isNaN(z) ? -1 : z))
    const thresholds = terrain.levels.map(({ height }) => height)
    this.#contours = findContours(contours, heights, GRID, thresholds)
    this.#drawGround()
  }

  /** Starts the paths of a new race; `isNew` means that more than the start may have changed. */
  begin(race: Race, isNew = true): void {
    this.#race = race
    this.#start = race.state.start
    this.#pulls = []
    if (isNew && this.#width > 0) {
      this.#marks = makeMarks(race.racers, this.#ratio)
      this.#labels = makeNames(race.racers, this.#ratio, readableContext(this.#picture))
    }
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

  /** Shows or hides the paths. */
  showPaths(isShown: boolean): void {
    this.#hasPaths = isShown
    if (this.#race) this.begin(this.#race, false)
  }

  /** Shows an image of the view below the paths, in place of the heights; null removes it. */
  showOutcomes(picture: HTMLCanvasElement | null): void {
    this.#outcomes = picture
    this.#basins.hidden = picture === null
    if (!picture || this.#width === 0) return
    const { left, top, width, height } = this.#box
    const context = readableContext(this.#basins)
    context.imageSmoothingQuality = 'high'
    context.drawImage(picture, left, top, width, height)
  }

  /** The index of the racer whose path is closest to a point of the screen; null if none is near. */
  racerNear({ clientX, clientY }: MouseEvent): number | null {
    const bounds = this.element.getBoundingClientRect()
    const [x, y] = [clientX - bounds.left, clientY - bounds.top]
    let [near, least]: [number | null, number] = [null, NEAR]
    for (const [number, racer] of this.#race?.racers.entries() ?? []) {
      const stride = Math.ceil((racer.iterations + 1) / COMPARED)
      for (let i = racer.iterations; i >= 0; i -= stride) {
        const at = this.#pixel(racer.pointAt(i))
        const away = Math.hypot(at[0] - x, at[1] - y)
        if (away < least) [near, least] = [number, away]
      }
    }
    return near
  }

  /** Draws the updates since the last call, or all updates if the displayed position has moved back. */
  update(): void {
    const race = this.#race
    if (!race || this.#width === 0) return
    if (race.racers.some(({ iterations }, i) => iterations < this.#drawn[i].iterations)) this.#restart()
    let isMoved = false
    for (const [number, racer] of race.racers.entries()) {
      if (racer.iterations === this.#drawn[number].iterations) continue
      isMoved = true
      this.#extend(number, racer)
    }
    if (isMoved || this.#isFresh) this.#drawHeads()
  }

  #extend(number: number, racer: Racer): void {
    const drawn = this.#drawn[number]
    const path = new Path2D()
    let last = this.#pixel(racer.pointAt(drawn.iterations))
    path.moveTo(...last)
    let [left, top] = last
    let [right, bottom] = last
    const { iterations } = racer
    const dashOffset = drawn.length
    for (let i = drawn.iterations + 1; i <= iterations; i++) {
      const next = this.#pixel(racer.pointAt(i))
      const by = Math.hypot(next[0] - last[0], next[1] - last[1])
      // Moves of less than a quarter of a pixel are merged with the next one.
      if (by < 0.25 && i < iterations) continue
      path.lineTo(...next)
      drawn.length += by
      last = next
      left = Math.min(left, last[0])
      top = Math.min(top, last[1])
      right = Math.max(right, last[0])
      bottom = Math.max(bottom, last[1])
    }
    drawn.iterations = iterations
    if (!this.#hasPaths) return
    const { color, dash } = getStyle(number)
    // The edge separates the path from the colors of the map. All edges are below all paths.
    this.#stroke(this.#edges, path, { color: theme().surface, width: PATH.edge, dash: [], dashOffset: 0 })
    this.#stroke(this.#paths, path, { color, width: PATH.line, dash, dashOffset })
    this.#soil([left, top], [right, bottom])
  }

  #stroke(
    canvas: HTMLCanvasElement,
    path: Path2D,
    style: { color: string; width: number; dash: readonly number[]; dashOffset: number },
  ): void {
    const context = readableContext(canvas)
    context.save()
    this.#clip(context)
    context.strokeStyle = style.color
    context.lineWidth = style.width
    context.lineJoin = 'round'
    context.lineCap = style.dash.length > 0 ? 'butt' : 'round'
    context.setLineDash([...style.dash])
    context.lineDashOffset = style.dashOffset
    context.stroke(path)
    context.restore()
  }

  #drawHeads(): void {
    const race = this.#race
    if (!race || this.#width === 0) return
    this.#isFresh = false
    const heads = readableContext(this.#picture)
    this.#mend(heads)
    if (!this.#hasPaths) return
    heads.save()
    this.#clip(heads)
    const box = this.#box
    const places = race.racers.map((racer) => {
      const [x, y] = this.#pixel(racer.pointAt(racer.iterations))
      const isInside = x >= box.left && y >= box.top && x <= box.left + box.width && y <= box.top + box.height
      return isInside ? ([x, y] as const) : null
    })
    const there = places.flatMap((place, number) => (place ? [number] : []))
    const corners = this.#placeNames(race, places, there)
    for (const [i, number] of there.entries()) {
      const at = places[number] as Point
      const corner = corners[i]
      this.#offsets[number] = corner && [corner[0] - at[0], corner[1] - at[1]]
      if (corner) this.#lead(heads, number, at, corner)
    }
    for (const number of there) {
      const [x, y] = places[number] as Point
      this.#copy(heads, this.#marks[number], x - MARK_RADIUS, y - MARK_RADIUS)
      const pull = this.#pulls[number]
      if (!pull) continue
      const ends = drawPull(heads, race.racers[number], (point) => this.#pixel(point), pull)
      for (const end of ends) this.#soil([x, y], end)
    }
    for (const [i, number] of there.entries()) {
      const corner = corners[i]
      if (corner) this.#copy(heads, this.#labels[number], ...corner)
    }
    heads.restore()
  }

  #placeNames(race: Race, places: readonly (Point | null)[], there: readonly number[]) {
    const named = there.map((number) => {
      const [x, y] = places[number] as Point
      const { width, height } = this.#labels[number]
      return { x, y, width, height, before: this.#offsets[number] }
    })
    const ring = (point: Point, half: number) => {
      const [x, y] = this.#pixel(point)
      return { left: x - half, top: y - half, width: 2 * half, height: 2 * half }
    }
    const [left, top] = this.#pixel(race.state.start)
    // The words next to the ring.
    const hint = this.#hint.hidden ? [] : [{ left, top: top - 12, width: 90, height: 24 }]
    return placeLabels(named, this.#box, [ring(race.state.start, 15), ...hint])
  }

  /** Draws a line from a point to its name if the name is not next to the point. */
  #lead(heads: CanvasRenderingContext2D, number: number, [x, y]: Point, [left, top]: Point): void {
    const { width, height } = this.#labels[number]
    const to: Point = [Math.min(left + width, Math.max(left, x)), Math.min(top + height, Math.max(top, y))]
    if (Math.hypot(to[0] - x, to[1] - y) < 20) return
    heads.beginPath()
    heads.moveTo(x, y)
    heads.lineTo(...to)
    heads.lineWidth = 3
    heads.strokeStyle = theme().surface
    heads.stroke()
    heads.lineWidth = 1
    heads.strokeStyle = getStyle(number).color
    heads.stroke()
    this.#soil([x, y], to)
  }

  #copy(context: CanvasRenderingContext2D, { picture, width, height }: Sprite, x: number, y: number): void {
    context.drawImage(picture, x, y, width, height)
    this.#dirty.push({ left: x - 1, top: y - 1, width: width + 2, height: height + 2 })
  }

  /** Restores only the changed regions from the layer of paths, because browsers repaint every touched region. */
  #mend(context: CanvasRenderingContext2D): void {
    for (const rect of this.#dirty) {
      const left = Math.floor(Math.max(0, rect.left))
      const top = Math.floor(Math.max(0, rect.top))
      const width = Math.ceil(Math.min(this.#width, rect.left + rect.width)) - left
      const height = Math.ceil(Math.min(this.#height, rect.top + rect.height)) - top
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
    for (const canvas of [this.#ground, this.#basins, this.#edges, this.#picture, this.#paths]) {
      canvas.width = clientWidth * this.#ratio
      canvas.height = clientHeight * this.#ratio
      readableContext(canvas).setTransform(this.#ratio, 0, 0, this.#ratio, 0, 0)
    }
    this.redraw()
  }

  /** Redraws everything, for example after a change of size or colors. */
  redraw(): void {
    this.#drawGround()
    this.showOutcomes(this.#outcomes)
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
    for (const canvas of [this.#edges, this.#paths])
      readableContext(canvas).clearRect(0, 0, this.#width, this.#height)
    const edges = readableContext(this.#edges)
    edges.save()
    this.#clip(edges)
    for (const minimum of race.landscape.minima) drawStar(edges, ...this.#pixel(minimum))
    edges.restore()
    this.#isFresh = true
    this.#dirty = [{ left: 0, top: 0, width: this.#width, height: this.#height }]
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
    const context = readableContext(this.#ground)
    context.clearRect(0, 0, this.#width, this.#height)
    const obstacles = [...terrain.landscape.minima, this.#start].map((point) => this.#pixel(point))
    drawGround(context, this.#box, terrain, this.#contours, obstacles)
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
    this.#hint.classList.toggle('left', at[0] > left + width - 90)
    const bounds: Record<string, string> = {
      'aria-valuemin': String(x0),
      'aria-valuemax': String(x1),
      'aria-valuenow': String(start[0]),
      'aria-valuetext': `x ${formatNumber(start[0])}, y ${formatNumber(start[1])}`,
    }
    for (const [name, value] of Object.entries(bounds)) this.#handle.setAttribute(name, value)
  }
}
