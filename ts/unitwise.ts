/** Gradients centralized and clipped by unit; crates/kernels/src/rules/unitwise.rs states both. */

import { bring, type WasmModule } from './engines/wasm-module.js'
import { OptionError } from './errors.js'
import { BLOCK, UnitwiseKernel } from './manifest.js'
import { normOf } from './norms.js'
import { type FloatArray, kernel, type Matrices, twice } from './rules/kernel.js'
import { sumOf } from './sums.js'

/** How each row of a matrix is clipped. */
export interface Unitwise {
  readonly unit: 'row'
  readonly factor: number
  readonly eps: number
}

/** Σx or Σx², in the one order. */
function sum(kind: 'values' | 'gradients', values: FloatArray): number {
  let total = 0
  for (let at = 0; at < values.length; at += BLOCK) total += sumOf(kind, values.subarray(at, at + BLOCK))
  return total
}

/** √Σx², also where a square is too large for a number. */
function norm(values: FloatArray): number {
  const total = sum('gradients', values)
  return total === Infinity ? normOf([values]) : Math.sqrt(total)
}

const UnitwiseLoop = twice<typeof UnitwiseKernel>(
  (f) =>
    (theta, g, _state, { kappa, eps, centralizes }, from, _to, _tensor, _direction, matrices) => {
      const { shape } = matrices as Matrices
      const [rows, columns, count] = shape
      for (let row = 0; row < rows; row++) {
        const [start, end] = [from + row * columns, from + (row + 1) * columns]
        if (centralizes > 0 && count > 0) {
          const mean = f(sum('values', g.subarray(start, end)) / columns)
          for (let i = start; i < end; i++) g[i] = f(g[i] - mean)
        }
        if (kappa === Infinity) continue
        const [ofTheta, ofG] = [theta, g].map((values) => norm(values.subarray(start, end)))
        // A NaN is taken over, and is no limit.
        const limit = kappa * (eps > ofTheta ? eps : ofTheta)
        if (!(ofG > limit)) continue
        const factor = f(limit / ofG)
        for (let i = start; i < end; i++) g[i] = f(g[i] * factor)
      }
    },
)

const Kernel = kernel(UnitwiseKernel, UnitwiseLoop)

const bringKernel = () => bring((Kernel as { readonly module: WasmModule }).module)

/**
 * For `clip: { adaptive: unitwise({ factor: 0.01 }) }`: AGC (Brock, De, Smith and Simonyan, 2021), whose units are
 * the rows of a matrix: what a tensor's `shapes` have for its first dimension, each by all others, as timm has it.
 * Where ‖g‖ of a row is larger than κ·max(‖θ‖, ε), it is made that. Other tensors are one unit each.
 *
 * @param options κ, `factor`, > 0; ε, `eps`, > 0, 1e-3 by default: the optimizer checks both
 * @throws OptionError where that is no object
 */
export function unitwise(options: { readonly factor: number; readonly eps?: number }): Unitwise {
  if (typeof options !== 'object' || options === null) {
    throw new OptionError('unitwise: options', '{ factor, eps }', options)
  }
  bringKernel()
  const { factor, eps = 1e-3 } = options
  return { unit: 'row', factor, eps }
}

/**
 * For `clip: { centralized: centralized() }`: gradients whose mean is 0 by row (Yong, Huang, Hua and Zhang, 2020),
 * g ← g − mean(g), before all else. Rows are those of `unitwise`; tensors that are no matrices stay as they are.
 */
export function centralized(): true {
  bringKernel()
  return true
}
