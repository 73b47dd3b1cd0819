/** What the contour and the surface have in common. */

import { interpolateBlues } from 'd3-scale-chromatic'
import type { Point } from '../../objectives/index.js'
import type { Landscape } from './landscape.js'
import type { Polyline } from './polyline.js'

/** Where something is in the picture, in pixels. */
export interface ScreenPoint {
  readonly x: number
  readonly y: number
  /** Whether the surface is before it. */
  readonly isHidden: boolean
}

/** A part of the picture. Points of the view come as shares of its width and height, from the lower left. */
export interface Panel {
  readonly name: 'contour' | 'surface'
  /** What lies beneath the paths, as SVG. */
  readonly scenery: string
  place(point: Point): ScreenPoint
  /** A path's parts as lines in pixels: those to be seen, and those that the surface hides. */
  trace(parts: readonly Polyline[]): { seen: Polyline[]; hidden: Polyline[] }
}

/** A height's color: light where it is low, so that paths, which end there, stand out. */
export function heightColor(height: number, { heights: [low, high] }: Landscape): string {
  const share = (height - low) / (high - low)
  const [red, green, blue] = interpolateBlues(0.04 + 0.66 * share).match(/\d+/g) as string[]
  return `#${[red, green, blue].map((part) => Number(part).toString(16).padStart(2, '0')).join('')}`
}

/** A number as people write it. */
export const label = (x: number): string => `${Number(x.toPrecision(6))}`.replace('-', '−')
