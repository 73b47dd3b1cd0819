/** Colors, dashes and marks in the light and the dark theme. */

import { h } from './dom.js'
import { dark, dashes, light, type Theme } from './palette.js'

const isDark = matchMedia('(prefers-color-scheme: dark)')
export const isStill = matchMedia('(prefers-reduced-motion: reduce)')

export const theme = (): Theme => (isDark.matches ? dark : light)
export const onThemeChange = (listener: () => void) => isDark.addEventListener('change', listener)

/** The style of a racer. From the ninth racer on, colors repeat with other dashes and marks. */
export function getStyle(number: number): { color: string; dash: readonly number[]; mark: number } {
  const { racers } = theme()
  const turn = Math.floor(number / racers.length)
  return {
    color: racers[number % racers.length],
    dash: dashes[(number + turn) % dashes.length],
    mark: (number + turn) % MARKS,
  }
}

const MARKS = 5

/** Draws a racer's mark: a circle, square, triangle, diamond, or inverted triangle. */
export function drawMark(
  context: CanvasRenderingContext2D,
  number: number,
  x: number,
  y: number,
  r = 6,
): void {
  const { color, mark } = getStyle(number)
  context.beginPath()
  const corners = (angles: readonly number[], radius: number) => {
    for (const [i, angle] of angles.entries()) {
      const at = [x + radius * Math.sin(angle), y - radius * Math.cos(angle)] as const
      if (i === 0) context.moveTo(...at)
      else context.lineTo(...at)
    }
    context.closePath()
  }
  const turn = (n: number, from = 0) => Array.from({ length: n }, (_, i) => from + (2 * Math.PI * i) / n)
  if (mark === 0) context.arc(x, y, r, 0, 2 * Math.PI)
  else if (mark === 1) corners(turn(4, Math.PI / 4), r * 1.25)
  else if (mark === 2) corners(turn(3), r * 1.3)
  else if (mark === 3) corners(turn(4), r * 1.3)
  else corners(turn(3, Math.PI), r * 1.3)
  context.fillStyle = color
  context.strokeStyle = theme().surface
  context.lineWidth = 2
  context.stroke()
  context.fill()
}

/** A sample of a racer's line and mark, as in the plots. */
export function swatch(number: number): HTMLCanvasElement {
  const canvas = h('canvas', { className: 'swatch', width: 80, height: 32, 'aria-hidden': 'true' })
  const context = canvas.getContext('2d') as CanvasRenderingContext2D
  const { color, dash } = getStyle(number)
  context.scale(2, 2)
  context.strokeStyle = color
  context.lineWidth = 2.5
  context.setLineDash([...dash])
  context.beginPath()
  context.moveTo(0, 8)
  context.lineTo(40, 8)
  context.stroke()
  context.setLineDash([])
  drawMark(context, number, 20, 8, 5)
  return canvas
}
