import type { Scheduled } from '../schedules.js'
import { type Definition, describe, flag, type Kernel, nonNegative, type Options, scheduled } from './rule.js'

/** Gradient descent's description; see {@link gradientDescent}. */
export interface GradientDescent {
  readonly name: 'gradientDescent'
  readonly lr: Scheduled
  readonly maximize: boolean
}

/** θ ← θ − η·g. */
export const GradientDescent: Kernel =
  (f) =>
  (theta, g, _, [lr], from, to) => {
    for (let i = from; i < to; i++) {
      theta[i] = f(theta[i] - f(lr * g[i]))
    }
  }

export const gradientDescentDefinition: Definition<GradientDescent> = {
  name: 'gradientDescent',
  options: { lr: scheduled(nonNegative), maximize: flag },
  defaults: { lr: 1e-3, maximize: false },
  kernel: () => 'GradientDescent',
  state: () => [],
  coefficients: ({ lr }, row) => {
    row[0] = lr
  },
}

/**
 * Gradient descent (Cauchy, 1847): θ ← θ − η·g.
 *
 * - `lr` η ≥ 0, 1e-3; may be scheduled
 * - `maximize`: climbs instead
 *
 * @throws OptionError where an option is unknown or out of its range
 */
export function gradientDescent(options: Options<GradientDescent> = {}): GradientDescent {
  return describe(gradientDescentDefinition, options)
}
