/** The map, in layers: heights, basins, paths with their racers, and the draggable starting point. */

import type { Point } from 'antigrad'
import type { ContourLevel } from '../../../dist/page.js'
import { h } from '../dom.js'
import type { HeightField } from '../height-field.js'
import type { Race } from '../race.js'
import type { Pull } from './arrows.js'
import { listenToDrags, type StartMove } from './drag.js'
import { MapGeometry } from './geometry.js'
import { drawGround } from './ground.js'
import { Handle } from './handle.js'
import { Heads } from './heads.js'
import { computeCoarse, computeContours, refine } from './levels.js'
import { Paths } from './paths.js'
import { computePlotBox, readableContext } from './plot.js'

/** Distance in pixels from a path within which the pointer selects the racer. */
const NEAR = 28
/** Maximum number of points per path that are compared with the pointer. */
const COMPARED = 3000

export class RaceMap {
  readonly element: HTMLElement
  readonly #geometry = new MapGeometry()
  readonly #ground = h('canvas', { 'aria-hidden': 'true' })
  readonly #basins = h('canvas', { 'aria-hidden': 'true', hidden: true })
  readonly #handle = new Handle(this.#geometry)
  readonly #paths = new Paths(this.#geometry)
  readonly #heads = new Heads(this.#geometry, this.#paths.lines, () => this.#handle.hintAt(this.#start))
  #terrain: HeightField | null = null
  #contours: readonly ContourLevel[] = []
  #race: Race | null = null
  #start: Point = [0, 0]
  #outcomes: HTMLCanvasElement | null = null

  /** @param onMove called with the new start, and how it was moved */
  constructor(onMove: (start: Point, how: StartMove) => void) {
    this.element = h('div', { className: 'plot contour' }, ...this.#layers, this.#handle.element)
    new ResizeObserver(() => this.resize()).observe(this.element)
    listenToDrags({
      element: this.element,
      handle: this.#handle.element,
      view: () => this.#geometry.view,
      start: () => this.#start,
      onMove: (start, how) => {
        // Key presses may arrive faster than frames, so the start is updated here and not by the next frame.
        this.#start = start
        if (how !== 'click') this.#handle.hideHint()
        onMove(start, how)
      },
    })
  }

  /** The visible layers from bottom to top. */
  get #layers(): HTMLCanvasElement[] {
    return [this.#ground, this.#basins, this.#paths.edges, this.#heads.picture]
  }

  /** Aspect ratio (width divided by height) of the plot. */
  get aspect(): number {
    const { width, height } = computePlotBox(this.element.clientWidth, this.element.clientHeight)
    return width / height
  }

  /** All layers as one picture. */
  get picture(): HTMLCanvasElement {
    const { width, height } = this.#ground
    const whole = h('canvas', { width, height })
    const context = whole.getContext('2d') as CanvasRenderingContext2D
    for (const layer of this.#layers) if (!layer.hidden) context.drawImage(layer, 0, 0)
    return whole
  }

  /** Everything that a saved plot contains, with positions in pixels. */
  get drawing() {
    const { width, height, box } = this.#geometry
    return {
      width,
      height,
      box,
      levels: this.#contours,
      race: this.#race as Race,
      terrain: this.#terrain as HeightField,
      offsets: this.#heads.offsets,
      pixel: (point: Point) => this.#geometry.pixel(point),
    }
  }

  terrain(terrain: HeightField, start: Point): void {
    const isFirst = this.#terrain === null
    this.#start = start
    this.#terrain = terrain
    this.#geometry.view = terrain.landscape.view
    this.#contours = isFirst ? computeCoarse(terrain) : computeContours(terrain)
    this.#drawGround()
    if (!isFirst) return
    refine(terrain, (contours) => {
      if (this.#terrain !== terrain) return
      this.#contours = contours
      this.#drawGround()
    })
  }

  /** Starts the paths of a new race; `isNew` means that more than the start may have changed. */
  begin(race: Race, isNew = true): void {
    this.#race = race
    this.#start = race.state.start
    this.#heads.pulls = []
    if (isNew && this.#geometry.width > 0) this.#heads.rename(race)
    this.#restart(race)
    this.#handle.place(race.state.start)
    this.update()
  }

  /** Draws arrows at the racers' points; an empty array removes them. */
  pull(pulls: readonly (Pull | null)[]): void {
    if (pulls.length === 0 && this.#heads.pulls.length === 0) return
    this.#heads.pulls = pulls
    this.#drawHeads()
  }

  /** Shows or hides the paths. */
  showPaths(isShown: boolean): void {
    this.#paths.isShown = isShown
    if (this.#race) this.begin(this.#race, false)
  }

  /** Shows an image of the view below the paths, in place of the heights; null removes it. */
  showOutcomes(picture: HTMLCanvasElement | null): void {
    this.#outcomes = picture
    this.#basins.hidden = picture === null
    if (!picture || this.#geometry.width === 0) return
    const { left, top, width, height } = this.#geometry.box
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
        const at = this.#geometry.pixel(racer.pointAt(i))
        const away = Math.hypot(at[0] - x, at[1] - y)
        if (away < least) [near, least] = [number, away]
      }
    }
    return near
  }

  /** Draws the updates since the last call, or all updates if the displayed position has moved back. */
  update(): void {
    const race = this.#race
    if (!race || this.#geometry.width === 0) return
    if (this.#paths.isAheadOf(race)) this.#restart(race)
    let isMoved = false
    for (const [number, racer] of race.racers.entries()) {
      const region = this.#paths.extend(number, racer)
      if (!region) continue
      isMoved = true
      if (this.#paths.isShown) this.#heads.soil(...region)
    }
    if (isMoved || this.#heads.isFresh) this.#drawHeads()
  }

  #drawHeads(): void {
    if (this.#race && this.#geometry.width > 0) this.#heads.draw(this.#race, this.#paths.isShown)
  }

  resize(): void {
    const { clientWidth, clientHeight } = this.element
    const geometry = this.#geometry
    if (clientWidth === geometry.width && clientHeight === geometry.height) return
    geometry.width = clientWidth
    geometry.height = clientHeight
    geometry.ratio = Math.min(devicePixelRatio, 2)
    const { ratio } = geometry
    for (const canvas of [...this.#layers, this.#paths.lines]) {
      canvas.width = clientWidth * ratio
      canvas.height = clientHeight * ratio
      readableContext(canvas).setTransform(ratio, 0, 0, ratio, 0, 0)
    }
    this.redraw()
  }

  /** Redraws everything, for example after a change of size or colors. */
  redraw(): void {
    this.#drawGround()
    this.showOutcomes(this.#outcomes)
    if (!this.#race) return
    const { pulls } = this.#heads
    this.begin(this.#race)
    this.pull(pulls)
  }

  #restart(race: Race): void {
    this.#paths.begin(race)
    this.#heads.begin(race)
  }

  #drawGround(): void {
    const terrain = this.#terrain
    const { width, height, box } = this.#geometry
    if (!terrain || width === 0) return
    const context = readableContext(this.#ground)
    context.clearRect(0, 0, width, height)
    const obstacles = [...terrain.landscape.minima, this.#start].map((point) => this.#geometry.pixel(point))
    drawGround(context, box, terrain, this.#contours, obstacles)
    if (this.#race) this.#handle.place(this.#race.state.start)
  }
}
