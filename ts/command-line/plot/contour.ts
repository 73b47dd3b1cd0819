/** Contour plot of an objective: filled contours at many levels, with axes. */

import { ticks } from 'd3-array'
import { contours } from 'd3-contour'
import { findContours } from '../../plots/contours.js'
import { axisMarks } from '../../plots/view.js'
import type { Landscape } from './landscape.js'
import { heightColor, label, type Panel } from './panel.js'
import { type Polyline, pathData, px, simplify } from './polyline.js'

/** Number of grid points per side of the contour plot. Contours are linear between grid points. */
const SIZE = 361

/** The position and size of the contour plot's square, in pixels. */
export interface Frame {
  readonly left: number
  readonly top: number
  readonly size: number
}

export function contour(landscape: Landscape, { left, top, size }: Frame): Panel {
  const { view, levels, height } = landscape
  const bottom = top + size
  const atX = (u: number) => left + size * u
  const atY = (v: number) => bottom - size * v

  const found = findContours(contours, landscape.grid(SIZE), SIZE, levels.map(height))
  const bands = found.map(({ value, rings }) => {
    const lines = rings.map((ring) =>
      simplify(
        ring.flatMap(([u, v]) => [atX(u), atY(v)]),
        1,
      ),
    )
    return `<path fill="${heightColor(value, landscape)}" d="${pathData(lines)}"/>`
  })
  const [xs, ys] = axisMarks(ticks, view)
  const xTicks = xs.map(({ value, at: u }) => {
    const at = px(atX(u))
    return `<path d="M${at} ${bottom}v5"/><text x="${at}" y="${bottom + 18}" text-anchor="middle">${label(value)}</text>`
  })
  const yTicks = ys.map(({ value, at: v }) => {
    const at = atY(v)
    return `<path d="M${left} ${px(at)}h-5"/><text x="${left - 8}" y="${px(at + 4)}" text-anchor="end">${label(value)}</text>`
  })
  const frame = `x="${left}" y="${top}" width="${size}" height="${size}"`
  return {
    name: 'contour',
    scenery: `<clipPath id="frame"><rect ${frame}/></clipPath>
<rect ${frame} fill="${heightColor(landscape.heights[0], landscape)}"/>
<g id="levels" clip-path="url(#frame)" stroke="#17456e" stroke-opacity=".35" stroke-width=".6" fill-rule="evenodd">
${bands.join('\n')}
</g>
<g class="axes">
<rect ${frame} fill="none"/>
${[...xTicks, ...yTicks].join('\n')}
<text x="${left + size / 2}" y="${bottom + 36}" text-anchor="middle" font-style="italic">x</text>
<text x="${left - 36}" y="${top + size / 2 + 4}" text-anchor="middle" font-style="italic">y</text>
</g>`,
    place: ([u, v]) => ({ x: atX(u), y: atY(v), isHidden: false }),
    trace: (parts) => ({ seen: parts.map(toPixels), hidden: [] }),
  }

  function toPixels(part: Polyline): number[] {
    return Array.from(part, (share, i) => (i % 2 === 0 ? atX(share) : atY(share)))
  }
}
