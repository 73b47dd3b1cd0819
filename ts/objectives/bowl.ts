import { atLeast, type GivenOf } from '../options/kinds.js'
import { readOptions } from '../options/read.js'
import type { TestObjective } from './objective.js'

const table = {
  /** ≥ 1: the largest curvature by the smallest; 100 */
  condition: atLeast(1, 100),
}

/** See {@link bowl}. */
export interface BowlOptions extends GivenOf<typeof table> {}

/**
 * A quadratic bowl F(x) = ½·Σ cᵢ·xᵢ² whose curvatures rise evenly from 1 to `condition`, so that
 * its Hessian has this condition number. The minimum is 0 at 0.
 *
 * @throws OptionError where `condition` is not a finite number ≥ 1, or an option has another name
 */
export function bowl(options: BowlOptions = {}): TestObjective {
  const { condition } = readOptions('bowl: options', options, table)
  const curvature = (i: number, n: number) => (n === 1 ? condition : 1 + ((condition - 1) * i) / (n - 1))
  return {
    name: 'bowl',
    start: [-2.5, 1.5],
    view: [-3, 3, -2, 2],
    value(x) {
      let sum = 0
      for (let i = 0; i < x.length; i++) sum += curvature(i, x.length) * x[i] * x[i]
      return sum / 2
    },
    gradient(x, out) {
      for (let i = 0; i < x.length; i++) out[i] = curvature(i, x.length) * x[i]
    },
    minima: (dimensions) => [new Float64Array(dimensions)],
  }
}
