/** The moving figure of a step: a map or a curve, with the paths of its runs up to a displayed update. */

import { heightColors } from '../map/heights.js'
import { colorOf } from '../map/ramp.js'
import { drawMark, getStyle, theme } from '../theme.js'
import { BANDS, type Corner, computeHeights, mixColors, toPixel } from './axes.js'
import { arrangePanels, isCloud } from './cloud.js'
import { pointOf } from './runs.js'
import type { Run, Scene } from './step.js'

/** Radius of a mark in pixels. */
const MARK_RADIUS = 6

/** The index of a minimum for each cell of a map. */
export interface BasinImage {
  readonly cells: Uint8Array
  readonly columns: number
  readonly rows: number
}

export class Figure {
  readonly canvas: HTMLCanvasElement
  readonly #ground = document.createElement('canvas')
  #scene: Scene | null = null
  #runs: readonly Run[] = []
  #basins: BasinImage | null = null
  #width = 0
  #height = 0
  #ratio = 1

  constructor(canvas: HTMLCanvasElement) {
    this.canvas = canvas
  }

  /** Shows other runs. The map is drawn again. */
  show(scene: Scene, runs: readonly Run[]): void {
    this.#scene = scene
    this.#runs = runs
    this.#resize()
    this.#drawGround()
  }

  /** Shows basins instead of heights. */
  showBasins(image: BasinImage): void {
    this.#basins = image
    this.#drawGround()
  }

  /** Draws the map again, for example in other colors. */
  redraw(update: number): void {
    this.#resize()
    this.#drawGround()
    this.draw(update)
  }

  /** Draws all paths up to an update. */
  draw(update: number): void {
    const scene = this.#scene
    const context = this.canvas.getContext('2d')
    if (!scene || !context || this.#width === 0) return
    context.setTransform(this.#ratio, 0, 0, this.#ratio, 0, 0)
    if (this.#runs.some(isCloud)) {
      this.#drawClouds(context, update)
      return
    }
    context.drawImage(this.#ground, 0, 0, this.#width, this.#height)
    for (const run of this.#runs) this.#drawPath(context, scene, run, Math.min(update, run.updates))
    const labels: Corner[] = []
    for (const run of this.#runs) this.#drawHead(context, scene, run, Math.min(update, run.updates), labels)
  }

  #resize(): void {
    this.#width = this.canvas.clientWidth
    this.#height = this.canvas.clientHeight
    this.#ratio = Math.min(2, devicePixelRatio)
    this.canvas.width = Math.round(this.#width * this.#ratio)
    this.canvas.height = Math.round(this.#height * this.#ratio)
  }

  #drawGround(): void {
    const [width, height] = [this.#width, this.#height]
    this.#ground.width = width
    this.#ground.height = height
    const context = this.#ground.getContext('2d')
    if (!this.#scene || !context || width === 0) return
    if (this.#runs.some(isCloud)) return
    if (this.#basins) drawBasins(context, this.#scene, this.#basins, width, height)
    else if (this.#scene.start.length === 1) drawCurve(context, this.#scene, width, height)
    else drawMap(context, this.#scene, width, height)
  }

  #drawClouds(context: CanvasRenderingContext2D, update: number): void {
    const { surface, grid, text } = theme()
    context.fillStyle = surface
    context.fillRect(0, 0, this.#width, this.#height)
    for (const panel of arrangePanels(this.#runs, update, this.#width, this.#height)) {
      const { run, left, top, width, height, dots, center, radius } = panel
      context.save()
      context.beginPath()
      context.rect(left, top, width, height)
      context.clip()
      context.strokeStyle = grid
      context.lineWidth = 1
      context.strokeRect(left + 0.5, top + 0.5, width, height)
      context.fillStyle = getStyle(run.style).color
      for (const [x, y] of dots) context.fillRect(x - 1.5, y - 1.5, 3, 3)
      context.beginPath()
      context.arc(...center, radius, 0, 2 * Math.PI)
      context.strokeStyle = text
      context.lineWidth = 2
      context.stroke()
      context.font = '600 14px system-ui, sans-serif'
      context.textAlign = 'left'
      context.textBaseline = 'top'
      context.fillStyle = text
      context.fillText(run.name, left + 10, top + 8)
      context.restore()
    }
  }

  #drawPath(context: CanvasRenderingContext2D, scene: Scene, run: Run, update: number): void {
    const { color, dash } = getStyle(run.style)
    const stroke = (style: string, width: number, dashes: readonly number[]) => {
      context.strokeStyle = style
      context.lineWidth = width
      context.setLineDash([...dashes])
      context.stroke()
    }
    context.beginPath()
    for (let t = 0; t <= update; t++)
      context.lineTo(...toPixel(scene, pointOf(run, t), this.#width, this.#height))
    context.lineJoin = 'round'
    // The casing separates the path from the colors of the map.
    stroke(theme().surface, 5, [])
    stroke(color, 2.5, dash)
    context.setLineDash([])
    if (update > 60) return
    for (let t = 0; t < update; t++) {
      const [x, y] = toPixel(scene, pointOf(run, t), this.#width, this.#height)
      context.beginPath()
      context.arc(x, y, 3, 0, 2 * Math.PI)
      context.fillStyle = color
      context.fill()
    }
  }

  #drawHead(
    context: CanvasRenderingContext2D,
    scene: Scene,
    run: Run,
    update: number,
    labels: Corner[],
  ): void {
    const [x, y] = toPixel(scene, pointOf(run, Math.floor(update)), this.#width, this.#height)
    drawMark(context, run.style, x, y, MARK_RADIUS)
    context.font = '600 13px system-ui, sans-serif'
    const { width } = context.measureText(run.name)
    const isLeft = x + width + 14 > this.#width
    context.textAlign = isLeft ? 'right' : 'left'
    context.textBaseline = 'bottom'
    let top = Math.max(18, y - 4)
    // A name moves up or down until it covers no other name.
    const isCovered = () =>
      labels.some(([left, other]) => Math.abs(left - x) < 150 && Math.abs(other - top) < 17)
    const direction = y < 60 ? 1 : -1
    while (isCovered()) top += 17 * direction
    labels.push([x, top])
    const at = [x + (isLeft ? -10 : 10), top] as const
    context.lineWidth = 4
    context.lineJoin = 'round'
    context.strokeStyle = theme().surface
    context.strokeText(run.name, ...at)
    context.fillStyle = theme().text
    context.fillText(run.name, ...at)
  }
}

/** Half the width in pixels of the line between two bands, and its opacity. */
const LINE = { half: 0.6, opacity: 0.75 }

/** Draws the heights of a function of two parameters in bands, with a smooth line at each edge of a band. */
function drawMap(context: CanvasRenderingContext2D, scene: Scene, width: number, height: number): void {
  const levels = computeHeights(scene, width, height)
  const { contour } = theme()
  const heights = heightColors(theme())
  const colors = Array.from({ length: BANDS }, (_, i) => {
    const color = colorOf(heights, i / (BANDS - 1))
    return mixColors(color, color, 0)
  })
  const line = mixColors(contour, contour, 0)
  const image = context.createImageData(width, height)
  for (let i = 0; i < levels.length; i++) {
    const level = levels[i]
    const edge = Math.round(level)
    const band = Math.min(BANDS - 1, Math.floor(level))
    // The slope in bands per pixel converts the distance from the edge to pixels.
    const right = (i + 1) % width === 0 ? i - 1 : i + 1
    const below = i + width < levels.length ? i + width : i - width
    const slope = Math.hypot(levels[right] - level, levels[below] - level)
    const away = edge > 0 && edge < BANDS ? Math.abs(level - edge) / slope : Infinity
    const cover = LINE.opacity * Math.min(1, Math.max(0, LINE.half + 0.5 - away))
    for (let k = 0; k < 3; k++) image.data[4 * i + k] = colors[band][k] + cover * (line[k] - colors[band][k])
    image.data[4 * i + 3] = 255
  }
  context.putImageData(image, 0, 0)
  for (const minimum of scene.minima) drawStar(context, ...toPixel(scene, minimum, width, height))
}

/** Draws each cell in the color of its minimum. Cells without a minimum have the color of the background. */
function drawBasins(
  context: CanvasRenderingContext2D,
  scene: Scene,
  { cells, columns, rows }: BasinImage,
  width: number,
  height: number,
): void {
  const { surface, racers } = theme()
  const canvas = document.createElement('canvas')
  canvas.width = columns
  canvas.height = rows
  const pixels = canvas.getContext('2d')
  if (!pixels) return
  const image = pixels.createImageData(columns, rows)
  const empty = mixColors(surface, surface, 0)
  // The first color belongs to the path.
  const colors = scene.minima.map((_, i) => mixColors(surface, racers[1 + i], 0.45))
  for (let i = 0; i < cells.length; i++) {
    image.data.set(colors[cells[i]] ?? empty, 4 * i)
    image.data[4 * i + 3] = 255
  }
  pixels.putImageData(image, 0, 0)
  context.imageSmoothingQuality = 'high'
  context.drawImage(canvas, 0, 0, width, height)
  for (const minimum of scene.minima) drawStar(context, ...toPixel(scene, minimum, width, height))
}

/** Draws a function of one parameter as a curve. */
function drawCurve(context: CanvasRenderingContext2D, scene: Scene, width: number, height: number): void {
  const { surface, muted } = theme()
  context.fillStyle = surface
  context.fillRect(0, 0, width, height)
  const [x0, x1] = scene.view
  context.beginPath()
  for (let column = 0; column <= width; column += 2) {
    context.lineTo(...toPixel(scene, [x0 + (column / width) * (x1 - x0)], width, height))
  }
  context.strokeStyle = muted
  context.lineWidth = 2
  context.stroke()
  for (const minimum of scene.minima) drawStar(context, ...toPixel(scene, minimum, width, height))
}

function drawStar(context: CanvasRenderingContext2D, x: number, y: number): void {
  context.beginPath()
  for (let i = 0; i < 10; i++) {
    const [radius, angle] = [i % 2 === 0 ? 12 : 5, (Math.PI * i) / 5]
    context.lineTo(x + radius * Math.sin(angle), y - radius * Math.cos(angle))
  }
  context.closePath()
  context.fillStyle = theme().star
  context.strokeStyle = theme().surface
  context.lineWidth = 1.5
  context.fill()
  context.stroke()
}
