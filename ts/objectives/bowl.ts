import { atLeast, type GivenOf } from '../options/kinds.js'
import { readOptions } from '../options/read.js'
import type { TestObjective } from './objective.js'

const table = {
  /** ratio of the largest to the smallest curvature, ≥ 1; default 100 */
  condition: atLeast(1, 100),
}

/** Options of {@link bowl}. */
export interface BowlOptions extends GivenOf<typeof table> {}

/**
 * The quadratic bowl F(x) = ½·Σ cᵢ·xᵢ². The curvatures of the bowl rise linearly from 1 to `condition`, which is
 * therefore the condition number of the Hessian. The minimum is 0 at 0.
 *
 * @throws OptionError if `condition` is not a finite number ≥ 1, or if an option is unknown
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
