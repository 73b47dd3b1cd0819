/** Marks and names of the racers, drawn once. Each frame copies them, because drawing text is slow. */

import { h } from '../dom.js'
import { readableNames } from '../names.js'
import type { Racer } from '../race.js'
import { drawMark, getStyle, theme } from '../theme.js'
import { mixColors, readableContext } from './plot.js'

const LABEL = { font: '600 13px system-ui, sans-serif', height: 20, edge: 6, radius: 5 }
/** Half the side length of a mark including its outline. */
export const MARK_RADIUS = 11

/** A small image that is drawn once and then copied. */
export interface Sprite {
  readonly picture: HTMLCanvasElement
  readonly width: number
  readonly height: number
}

export const makeMarks = (racers: readonly Racer[], ratio: number): Sprite[] =>
  racers.map((_, number) =>
    sprite(2 * MARK_RADIUS, 2 * MARK_RADIUS, ratio, (context) =>
      drawMark(context, number, MARK_RADIUS, MARK_RADIUS),
    ),
  )

export function makeNames(
  racers: readonly Racer[],
  ratio: number,
  ruler: CanvasRenderingContext2D,
): Sprite[] {
  ruler.font = LABEL.font
  return readableNames(racers.map(({ name }) => name)).map((name, number) => {
    const width = Math.ceil(ruler.measureText(name).width) + 2 * LABEL.edge
    return sprite(width, LABEL.height, ratio, (context) => {
      context.font = LABEL.font
      context.textBaseline = 'middle'
      context.fillStyle = theme().surface
      context.beginPath()
      context.roundRect(0, 0, width, LABEL.height, LABEL.radius)
      context.fill()
      context.fillStyle = mixColors(getStyle(number).color, theme().text, 0.35)
      context.fillText(name, LABEL.edge, LABEL.height / 2 + 0.5)
    })
  })
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
