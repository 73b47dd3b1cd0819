import type { Arena, Dtype } from '../arena.js'
import { pow } from '../functions/pow.js'
import {
  AdafactorStepKernel,
  FactoredKernel,
  FactoredMomentumKernel,
  LineSumsKernel,
  UnfactoredKernel,
  UnfactoredMomentumKernel,
} from '../manifest.js'
import { define } from './define.js'
import { kernel, twice } from './kernel.js'
import { scaled, summed } from './lines.js'
import { atLeast, flag, fraction, nonNegative, nonPositive, oneOf, orNull, scheduled } from './options.js'
import { preset, type RuleOf, rule } from './rule.js'

/** Keeps the gradient as it was prepared; g² is summed by row and by column. */
const LineSumsLoop = twice<typeof LineSumsKernel>(() => (_theta, g, _state, _row, from, to, _, direction) => {
  for (let i = from; i < to; i++) direction[i] = g[i]
})

/** U = g·min(row·column, cap): the row's factor comes as the rate, and the columns' where θ would be. */
const FactoredLoop = twice<typeof FactoredKernel>(
  (f) =>
    (column, g, _state, { cap }, from, to, { rate }, direction) => {
      for (let i = from; i < to; i++) {
        const factor = f(rate * column[i])
        direction[i] = f(g[i] * (factor > cap ? cap : factor))
      }
    },
)

/** v ← β̂₂·v + (1−β̂₂)·(g·g + ε), and U = g / max(√v, floor). */
const UnfactoredLoop = twice<typeof UnfactoredKernel>(
  (f) =>
    (_theta, g, { v }, { beta2, rest2, added, floor }, from, to, _, direction) => {
      for (let i = from; i < to; i++) {
        v[i] = f(f(beta2 * v[i]) + f(rest2 * f(f(g[i] * g[i]) + added)))
        const root = f(Math.sqrt(v[i]))
        // A NaN in v is taken over.
        const divisor = floor > root ? floor : root
        direction[i] = divisor === 0 ? 0 : f(g[i] / divisor)
      }
    },
)

/** θ ← d·θ − rate·U. */
const AdafactorStepLoop = twice<typeof AdafactorStepKernel>(
  (f) =>
    (theta, u, _state, _row, from, to, { rate, decay }) => {
      for (let i = from; i < to; i++) theta[i] = f(f(theta[i] * decay) - f(rate * u[i]))
    },
)

/** m ← β₁·m + (1−β₁)·(rate·U), θ ← d·θ − m. */
const FactoredMomentumLoop = twice<typeof FactoredMomentumKernel>(
  (f) =>
    (theta, u, { m }, { beta1, rest1 }, from, to, { rate, decay }) => {
      for (let i = from; i < to; i++) {
        m[i] = f(f(beta1 * m[i]) + f(rest1 * f(rate * u[i])))
        theta[i] = f(f(theta[i] * decay) - m[i])
      }
    },
)

/** The same beside v. */
const UnfactoredMomentumLoop = twice<typeof UnfactoredMomentumKernel>(
  (f) =>
    (theta, u, { m }, { beta1, rest1 }, from, to, { rate, decay }) => {
      for (let i = from; i < to; i++) {
        m[i] = f(f(beta1 * m[i]) + f(rest1 * f(rate * u[i])))
        theta[i] = f(f(theta[i] * decay) - m[i])
      }
    },
)

export const definition = define('adafactor', {
  options: {
    /** η ≥ 0, with `relativeStep` the largest ρ; may be scheduled */
    lr: scheduled(nonNegative, 1e-2),
    /** τ ≤ 0 of β̂₂ = 1 − tᵗᵃᵘ at update t, from 1 */
    beta2Decay: nonPositive(-0.8),
    /** ε₁ ≥ 0; null is the dtype's spacing at 1, 2⁻²³ or 2⁻⁵² */
    eps1: orNull(nonNegative, null),
    /** where ε₁ stands: `'floor'`, the default: mean(r) is at least ε₁, and √V̂ too; `'square'`: it is added to g² */
    epsPlace: oneOf('floor', 'square'),
    /** ε₂ ≥ 0, what RMS(θ) is at least */
    eps2: nonNegative(1e-3),
    /** U is divided by RMS(U)/d where that is above 1; null does not clip */
    d: orNull(nonNegative, 1),
    /** ρ = min(η, 1/√t), and not η */
    relativeStep: flag(true),
    /** the rate is ρ·max(ε₂, RMS(θ)), and not ρ */
    scaleParameter: flag(true),
    /** the least of both of the last two dimensions of a tensor that is factored; others have v */
    minFactored: atLeast(1, 1),
    /** β₁ in [0, 1): m is an average of steps, and 0 has none */
    beta1: fraction(0),
    /** λ ≥ 0, taken from the parameters by η; may be scheduled */
    weightDecay: scheduled(nonNegative, 0),
    /** what λ·θ is multiplied by: `'lr'`, the default, is η, `'rate'` the tensor's own, and `'none'` 1 */
    decayScale: oneOf('lr', 'rate', 'none'),
    /** climbs instead */
    maximize: flag(false),
  },
  kernels: [
    kernel(LineSumsKernel, LineSumsLoop, summed),
    kernel(FactoredKernel, FactoredLoop, scaled),
    kernel(UnfactoredKernel, UnfactoredLoop),
    kernel(AdafactorStepKernel, AdafactorStepLoop),
    kernel(FactoredMomentumKernel, FactoredMomentumLoop),
    kernel(UnfactoredMomentumKernel, UnfactoredMomentumLoop),
  ],
  fixed: ['minFactored'],
  stages({ beta1, minFactored }, shape = []) {
    const isFactored = shape.length > 1 && shape.slice(-2).every((size) => size >= minFactored)
    const momentum = isFactored ? FactoredMomentumKernel : UnfactoredMomentumKernel
    const last = beta1 > 0 ? momentum : AdafactorStepKernel
    return isFactored ? [LineSumsKernel, FactoredKernel, last] : [UnfactoredKernel, last]
  },
  coefficients({ eps1, epsPlace, beta1 }, row, dtype) {
    const eps = epsilon(eps1, dtype)
    const isAdded = epsPlace === 'square'
    row[UnfactoredKernel.row.added] = isAdded ? eps : 0
    row[UnfactoredKernel.row.floor] = isAdded ? 0 : eps
    row[UnfactoredKernel.row.cap] = isAdded || eps === 0 ? Infinity : 1 / eps
    row[UnfactoredKernel.row.beta1] = beta1
    row[UnfactoredKernel.row.rest1] = 1 - beta1
  },
  corrections({ beta2Decay }, { t }, row) {
    const rest = pow(t, beta2Decay)
    row[UnfactoredKernel.row.beta2] = 1 - rest
    row[UnfactoredKernel.row.rest2] = rest
  },
  between(options, { t }, { parameters, direction, rate, decay }, i, stage, length, arena, lines) {
    const { lr, eps1, epsPlace, eps2, d, relativeStep, scaleParameter, weightDecay, decayScale } = options
    if (stage === 0 && arena.matrices[i] !== null) {
      factor(arena, i, lines, pow(t, options.beta2Decay), epsilon(eps1, arena.dtype), epsPlace === 'square')
      return
    }
    const rms = Math.sqrt(parameters[i] / length)
    const rho = relativeStep ? Math.min(lr, 1 / Math.sqrt(t)) : lr
    const full = scaleParameter ? rho * (rms > eps2 ? rms : eps2) : rho
    const excess = d === null ? 1 : Math.sqrt(direction[i] / length) / d
    rate[i] = excess > 1 ? full / excess : full
    decay[i] = 1 - weightDecay * (decayScale === 'lr' ? lr : decayScale === 'rate' ? full : 1)
  },
})

const epsilon = (eps: number | null, dtype: Dtype): number =>
  eps ?? (dtype === 'float32' ? 2 ** -23 : 2 ** -52)

/** r and c, and of them the factors of rows and columns whose product is 1/√V̂; `rest` is 1 − β̂₂. */
function factor(arena: Arena, tensor: number, lines: number, rest: number, eps: number, isAdded: boolean) {
  const { matrices, rows, pieces, factors } = arena.lines(tensor)
  const { height, columns, count } = matrices
  const [r, c] = [arena.view(lines, tensor), arena.view(lines + 1, tensor)]
  const [beta, added, floor] = [1 - rest, isAdded ? eps : 0, isAdded ? 0 : eps]
  // Of nothing, the step is 0 unless the cap is its factor.
  const ofNothing = floor > 0 ? Infinity : 0
  const root = (x: number) => (x === 0 ? ofNothing : 1 / Math.sqrt(x))
  const stride = (matrices.pieces * columns * factors.length) / pieces.length
  for (let matrix = 0; matrix < count; matrix++) {
    const [first, last] = [matrix * height, (matrix + 1) * height]
    let total = 0
    for (let i = first; i < last; i++) {
      r[i] = beta * r[i] + rest * (rows[i] / columns + added)
      total += r[i]
    }
    const mean = total / height
    const divisor = floor > mean ? floor : mean
    for (let i = first; i < last; i++) rows[i] = divisor === 0 ? ofNothing : root(r[i] / divisor)
    const [from, to] = [matrix * matrices.pieces * columns, (matrix + 1) * matrices.pieces * columns]
    const own = matrix * columns
    for (let j = 0; j < columns; j++) {
      let sum = 0
      for (let at = from + j; at < to; at += columns) sum += pieces[at]
      c[own + j] = beta * c[own + j] + rest * (sum / height + added)
    }
    for (let j = 0; j < columns; j++) factors[matrix * stride + j] = root(c[own + j])
  }
}

/** Adafactor's description; see {@link adafactor}. */
export interface Adafactor extends RuleOf<typeof definition> {}

const square = { eps1: 1e-30, epsPlace: 'square' } as const

/**
 * Adafactor (Shazeer and Stern, 2018, algorithms 4 and 5): of a matrix only the rows' and columns' means of g²
 * are kept, V̂ = r·c/mean(r); U = g/√V̂ is divided by max(1, RMS(U)/d), and θ ← θ − ρ·max(ε₂, RMS(θ))·U. The
 * last two dimensions are a matrix; a tensor with fewer, or whose shape is not known (`shapes`), has v, as long
 * as itself.
 *
 * Defaults are Torch's. `adafactor.optax` has Optax's: a given η as it is, and λ·θ not multiplied by it;
 * `adafactor.keras` and `adafactor.timm` have those of Keras and of timm, MLX and fairseq, which with an η of
 * your own want `relativeStep: false`.
 *
 * State: r and c, or v; with beta1 > 0 m.
 * @throws OptionError where an option is unknown or out of its range
 */
export const adafactor = Object.assign(rule<Adafactor>(definition), {
  optax: preset<Adafactor>(definition, {
    ...{ ...square, lr: 1, relativeStep: false, minFactored: 128, decayScale: 'none' },
  }),
  keras: preset<Adafactor>(definition, { ...square, lr: 1e-3 }),
  timm: preset<Adafactor>(definition, { ...square, minFactored: 17, decayScale: 'rate' }),
})
