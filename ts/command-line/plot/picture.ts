/** Paths of rules on the contours and on the surface of an objective, as SVG. */

import type { MinimizeReason } from '../../minimize/reasons.js'
import type { Point, TestObjective } from '../../objectives/index.js'
import { starCorners } from '../../plots/contours.js'
import { isInside, toFractions } from '../../plots/view.js'
import { contour } from './contour.js'
import { type Landscape, landscape } from './landscape.js'
import { label, type Panel, type ScreenPoint } from './panel.js'
import { clip, type Polyline, pathData, px, simplify, withoutRepeats } from './polyline.js'
import { surface } from './surface.js'

/** A run of a rule that will be drawn. */
export interface DrawnRun {
  readonly name: string
  /** The rule's options as text for the legend. */
  readonly options: string
  readonly iterations: number
  readonly reason: MinimizeReason
  /** F at the last point. */
  readonly value: number
  /**
   * The starting point and the point after each update, alternating x and y. The plot keeps no reference to the array.
   */
  readonly path: Polyline
}

/** A run, converted to lines in pixels. */
interface Track extends Omit<DrawnRun, 'path'> {
  readonly lines: readonly { seen: Polyline[]; hidden: Polyline[] }[]
  /** Positions after 1, 10, 100, … updates; one array per panel. */
  readonly dots: readonly ScreenPoint[][]
  readonly leaves: boolean
}

const WIDTH = 830
const FRAME = { left: 54, top: 48, size: 340 }
const LEGEND = 450
const ROW = 20

/** The font names have no quotes, because resvg ignores all names after a quoted name. */
export const FONTS = 'Arial, Liberation Sans, DejaVu Sans, sans-serif'

/** Colors for color-blind readers (Okabe and Ito, 2008). The colors that stand out on blue come first. */
export const COLORS = ['#d55e00', '#000000', '#009e73', '#cc79a7', '#0072b2', '#e69f00', '#56b4e9', '#f0e442']
/** If there are more runs than colors, the colors repeat with dashed lines. */
export const DASHES = ['', ' stroke-dasharray="7 3"', ' stroke-dasharray="2 2"']

/** Number of distinguishable line styles. */
export const MAX_LINES = COLORS.length * DASHES.length

export const lineStyle = (i: number) =>
  `stroke="${COLORS[i % COLORS.length]}"${DASHES[Math.floor(i / COLORS.length) % DASHES.length]}`

/** Paths that are drawn earlier are wider. All paths are therefore visible, even if paths coincide in a valley. */
const lineWidth = (i: number, count: number) => px(1.4 + (4 * i) / Math.max(5, count - 1))

/** A plot of an objective to which runs can be added. */
export class PathPlot {
  readonly #landscape: Landscape
  readonly #panels: readonly Panel[]
  readonly #start: Point
  readonly #title: string
  readonly #tracks: Track[] = []

  /** @throws OptionError if the starting point is too far away for the objective to be drawn */
  constructor(title: string, objective: TestObjective, start: Point) {
    this.#title = `${title}, from (${start.map(label).join(', ')})`
    this.#start = start
    this.#landscape = landscape(objective, start)
    this.#panels = [contour(this.#landscape, FRAME), surface(this.#landscape, [636, 256], 258)]
  }

  add({ path, ...run }: DrawnRun): void {
    const { view } = this.#landscape
    const lines = clip(path, view).map((part) =>
      simplify(
        part.map((_, i) => this.#share([part[i & ~1], part[i | 1]])[i & 1]),
        FRAME.size,
      ),
    )
    const parts = withoutRepeats(lines, FRAME.size)
    const shown: Point[] = []
    for (let update = 1; 2 * update + 1 < path.length; update *= 10) {
      const point: Point = [path[2 * update], path[2 * update + 1]]
      if (isInside(point, view)) shown.push(this.#share(point))
    }
    this.#tracks.push({
      ...run,
      lines: this.#panels.map((panel) => panel.trace(parts)),
      dots: this.#panels.map((panel) => shown.map(panel.place)),
      leaves: !isInside([path[path.length - 2], path[path.length - 1]], view),
    })
  }

  /** The plot as SVG. Equal runs produce identical bytes. */
  toSvg(): string {
    const rows = this.#tracks.length
    const height = LEGEND + ROW * (rows + 1) + 14
    const names = this.#tracks.map(({ name }) => name).join(', ')
    return `<svg xmlns="http://www.w3.org/2000/svg" role="img" aria-labelledby="title" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" font-family="${FONTS}" font-size="12" fill="#222">
<title id="title">${this.#title}: contour and surface with the paths of ${names}</title>
<style>.axes path, .axes rect { stroke: #555 } text { stroke: none }</style>
<rect width="${WIDTH}" height="${height}" rx="6" fill="#fff"/>
<text x="${FRAME.left}" y="28" font-size="15" font-weight="bold">${this.#title}</text>
${this.#panels.map((panel, i) => this.#draw(panel, i)).join('\n')}
${this.#legend()}
</svg>
`
  }

  #share(point: Point): Point {
    return toFractions(point, this.#landscape.view)
  }

  #draw(panel: Panel, number: number): string {
    // The first run is drawn last, on top of all other runs.
    const paths = this.#tracks.map(({ name, lines, dots }, i) => {
      const { seen, hidden } = lines[number]
      const d = pathData(seen)
      const marks = dots[number].filter(({ isHidden }) => !isHidden)
      return `<g data-rule="${name}" ${lineStyle(i)} stroke-width="${lineWidth(i, this.#tracks.length)}">
<path d="${d}"/>
${hidden.length > 0 ? `<path class="hidden" stroke-opacity=".3" d="${pathData(hidden)}"/>\n` : ''}${marks
  .map(({ x, y }) => `<circle cx="${px(x)}" cy="${px(y)}" r="2.6" fill="#fff" stroke-width="1.6"/>`)
  .join('')}
</g>`
    })
    const { minima } = this.#landscape
    const start = panel.place(this.#share(this.#start))
    return `<g id="${panel.name}">
${panel.scenery}
<g class="paths" fill="none" stroke-linejoin="round" stroke-linecap="round">
${paths.reverse().join('\n')}
</g>
${ring(start)}
${minima.map((minimum) => star(panel.place(this.#share(minimum)))).join('\n')}
</g>`
  }

  #legend(): string {
    const at = (row: number) => LEGEND + ROW * row
    const row = (i: number, [name, updates, end, options]: string[], weight: string) => `
<text x="${FRAME.left + 40}" y="${at(i)}" font-weight="${weight}">${name}</text>
<text x="270" y="${at(i)}" text-anchor="end">${updates}</text>
<text x="290" y="${at(i)}">${end}</text>
<text x="500" y="${at(i)}">${options}</text>`
    const rows = this.#tracks.map((track, i) => {
      const texts = [track.name, `${track.iterations}`, ending(track), track.options]
      return `<path ${lineStyle(i)} stroke-width="${lineWidth(i, this.#tracks.length)}" d="M${FRAME.left} ${at(i + 1) - 4.5}h30"/>${row(i + 1, texts, 'bold')}`
    })
    const key = [
      `${ring({ x: 562, y: 24 })}<text x="572" y="28">start</text>`,
      `<circle cx="622" cy="24" r="2.6" fill="none" stroke="#222" stroke-width="1.6"/>
<text x="631" y="28">after 1, 10, 100, … updates</text>`,
    ]
    if (this.#landscape.minima.length > 0)
      key.push(`${star({ x: 470, y: 24 })}<text x="484" y="28">minimum</text>`)
    return `<g id="legend">
${key.join('\n')}
<g fill="#666">${row(0, ['rule', 'updates', 'result', 'options'], 'normal')}</g>
${rows.join('\n')}
</g>`
  }
}

/** Legend texts for the reasons why a run ended. */
const endings = {
  converged: 'converged',
  stalled: 'stalled',
  'max-iterations': 'not converged',
  callback: 'stopped',
} as const

function ending({ iterations, reason, value, leaves }: Track): string {
  if (reason === 'diverged') return `diverged after ${iterations}`
  const size = Math.abs(value)
  const short =
    size === 0 || (size >= 1e-3 && size < 1e5) ? label(Number(value.toPrecision(3))) : value.toExponential(1)
  const where = leaves ? 'out of view' : `F = ${short.replaceAll('-', '−')}`
  return `${endings[reason]}, ${where}`
}

/** The marker of the starting point: a ring. */
function ring({ x, y }: Pick<ScreenPoint, 'x' | 'y'>): string {
  return `<circle class="start" cx="${px(x)}" cy="${px(y)}" r="4.5" fill="#fff" stroke="#222" stroke-width="1.5"/>`
}

/** The marker of a minimum: a five-pointed star. */
function star({ x, y }: Pick<ScreenPoint, 'x' | 'y'>): string {
  const corners = starCorners(x, y, 9, 3.6).map((corner) => corner.map(px).join(' '))
  return `<path class="minimum" fill="#ffb000" stroke="#222" stroke-width="1" d="M${corners.join(' ')}z"/>`
}
