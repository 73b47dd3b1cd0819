import { kernel, type LoopOf, twice } from '../arena/kernel.js'
import {
  PreparedKernel,
  ScaledKernel,
  Sm3CoveredKernel,
  Sm3CoveredMomentumKernel,
  Sm3MomentumKernel,
  Sm3SingleKernel,
  Sm3SingleMomentumKernel,
} from '../arena/manifest.js'
import { type MatrixLoopOf, matrixKernel } from '../arena/matrices.js'
import type { FloatArray, Matrix, Round } from '../core/numbers.js'
import { fraction } from '../options/kinds.js'
import { define } from './define.js'
import { Prepared, Scaled } from './norms.js'
import { type RuleOf, rule } from './rule.js'

/** Maximum number of pieces of a matrix. In Rust each piece has its own column maxima of ν. */
const PIECES = 16

/** Returns 0 for a number above −∞, and NaN for NaN. */
const zeroOrNan = (x: number): number => (x > -Infinity ? 0 : x)
const larger = (a: number, b: number): number => (a > b ? a : b) + zeroOrNan(a)
const smaller = (a: number, b: number): number => (a > b ? b : a) + zeroOrNan(b)

/** Workspace: the column maxima of ν for each piece, padded to whole cache lines. */
const found = ([rows, columns]: Matrix) => ({ found: Math.min(rows, PIECES) * Math.ceil(columns / 16) * 16 })

const covered =
  (f: Round): MatrixLoopOf<typeof Sm3CoveredKernel, typeof found> =>
  ({ g, state: { r, c }, shape: [height, columns] }, row, { found }) => {
    const eps = f(row.eps)
    found.fill(0, 0, columns)
    for (let i = 0; i < height; i++) {
      let most = 0
      for (let j = 0; j < columns; j++) {
        const at = i * columns + j
        const nu = f(smaller(r[i], c[j]) + f(g[at] * g[at]))
        const root = f(Math.sqrt(f(nu + eps)))
        g[at] = root === 0 ? 0 : f(g[at] / root)
        found[j] = larger(found[j], nu)
        most = larger(most, nu)
      }
      r[i] = most
    }
    c.set(found.subarray(0, columns))
  }

/** ν = min(rᵢ, cⱼ) + g·g; u = g/√(ν + ε); rᵢ' = maxⱼ ν; cⱼ' = maxᵢ ν. A NaN propagates through min and max. */
const Sm3CoveredLoop = twice(covered)
/** The kernels with `momentum` compute the same equations. */
const Sm3CoveredMomentumLoop = twice(covered)

/** Without `factored`. */
const Sm3SingleLoop = twice<typeof Sm3SingleKernel>((f) => (_theta, g, { v }, { eps }, from, to, _, u) => {
  for (let i = from; i < to; i++) {
    v[i] = f(v[i] + f(g[i] * g[i]))
    const root = f(Math.sqrt(f(v[i] + eps)))
    u[i] = root === 0 ? 0 : f(g[i] / root)
  }
})

const moved =
  (f: Round) =>
  (
    theta: FloatArray,
    u: FloatArray,
    { m }: { readonly m: FloatArray },
    { decay, lr, beta1, oneMinusBeta1 }: Parameters<LoopOf<typeof Sm3MomentumKernel>>[3],
    from: number,
    to: number,
  ): void => {
    for (let i = from; i < to; i++) {
      m[i] = f(f(beta1 * m[i]) + f(oneMinusBeta1 * u[i]))
      theta[i] = f(f(theta[i] * decay) - f(lr * m[i]))
    }
  }

/** With `momentum`. */
const Sm3MomentumLoop = twice<typeof Sm3MomentumKernel>(moved)
/** The kernel without `factored` and with `momentum`. */
const Sm3SingleMomentumLoop = twice<typeof Sm3SingleMomentumKernel>(moved)

/** β₁ is the momentum; without momentum rate = η. */
export const definition = define('sm3', {
  options: {
    lr: 0.1,
    /** decay rate β₁ in [0, 1) of the average direction m; 0 stores no m */
    momentum: fraction(0.9),
    /** ε, which is added under the root; if the root is exactly 0, the quotient is 0 */
    eps: 1e-8,
    /** λ·θ is added to the gradient */
    weightDecay: 0,
    /** stores only row maxima r and column maxima c for matrices; false stores v at full size for all tensors */
    factored: true,
    maximize: false,
  },
  kernels: [
    Prepared,
    matrixKernel(Sm3CoveredKernel, Sm3CoveredLoop, found),
    matrixKernel(Sm3CoveredMomentumKernel, Sm3CoveredMomentumLoop, found),
    kernel(Sm3SingleKernel, Sm3SingleLoop),
    kernel(Sm3SingleMomentumKernel, Sm3SingleMomentumLoop),
    kernel(Sm3MomentumKernel, Sm3MomentumLoop),
    Scaled,
  ],
  stages({ factored, momentum }) {
    const hasMomentum = momentum > 0
    if (!factored) return [Sm3SingleKernel, hasMomentum ? Sm3SingleMomentumKernel : ScaledKernel]
    return hasMomentum
      ? [PreparedKernel, Sm3CoveredMomentumKernel, Sm3MomentumKernel]
      : [PreparedKernel, Sm3CoveredKernel, ScaledKernel]
  },
  fallback: (rule, shape = []) =>
    rule.factored && shape.length < 2 ? Object.freeze({ ...rule, factored: false }) : undefined,
  fixed: ['factored'],
  coefficients({ lr, momentum, eps }, row) {
    row[Sm3MomentumKernel.row.lr] = lr
    row[Sm3MomentumKernel.row.beta1] = momentum
    row[Sm3MomentumKernel.row.oneMinusBeta1] = 1 - momentum
    row[Sm3MomentumKernel.row.eps] = eps
  },
  between({ lr, momentum }, _, { rate }, i) {
    if (momentum === 0) rate[i] = lr
  },
  l2: ({ weightDecay }) => weightDecay,
  // The values under the root never decay, so subnormal numbers occur only in m.
  flushes: ({ momentum, eps }, smallestNormal) => momentum > 0 && eps >= smallestNormal,
})

/** SM3's description; see {@link sm3}. */
export interface Sm3 extends RuleOf<typeof definition> {}

/**
 * SM3-II (Anil, Gupta, Koren and Singer, 2019) is Adagrad with little memory. The rule stores only the largest ν of
 * each row and column of a matrix, where ν = min(rᵢ, cⱼ) + g². The update is u = g/√(ν + ε), m ← β₁·m + (1−β₁)·u, θ ← θ
 * − η·m. A tensor with two or more dimensions is a matrix. The rows of the matrix are the first dimension, and the
 * columns are the product of all other dimensions. For a vector, or a tensor without a shape in `shapes`, all values of
 * ν are stored. The defaults are Optax's defaults. Optax stores one number per index of each dimension. For matrices,
 * Optax and antigrad store the same state.
 *
 * State: r and c, or v; if momentum is used, also m.
 * @throws OptionError if an option is unknown or out of its range
 */
export const sm3 = rule<Sm3>(definition)
