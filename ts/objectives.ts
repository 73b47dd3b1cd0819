/** Functions to try optimizers on, with their gradients. */

import { OptionError } from './errors.js'

/**
 * Something to be minimised: F(x), and its gradient, which fills all of `out`, as long as x. Neither
 * may keep or change x, which is the optimizer's own memory.
 */
export interface Objective {
  value(x: ArrayLike<number>): number
  gradient?(x: ArrayLike<number>, out: { [i: number]: number }): void
}

/** An objective whose answer is known. */
export interface TestObjective extends Required<Objective> {
  readonly name: string
  /** Where the minimum is, in n dimensions. */
  minimizer(dimensions: number): Float64Array
}

/**
 * Rosenbrock's function in n ≥ 2 dimensions (Rosenbrock, 1960), as a sum over neighbours:
 * F(x) = Σᵢ (a − xᵢ)² + b·(xᵢ₊₁ − xᵢ²)². In two dimensions its only minimum is 0 at (a, a²); in
 * more, with a = 1, 0 at (1, …, 1).
 *
 * @param options `a`, 1, and `b`, 100: finite numbers
 * @throws OptionError where one is not
 */
export function rosenbrock({ a = 1, b = 100 }: { a?: number; b?: number } = {}): TestObjective {
  for (const [name, x] of [
    ['a', a],
    ['b', b],
  ] as const) {
    if (!Number.isFinite(x)) throw new OptionError(`rosenbrock: ${name}`, 'a finite number', x)
  }
  return {
    name: 'rosenbrock',
    value(x) {
      let sum = 0
      for (let i = 0; i + 1 < x.length; i++) {
        const away = a - x[i]
        const off = x[i + 1] - x[i] * x[i]
        sum += away * away + b * (off * off)
      }
      return sum
    },
    gradient(x, out) {
      out[0] = 0
      for (let i = 0; i + 1 < x.length; i++) {
        const off = x[i + 1] - x[i] * x[i]
        out[i] += -2 * (a - x[i]) - 4 * b * x[i] * off
        out[i + 1] = 2 * b * off
      }
    },
    minimizer: (dimensions) =>
      dimensions === 2 ? Float64Array.of(a, a * a) : new Float64Array(dimensions).fill(a),
  }
}

/**
 * A quadratic bowl F(x) = ½·Σ cᵢ·xᵢ² whose curvatures rise evenly from 1 to `condition`, so that
 * its Hessian has this condition number. The minimum is 0 at 0.
 *
 * @throws OptionError where `condition` is not a finite number ≥ 1
 */
export function bowl({ condition = 100 }: { condition?: number } = {}): TestObjective {
  if (!(Number.isFinite(condition) && condition >= 1)) {
    throw new OptionError('bowl: condition', 'a finite number ≥ 1', condition)
  }
  const curvature = (i: number, n: number) => (n === 1 ? condition : 1 + ((condition - 1) * i) / (n - 1))
  return {
    name: 'bowl',
    value(x) {
      let sum = 0
      for (let i = 0; i < x.length; i++) sum += curvature(i, x.length) * x[i] * x[i]
      return sum / 2
    },
    gradient(x, out) {
      for (let i = 0; i < x.length; i++) out[i] = curvature(i, x.length) * x[i]
    },
    minimizer: (dimensions) => new Float64Array(dimensions),
  }
}
