/** The interface and the colors of the contour panel and the surface panel. */

import { interpolateBlues } from 'd3-scale-chromatic'
import type { Point } from '../../objectives/index.js'
import type { Landscape } from './landscape.js'
import type { Polyline } from './polyline.js'

/** A position in the plot, in pixels. */
export interface ScreenPoint {
  readonly x: number
  readonly y: number
  /** Whether the surface hides the point. */
  readonly isHidden: boolean
}

/** A panel of the plot. Points are fractions of the view's width and height, from the lower left corner. */
export interface Panel {
  readonly name: 'contour' | 'surface'
  /** The background of the paths, as SVG. */
  readonly scenery: string
  place(point: Point): ScreenPoint
  /** Converts the parts of a path to lines in pixels: visible lines, and lines that the surface hides. */
  trace(parts: readonly Polyline[]): { seen: Polyline[]; hidden: Polyline[] }
}

/** The color of a height. Low heights have light colors, so that the ends of paths stand out. */
export function heightColor(height: number, { heights: [low, high] }: Landscape): string {
  const share = (height - low) / (high - low)
  const [red, green, blue] = interpolateBlues(0.04 + 0.66 * share).match(/\d+/g) as string[]
  return `#${[red, green, blue].map((part) => Number(part).toString(16).padStart(2, '0')).join('')}`
}

/** Formats a number with up to six digits and a typographic minus sign. */
export const label = (x: number): string => `${Number(x.toPrecision(6))}`.replace('-', '−')
