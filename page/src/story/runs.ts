/** Runs of a scene, computed with `minimize`. */

import { type MinimizeOptions, minimize } from 'antigrad'
import type { Contestant, Run, Scene } from './step.js'

/** Limit of coordinates. A run that leaves this range has diverged. */
const MAX_COORDINATE = 1e9

/** Computes one run, and stops it when it arrives at a minimum. */
export function computeRun(
  { objective, minima, start, radius, maxIterations }: Scene,
  { name, rule, style = 0 }: Contestant,
  options: MinimizeOptions = {},
): Run {
  const dimensions = start.length
  const points = [...start]
  const isNear = (x: ArrayLike<number>) =>
    minima.some((minimum) => Math.hypot(...minimum.map((m, i) => x[i] - m)) <= radius)
  let arrival: number | null = null
  const { iterations, reason } = minimize(objective, start, rule, {
    tolerance: 0,
    maxIterations,
    ...options,
    callback: (x, iteration) => {
      for (let i = 0; i < dimensions; i++) points.push(x[i])
      if (radius > 0 && isNear(x)) arrival = iteration
      return arrival !== null || !(Math.max(...Array.from(x, Math.abs)) < MAX_COORDINATE)
    },
  })
  return { name, style, dimensions, points: Float64Array.from(points), updates: iterations, arrival, reason }
}

export const computeRuns = (scene: Scene): readonly Run[] =>
  scene.runs?.() ?? scene.contestants.map((one, style) => computeRun(scene, { style, ...one }))

/** The coordinates after an update. */
export const pointOf = ({ points, dimensions }: Run, update: number): number[] =>
  Array.from({ length: dimensions }, (_, i) => points[update * dimensions + i])

/** Number of updates until arrival; ∞ if the run did not arrive. */
export const updatesOf = ({ arrival }: Run): number => arrival ?? Infinity

export const formatCount = (count: number): string => count.toLocaleString('en')

/** For example `51 updates`, or `not there after 600 updates`. */
export function describeRun({ arrival, updates, points }: Run): string {
  if (arrival !== null) return `${formatCount(arrival)} updates`
  const isInRange = Math.abs(points[points.length - 1]) < MAX_COORDINATE
  return isInRange
    ? `not there after ${formatCount(updates)} updates`
    : `diverged after ${formatCount(updates)}`
}
