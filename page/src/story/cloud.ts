/** Clouds of points: each run has many starts, and each run has its own panel. */

import type { Corner } from './axes.js'
import type { Run } from './step.js'

export interface Panel {
  readonly run: Run
  readonly left: number
  readonly top: number
  readonly width: number
  readonly height: number
  readonly dots: readonly Corner[]
  /** Center and radius of the circle whose radius is the root mean square distance from the center. */
  readonly center: Corner
  readonly radius: number
}

/** Distances in a panel's view, relative to the largest root mean square distance of all final clouds. */
const MARGIN = 2.2

export const isCloud = ({ dimensions }: Run): boolean => dimensions > 2

const spread = ({ points, dimensions }: Run, update: number) => {
  let sum = 0
  for (let i = 0; i < dimensions; i++) sum += points[update * dimensions + i] ** 2
  return Math.sqrt((2 * sum) / dimensions)
}

/** Arranges the clouds in two columns. */
export function arrangePanels(runs: readonly Run[], update: number, width: number, height: number): Panel[] {
  const reach = MARGIN * Math.max(...runs.map((run) => spread(run, run.updates)), 1e-12)
  const [w, h] = [width / 2, height / Math.ceil(runs.length / 2)]
  return runs.map((run, i) => {
    const [left, top] = [(i % 2) * w, Math.floor(i / 2) * h]
    const center = [left + w / 2, top + h / 2] as const
    const scale = Math.min(w, h) / 2 / reach
    const from = Math.min(Math.floor(update), run.updates) * run.dimensions
    const dots = Array.from({ length: run.dimensions / 2 }, (_, k): Corner => {
      const [x, y] = [run.points[from + 2 * k], run.points[from + 2 * k + 1]]
      return [center[0] + scale * x, center[1] - scale * y]
    })
    const radius = scale * spread(run, Math.min(Math.floor(update), run.updates))
    return { run, left, top, width: w, height: h, dots, center, radius }
  })
}
