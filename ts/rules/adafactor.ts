import { kernel, twice } from '../arena/kernel.js'
import {
  BLOCK,
  FactoredKernel,
  FactoredMomentumKernel,
  PreparedKernel,
  UnfactoredKernel,
  UnfactoredMomentumKernel,
  UnfactoredStepKernel,
} from '../arena/manifest.js'
import { type MatrixLoopOf, matrixKernel } from '../arena/matrices.js'
import type { Dtype, FloatArray, Matrix, Round } from '../core/numbers.js'
import { sumColumn } from '../core/sums.js'
import { pow } from '../functions/pow.js'
import { atLeast, choice, nonNegative, nonPositive, nullable } from '../options/kinds.js'
import { define } from './define.js'
import { Prepared } from './norms.js'
import { preset, type RuleOf, rule } from './rule.js'

/** Minimum rows per piece of a matrix. */
const ROWS = 64

/**
 * Number of pieces of a matrix, rows per piece, and rows per partial sum of squares;
 * crates/kernels/src/rules/adafactor.rs explains these numbers.
 */
function cuts(height: number, columns: number) {
  const least = Math.max(ROWS, Math.ceil(BLOCK / columns))
  const pieces = Math.max(1, Math.floor(height / least))
  return { least, pieces, some: Math.max(1, Math.floor(BLOCK / columns)) }
}

/**
 * Workspace: Σ g² per row and, for each piece, per column; partial sums of θ² and U²; row and column factors, whose
 * product is 1/√V̂.
 */
const sumsAndFactors = ([height, columns, count]: Matrix) => {
  const { pieces, some } = cuts(height, columns)
  return {
    rows: { float64: height * count },
    // Padded to whole cache lines.
    pieces: { float64: Math.ceil(columns / 16) * 16 * count * pieces },
    squares: { float64: 2 * Math.ceil((height * count) / some) },
    rowFactors: height * count,
    columnFactors: columns * count,
  }
}

/** The relative step size ρ at update t. */
const computeRho = ({ lr, relativeStep }: { lr: number; relativeStep: boolean }, t: number): number =>
  relativeStep ? Math.min(lr, 1 / Math.sqrt(t)) : lr

/** ρ·max(ε₂, RMS(θ)). */
const scaleRho = (rho: number, rms: number, eps2: number): number => rho * (rms > eps2 ? rms : eps2)

/** Adafactor's rate after U has been clipped to an RMS of d. */
function clipped(full: number, rms: number, d: number): number {
  const excess = rms / d
  return excess > 1 ? full / excess : full
}

/** A matrix of a tensor with factored state: its number, its first element and its dimensions. */
interface FactoredMatrix {
  readonly matrix: number
  readonly start: number
  readonly height: number
  readonly columns: number
}

/** The coefficients of the means of squares. */
interface Averaging {
  readonly beta2: number
  readonly oneMinusBeta2: number
  readonly added: number
}

/** Updates the means of the squares of each row, r, and returns the mean of r. */
function averageRows(
  { matrix, start, height, columns }: FactoredMatrix,
  g: FloatArray,
  r: FloatArray,
  { beta2, oneMinusBeta2, added }: Averaging,
): number {
  let total = 0
  for (let i = 0; i < height; i++) {
    const line = start + i * columns
    const at = matrix * height + i
    const mean = sumColumn('gradients', g.subarray(line, line + columns)) / columns + added
    r[at] = beta2 * r[at] + oneMinusBeta2 * mean
    total += r[at]
  }
  return total / height
}

/** Updates the means of the squares of each column, c. */
function averageColumns(
  { matrix, start, height, columns }: FactoredMatrix,
  g: FloatArray,
  c: FloatArray,
  { beta2, oneMinusBeta2, added }: Averaging,
): void {
  const { least, pieces } = cuts(height, columns)
  for (let j = 0; j < columns; j++) {
    const at = matrix * columns + j
    let total = 0
    for (let piece = 0; piece < pieces; piece++) {
      const last = piece + 1 === pieces ? height : (piece + 1) * least
      let sum = 0
      for (let i = piece * least; i < last; i++) {
        const x = g[start + i * columns + j]
        sum = i === piece * least ? x * x : sum + x * x
      }
      total = piece === 0 ? sum : total + sum
    }
    c[at] = beta2 * c[at] + oneMinusBeta2 * (total / height + added)
  }
}

/** The RMS of a tensor of matrices, summed in pieces of `size` elements. */
function rootMeanSquare(values: FloatArray, size: number, columns: number): number {
  let total = 0
  for (let at = 0; at < values.length; at += size) {
    total += sumColumn('gradients', values.subarray(at, at + size), columns)
  }
  return Math.sqrt(total / values.length)
}

/**
 * The three passes over a tensor with factored state; crates/kernels/src/rules/adafactor.rs states the equations.
 */
const factored =
  (f: Round): MatrixLoopOf<typeof FactoredKernel, typeof sumsAndFactors> =>
  ({ theta, g, state, shape: [height, columns, count], holds, zeroes }, row, scratch) => {
    // The array m exists only if `beta1` is above 0.
    const { r, c, m }: { readonly [N in 'r' | 'c']: FloatArray } & { readonly m?: FloatArray } = state
    const { rowFactors, columnFactors } = scratch
    const { floor, rho, scales, eps2, clip, fixed, share } = row
    const [cap, beta1, oneMinusBeta1] = [f(row.cap), f(row.beta1), f(row.oneMinusBeta1)]
    // If V̂ is 0, the step is 0, unless the cap replaces the factor.
    const ofNothing = floor > 0 ? Infinity : 0
    const root = (x: number) => (x === 0 ? ofNothing : 1 / Math.sqrt(x))
    for (let matrix = 0; matrix < count; matrix++) {
      const one = { matrix, start: matrix * height * columns, height, columns }
      const mean = averageRows(one, g, r, row)
      const divisor = floor > mean ? floor : mean
      for (let at = matrix * height; at < (matrix + 1) * height; at++)
        rowFactors[at] = f(divisor === 0 ? ofNothing : root(r[at] / divisor))
      averageColumns(one, g, c, row)
      for (let at = matrix * columns; at < (matrix + 1) * columns; at++) columnFactors[at] = f(root(c[at]))
    }
    const { length } = g
    const u = g.slice()
    for (let i = 0; i < length; i++) {
      const line = Math.floor(i / columns)
      const factor = f(rowFactors[line] * columnFactors[Math.floor(line / height) * columns + (i % columns)])
      u[i] = f(u[i] * (factor > cap ? cap : factor))
    }
    const size = cuts(height, columns).some * columns
    const full = scales === 0 ? rho : scaleRho(rho, rootMeanSquare(theta, size, columns), eps2)
    const rate = f(clipped(full, rootMeanSquare(u, size, columns), clip))
    const decay = f(1 - (fixed + share * full))
    for (let i = 0; i < length; i++) {
      let step = f(rate * u[i])
      if (m !== undefined) {
        m[i] = f(f(beta1 * m[i]) + f(oneMinusBeta1 * step))
        step = m[i]
      }
      if (!holds) theta[i] = f(f(theta[i] * decay) - step)
    }
    if (zeroes) g.fill(0)
  }

/**
 * r' = β₂·r + (1−β₂)·(Σⱼg²/k + added), c' = β₂·c + (1−β₂)·(Σᵢg²/n + added) for n rows and k columns; U =
 * g·min(1/√(r'/max(mean(r'), floor))·1/√c', cap); θ' = θ·d − rate·U.
 */
const FactoredLoop = twice(factored)

/** With `beta1`: r', c' and U as before; m' = β₁·m + (1−β₁)·(rate·U); θ' = θ·d − m'. */
const FactoredMomentumLoop = twice(factored)

/** Without factoring. */
const UnfactoredLoop = twice<typeof UnfactoredKernel>(
  (f) =>
    (_theta, g, { v }, { beta2, oneMinusBeta2, added, floor }, from, to, _, direction) => {
      for (let i = from; i < to; i++) {
        v[i] = f(f(beta2 * v[i]) + f(oneMinusBeta2 * f(f(g[i] * g[i]) + added)))
        const root = f(Math.sqrt(v[i]))
        // A NaN in v propagates.
        const divisor = floor > root ? floor : root
        direction[i] = divisor === 0 ? 0 : f(g[i] / divisor)
      }
    },
)

const UnfactoredStepLoop = twice<typeof UnfactoredStepKernel>(
  (f) =>
    (theta, u, _state, _row, from, to, { rate, decay }) => {
      for (let i = from; i < to; i++) theta[i] = f(f(theta[i] * decay) - f(rate * u[i]))
    },
)

/** With `beta1`. */
const UnfactoredMomentumLoop = twice<typeof UnfactoredMomentumKernel>(
  (f) =>
    (theta, u, { m }, { beta1, oneMinusBeta1 }, from, to, { rate, decay }) => {
      for (let i = from; i < to; i++) {
        m[i] = f(f(beta1 * m[i]) + f(oneMinusBeta1 * f(rate * u[i])))
        theta[i] = f(f(theta[i] * decay) - m[i])
      }
    },
)

/**
 * β₂ = 1 − t^τ. With `epsPlacement: 'square'`, added = ε₁, floor = 0 and cap = ∞. With `'floor'`, added = 0, floor = ε₁
 * and cap = 1/ε₁. rate = ρ·max(ε₂, √(Σθ²/N))/max(1, √(ΣU²/N)/D), where D is the option d and ρ = min(η, 1/√t). d = 1 −
 * λ·η; with `decayScale: 'rate'`, d = 1 − λ·ρ·max(ε₂, √(Σθ²/N)); with `'none'`, d = 1 − λ.
 */
export const definition = define('adafactor', {
  options: {
    /** with `relativeStep`, the upper bound of the relative step size ρ */
    lr: 1e-2,
    /** exponent τ ≤ 0 of the decay rate β̂₂ = 1 − t^τ at update t, counted from 1 */
    beta2Decay: nonPositive(-0.8),
    /** ε₁ ≥ 0; null stands for the machine epsilon of the dtype, 2⁻²³ or 2⁻⁵² */
    eps1: nullable(nonNegative(), null),
    /**
     * use of ε₁: `'floor'`, the default, makes ε₁ a lower bound of mean(r) and √V̂; `'square'` adds ε₁ to g²
     */
    epsPlacement: choice('floor', 'square'),
    /** ε₂ ≥ 0, lower bound of RMS(θ) */
    eps2: nonNegative(1e-3),
    /**
     * upper limit d of the RMS of the step U: if RMS(U)/d is above 1, U is divided by RMS(U)/d; null sets no limit
     */
    d: nullable(nonNegative(), 1),
    /** uses the step size ρ = min(η, 1/√t) instead of η */
    relativeStep: true,
    /** uses the rate ρ·max(ε₂, RMS(θ)) instead of ρ */
    scaleParameter: true,
    /** stores only row means r and column means c for matrices; false stores v at full size for all tensors */
    factored: true,
    /** a tensor has factored state only if each of its last two dimensions is at least this large */
    minFactored: atLeast(1, 1),
    /** decay rate of m, the average of the steps; 0 stores no m */
    beta1: 0,
    /** decoupled weight decay, with the factor that `decayScale` selects */
    weightDecay: 0,
    /**
     * factor of the weight decay λ·θ: `'lr'`, the default, is η; `'rate'` is the tensor's rate before clipping;
     * `'none'` is 1
     */
    decayScale: choice('lr', 'rate', 'none'),
    maximize: false,
  },
  kernels: [
    Prepared,
    matrixKernel(FactoredKernel, FactoredLoop, sumsAndFactors),
    matrixKernel(FactoredMomentumKernel, FactoredMomentumLoop, sumsAndFactors),
    kernel(UnfactoredKernel, UnfactoredLoop),
    kernel(UnfactoredStepKernel, UnfactoredStepLoop),
    kernel(UnfactoredMomentumKernel, UnfactoredMomentumLoop),
  ],
  stages: ({ beta1, factored }) =>
    factored
      ? [PreparedKernel, beta1 > 0 ? FactoredMomentumKernel : FactoredKernel]
      : [UnfactoredKernel, beta1 > 0 ? UnfactoredMomentumKernel : UnfactoredStepKernel],
  matrix: (shape) => [shape[shape.length - 2], shape[shape.length - 1]],
  fallback(rule, shape = []) {
    const isFactored = shape.length > 1 && shape.slice(-2).every((size) => size >= rule.minFactored)
    return rule.factored && !isFactored ? Object.freeze({ ...rule, factored: false }) : undefined
  },
  fixed: ['factored', 'minFactored'],
  coefficients(rule, row, _, dtype) {
    const { eps1, epsPlacement, beta1, scaleParameter, eps2, d, weightDecay, decayScale } = rule
    const places = FactoredKernel.row
    const eps = eps1 ?? spacing(dtype)
    const isAdded = epsPlacement === 'square'
    row[places.added] = isAdded ? eps : 0
    row[places.floor] = isAdded ? 0 : eps
    row[places.cap] = isAdded || eps === 0 ? Infinity : 1 / eps
    row[places.beta1] = beta1
    row[places.oneMinusBeta1] = 1 - beta1
    row[places.scales] = scaleParameter ? 1 : 0
    row[places.eps2] = eps2
    row[places.clip] = d ?? Infinity
    row[places.fixed] = decayScale === 'rate' ? 0 : weightDecay * (decayScale === 'lr' ? rule.lr : 1)
    row[places.share] = decayScale === 'rate' ? weightDecay : 0
  },
  corrections(rule, { t }, row) {
    const oneMinusBeta2 = pow(t, rule.beta2Decay)
    row[FactoredKernel.row.beta2] = 1 - oneMinusBeta2
    row[FactoredKernel.row.oneMinusBeta2] = oneMinusBeta2
    row[FactoredKernel.row.rho] = computeRho(rule, t)
  },
  between(rule, { t }, { parameters, direction, rate, decay }, i, _stage, length) {
    if (rule.factored) return
    const { lr, eps2, d, scaleParameter, weightDecay, decayScale } = rule
    const rho = computeRho(rule, t)
    const full = scaleParameter ? scaleRho(rho, Math.sqrt(parameters[i] / length), eps2) : rho
    rate[i] = clipped(full, Math.sqrt(direction[i] / length), d ?? Infinity)
    decay[i] = 1 - weightDecay * (decayScale === 'lr' ? lr : decayScale === 'rate' ? full : 1)
  },
})

const spacing = (dtype: Dtype): number => (dtype === 'float32' ? 1.1920928955078125e-7 : Number.EPSILON)

/** Adafactor's description; see {@link adafactor}. */
export interface Adafactor extends RuleOf<typeof definition> {}

const square = { eps1: 1e-30, epsPlacement: 'square' } as const

/**
 * Adafactor (Shazeer and Stern, 2018, algorithms 4 and 5) stores only the row means r and the column means c of g² for
 * a matrix, with V̂ = r·c/mean(r). U = g/√V̂ is divided by max(1, RMS(U)/d), and θ ← θ − ρ·max(ε₂, RMS(θ))·U. The last
 * two dimensions of a tensor form matrices. A tensor with fewer than two dimensions, or without a shape in `shapes`,
 * stores v at full size.
 *
 * The defaults are PyTorch's defaults. `adafactor.optax` uses Optax's defaults: η is not reduced over time, and λ·θ is
 * not multiplied by η. `adafactor.keras` uses the defaults of Keras, and `adafactor.timm` uses the defaults of timm,
 * MLX and fairseq. If you pass a learning rate to `adafactor.keras` or `adafactor.timm`, also pass `relativeStep:
 * false`.
 *
 * State: r and c, or v; if beta1 > 0, also m.
 * @throws OptionError if an option is unknown or out of its range
 */
export const adafactor = Object.assign(rule<Adafactor>(definition), {
  optax: preset<Adafactor>(definition, {
    ...square,
    lr: 1,
    relativeStep: false,
    minFactored: 128,
    decayScale: 'none',
  }),
  keras: preset<Adafactor>(definition, { ...square, lr: 1e-3 }),
  timm: preset<Adafactor>(definition, { ...square, minFactored: 17, decayScale: 'rate' }),
})
