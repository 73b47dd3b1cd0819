/** The image of a step for previews of links, 1200 × 630 pixels, as SVG. */

import { heightColors } from '../map/heights.js'
import { colorOf } from '../map/ramp.js'
import { dashes, light } from '../palette.js'
import { BANDS, computeBands, toPixel } from './axes.js'
import { arrangePanels, isCloud } from './cloud.js'
import { computeRuns, pointOf } from './runs.js'
import { initialSettings, type Run, type Scene, type Step } from './step.js'
import { steps } from './steps/index.js'

/** Side length of the map, and of one of its cells, in pixels. */
const [SIDE, CELL] = [630, 6]
/** Left edge and width of the text. */
const [LEFT, WIDTH] = [690, 460]
/** Maximum number of corners of a path. */
const MAX_CORNERS = 1500

const escapeXml = (text: string) => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;')

/** Cells of equal color in a row become one rectangle. */
function drawMap(scene: Scene): string {
  const cells = SIDE / CELL
  const bands = computeBands(scene, cells, cells)
  const rectangles: string[] = []
  for (let row = 0; row < cells; row++) {
    for (let column = 0; column < cells; ) {
      const band = bands[row * cells + column]
      const from = column
      while (column < cells && bands[row * cells + column] === band) column++
      const color = colorOf(heightColors(light), band / (BANDS - 1))
      // One pixel more covers the seam between rectangles.
      rectangles.push(
        `<rect x="${from * CELL}" y="${row * CELL}" width="${(column - from) * CELL + 1}" height="${CELL + 1}" fill="${color}"/>`,
      )
    }
  }
  return rectangles.join('')
}

function drawCurve(scene: Scene): string {
  const [x0, x1] = scene.view
  const corners = Array.from({ length: 106 }, (_, i) =>
    toPixel(scene, [x0 + (i / 105) * (x1 - x0)], SIDE, SIDE),
  )
  return `<polyline points="${corners.join(' ')}" fill="none" stroke="${light.muted}" stroke-width="3"/>`
}

function drawRun(scene: Scene, run: Run): string {
  const stride = Math.ceil((run.updates + 1) / MAX_CORNERS)
  const corners: string[] = []
  for (let t = 0; t <= run.updates; t += stride) {
    corners.push(
      toPixel(scene, pointOf(run, t), SIDE, SIDE)
        .map((x) => x.toFixed(1))
        .join(),
    )
  }
  const color = light.racers[run.style % light.racers.length]
  const line = (stroke: string, width: number, dash: string) =>
    `<polyline points="${corners.join(' ')}" fill="none" stroke="${stroke}" stroke-width="${width}" stroke-dasharray="${dash}" stroke-linejoin="round"/>`
  const dash = dashes[run.style % dashes.length].map((length) => 2 * length).join()
  const [x, y] = toPixel(scene, pointOf(run, run.updates), SIDE, SIDE)
  return `${line(light.surface, 10, '')}${line(color, 5, dash)}<circle cx="${x}" cy="${y}" r="11" fill="${color}" stroke="${light.surface}" stroke-width="3"/>`
}

const drawGround = (scene: Scene) => (scene.start.length === 1 ? drawCurve(scene) : drawMap(scene))
const drawPaths = (scene: Scene, runs: readonly Run[]) => runs.map((run) => drawRun(scene, run)).join('')

const drawClouds = (runs: readonly Run[]) =>
  arrangePanels(runs, Infinity, SIDE, SIDE)
    .map(({ run, dots, center: [x, y], radius }) => {
      const color = light.racers[run.style]
      const circles = dots
        .map(([x, y]) => `<circle cx="${x.toFixed(1)}" cy="${y.toFixed(1)}" r="3"/>`)
        .join('')
      return `<g fill="${color}">${circles}</g><circle cx="${x}" cy="${y}" r="${radius}" fill="none" stroke="${light.text}" stroke-width="3"/>`
    })
    .join('')

/** Breaks a text into lines of at most `columns` characters. */
function wrap(text: string, columns: number): string[] {
  const lines = ['']
  for (const word of text.split(' ')) {
    const last = lines.at(-1) as string
    if (last !== '' && last.length + word.length >= columns) lines.push(word)
    else lines[lines.length - 1] = last === '' ? word : `${last} ${word}`
  }
  return lines
}

/** @param font name of a font that the renderer knows */
export function renderCard(step: Step, font: string): string {
  const settings = { ...initialSettings(step), ...step.card }
  const scene = step.scene(settings)
  const runs = computeRuns(scene)
  const picture = runs.some(isCloud) ? drawClouds(runs) : drawGround(scene) + drawPaths(scene, runs)
  const lines = (text: string, columns: number, top: number, size: number, color: string, weight = 400) =>
    wrap(text, columns)
      .map(
        (line, i) =>
          `<text x="${LEFT}" y="${top + i * size * 1.3}" font-size="${size}" font-weight="${weight}" fill="${color}">${escapeXml(line)}</text>`,
      )
      .join('')
  return `<svg xmlns="http://www.w3.org/2000/svg" width="1200" height="630" font-family="${font}">
<rect width="1200" height="630" fill="${light.surface}"/>
<svg width="${SIDE}" height="${SIDE}" overflow="hidden">${picture}</svg>
${lines(step.title, 18, 110, 52, light.text, 700)}
${lines(step.question, Math.floor(WIDTH / 16), 250, 32, light.text)}
<text x="${LEFT}" y="590" font-size="26" fill="${light.muted}">antigrad</text>
</svg>`
}

export interface CardFile {
  /** Path of the image in the folder with all pages. */
  readonly fileName: string
  readonly svg: string
}

export const renderCards = (font: string): CardFile[] =>
  steps.map((step) => ({ fileName: `story/${step.id}/card.png`, svg: renderCard(step, font) }))
