/**
 * Passes that compute norms of whole tensors. Several rules share these passes. The Rust counterpart is
 * crates/kernels/src/rules/norms.rs.
 */

import { kernel, twice } from '../arena/kernel.js'
import { BothNormsKernel, GradientNormKernel, PreparedKernel, ScaledKernel } from '../arena/manifest.js'

/** Stores the scaled, clipped and decayed gradient. */
const PreparedLoop = twice<typeof PreparedKernel>(() => (_theta, g, _state, _row, from, to, _, direction) => {
  for (let i = from; i < to; i++) direction[i] = g[i]
})

/** Stores the scaled, clipped and decayed gradient, and sums θ² and g². */
const BothNormsLoop = twice<typeof BothNormsKernel>(
  () => (_theta, g, _state, _row, from, to, _, direction) => {
    for (let i = from; i < to; i++) direction[i] = g[i]
  },
)

/** Stores the scaled, clipped and decayed gradient, and sums g². */
const GradientNormLoop = twice<typeof GradientNormKernel>(
  () => (_theta, g, _state, _row, from, to, _, direction) => {
    for (let i = from; i < to; i++) direction[i] = g[i]
  },
)

const ScaledLoop = twice<typeof ScaledKernel>((f) => (theta, u, _state, { decay }, from, to, { rate }) => {
  for (let i = from; i < to; i++) theta[i] = f(f(theta[i] * decay) - f(rate * u[i]))
})

export const Prepared = kernel(PreparedKernel, PreparedLoop)
export const BothNorms = kernel(BothNormsKernel, BothNormsLoop)
export const GradientNorm = kernel(GradientNormKernel, GradientNormLoop)
export const Scaled = kernel(ScaledKernel, ScaledLoop)
