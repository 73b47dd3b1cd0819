/** Code that the two piecewise schedules share. */

import { OptionError } from '../core/errors.js'
import { factors, level, updates } from './kind.js'

export const fields = {
  value: level(),
  /** strictly ascending integers ≥ 1 */
  boundaries: updates(1, true),
  /** ≥ 0: factor of the value at each boundary */
  scales: factors(),
} as const

interface Piecewise {
  readonly value: number
  readonly boundaries: readonly number[]
  readonly scales: readonly number[]
}

/** The values at update 0 and at each boundary. The scales are multiplied cumulatively, as in Optax. */
export function computeValues({ value, scales }: Piecewise): number[] {
  const values = [value]
  for (const scale of scales) values.push(values[values.length - 1] * scale)
  return values
}

export function check({ boundaries, scales }: Piecewise, what: string): void {
  if (boundaries.length === scales.length) return
  throw new OptionError(
    `${what}: scales`,
    `one scale for each of the ${boundaries.length} boundaries`,
    scales,
  )
}
