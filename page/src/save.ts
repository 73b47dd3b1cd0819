/** Saves the map as a picture and the race as a program. */

import { download } from './dom.js'
import { heightColors } from './map/heights.js'
import type { RaceMap } from './map/map.js'
import { computeRectangle, generateCorners, makeStar, type PlotBox } from './map/plot.js'
import { colorOf } from './map/ramp.js'
import { shortNames } from './names.js'
import { writeProgram } from './program.js'
import type { RaceState } from './state.js'
import { getStyle, theme } from './theme.js'

/** Saves the displayed map as SVG. */
export function saveSvg(drawing: RaceMap['drawing']): void {
  download('race.svg', 'image/svg+xml', makeSvg(drawing))
}

/** Saves the displayed map as PNG. */
export async function savePng(picture: HTMLCanvasElement): Promise<void> {
  const canvas = document.createElement('canvas')
  canvas.width = picture.width
  canvas.height = picture.height
  const context = canvas.getContext('2d') as CanvasRenderingContext2D
  context.fillStyle = theme().surface
  context.fillRect(0, 0, canvas.width, canvas.height)
  context.drawImage(picture, 0, 0)
  const blob = await new Promise<Blob | null>((resolve) => canvas.toBlob(resolve, 'image/png'))
  if (!blob) throw new Error('the browser cannot create a PNG')
  download('race.png', 'image/png', blob)
}

export async function saveProgram(state: RaceState): Promise<void> {
  download('race.ts', 'text/typescript', await writeProgram(state))
}

const escaped = (text: string) => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;')
const at = (x: number) => String(Math.round(10 * x) / 10)

const makeRect = ({ left, top, width, height }: PlotBox) =>
  `x="${at(left)}" y="${at(top)}" width="${at(width)}" height="${at(height)}"`

function makeSvg({ width, height, box, levels, race, terrain, offsets, pixel }: RaceMap['drawing']): string {
  const colors = theme()
  const path = (corners: Iterable<readonly [number, number, boolean]>) =>
    Array.from(corners, ([x, y, isFirst]) => `${isFirst ? 'M' : 'L'}${at(x)} ${at(y)}`).join('')
  const ground = levels.map(
    ({ rings }, i) =>
      `<path d="${path(generateCorners(box, rings))}" fill="${colorOf(heightColors(colors), (i + 1) / levels.length)}"/>`,
  )
  const stars = terrain.landscape.minima.map(
    (minimum) =>
      `<polygon points="${makeStar(...pixel(minimum))
        .map((p) => p.map(at))
        .join(' ')}"/>`,
  )
  const { bounds, view } = terrain.landscape
  const limits = bounds ? makeRect(computeRectangle(box, bounds, view)) : ''
  const names = shortNames(race.racers.map(({ name }) => name))
  const racers = race.racers.map((racer, number) => {
    const { color, dash } = getStyle(number)
    const points = Array.from({ length: racer.iterations + 1 }, (_, i) =>
      pixel(racer.pointAt(i)).map(at).join(),
    )
    const kept = points.filter((point, i) => point !== points[i - 1])
    const [x, y] = pixel(racer.pointAt(racer.iterations))
    const offset = offsets[number]
    const name =
      offset &&
      `<text x="${at(x + offset[0] + 3)}" y="${at(y + offset[1] + 12)}" fill="${color}">${escaped(names[number])}</text>`
    const line = `<polyline points="${kept.join(' ')}" fill="none"`
    return `${line} stroke="${colors.surface}" stroke-width="5"/>${line} stroke="${color}" stroke-width="2" stroke-dasharray="${dash.join(' ')}"/><circle cx="${at(x)}" cy="${at(y)}" r="5" fill="${color}"/>${name ?? ''}`
  })
  const { left, top } = box
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="system-ui, sans-serif" font-size="12" font-weight="600">
<clipPath id="box"><rect x="${left}" y="${top}" width="${box.width}" height="${box.height}"/></clipPath>
<rect width="${width}" height="${height}" fill="${colors.surface}"/>
<g clip-path="url(#box)"><rect x="${left}" y="${top}" width="${box.width}" height="${box.height}" fill="${colorOf(heightColors(colors), 0)}"/>
<g fill-rule="evenodd" stroke="${colors.contour}" stroke-width="0.6">${ground.join('\n')}</g>
<g fill="${colors.star}" stroke="${colors.surface}">${stars.join('')}</g>
${limits && `<rect ${limits} fill="none" stroke="${colors.text}" stroke-width="2"/>`}
${racers.join('\n')}</g>
</svg>
`
}
