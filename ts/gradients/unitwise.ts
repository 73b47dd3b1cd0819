/**
 * Centralization, clipping by unit, and noise. The Rust counterparts are unitwise.rs and noise.rs in
 * crates/kernels/src/rules.
 */

import { twice } from '../arena/kernel.js'
import { BLOCK, UnitwiseKernel } from '../arena/manifest.js'
import { type MatrixLoopOf, matrixKernel } from '../arena/matrices.js'
import type { FloatArray } from '../core/numbers.js'
import { sumColumn } from '../core/sums.js'
import { extensions } from '../extensions.js'
import { choice, option, optional } from '../options/kinds.js'
import { readOptions } from '../options/read.js'
import { registerModule, type WasmModule } from '../webassembly/module.js'
import { adaptive, clipOptions, type PlacedTensor, type TensorLimits, type Unitwise } from './clip.js'
import { safeNorm } from './norms.js'

/** Σx or Σx², added in the fixed order of sums. */
function sum(kind: 'values' | 'gradients', values: FloatArray): number {
  let total = 0
  for (let at = 0; at < values.length; at += BLOCK) total += sumColumn(kind, values.subarray(at, at + BLOCK))
  return total
}

/** √Σx², computed without overflow of squares. */
function norm(values: FloatArray): number {
  const total = sum('gradients', values)
  return total === Infinity ? safeNorm([values]) : Math.sqrt(total)
}

/** The kernel for units needs no scratch memory. */
const makeEmptyScratch = () => ({})

const UnitwiseLoop = twice(
  (f): MatrixLoopOf<typeof UnitwiseKernel, typeof makeEmptyScratch> =>
    ({ theta, g, key, shape: [rows, columns, count] }, { kappa, eps, centralizes, sigma, seed, t }) => {
      for (let row = 0; row < rows; row++) {
        const [start, end] = [row * columns, (row + 1) * columns]
        if (centralizes > 0 && count > 0) {
          const mean = f(sum('values', g.subarray(start, end)) / columns)
          for (let i = start; i < end; i++) g[i] = f(g[i] - mean)
        }
        if (kappa === Infinity) continue
        const [ofTheta, ofG] = [theta, g].map((values) => norm(values.subarray(start, end)))
        // If the norm of θ is NaN, the limit is NaN, and nothing is clipped.
        const limit = kappa * (eps > ofTheta ? eps : ofTheta)
        if (!(ofG > limit)) continue
        const factor = f(limit / ofG)
        for (let i = start; i < end; i++) g[i] = f(g[i] * factor)
      }
      const source = extensions.noise
      if (!(sigma > 0) || source === undefined) return
      for (let i = 0; i < g.length; i += 4) {
        source.draw(i / 4, key, t, seed)
        for (let k = 0; k < 4 && i + k < g.length; k++) g[i + k] = f(g[i + k] + sigma * source.numbers[k])
      }
    },
)

const Kernel = matrixKernel(UnitwiseKernel, UnitwiseLoop, makeEmptyScratch)

export const registerUnitwiseKernel = () => registerModule((Kernel as { readonly module: WasmModule }).module)

adaptive.unit = optional(choice('row'))
clipOptions.centralized = optional(
  option<true, undefined>('the result of centralized()', undefined, (x) => x === true),
)

declare module '../extensions.js' {
  interface Extensions {
    /**
     * Writes the coefficients of the stage UNITS for a tensor with t updates; `scale` multiplies the gradients.
     */
    writeUnitClips(
      row: Float64Array,
      limits: TensorLimits,
      scale: number,
      t: number,
      tensors: readonly PlacedTensor[],
    ): void
  }
}

extensions.writeUnitClips = (row, { adaptive, centralized, noise }, scale, t, tensors) => {
  const places = UnitwiseKernel.row
  row[places.kappa] = adaptive?.unit === undefined ? Infinity : adaptive.factor / scale
  row[places.eps] = adaptive?.eps ?? 0
  row[places.centralizes] = centralized === undefined ? 0 : 1
  row[places.sigma] = 0
  const source = extensions.noise
  if (noise === undefined || source === undefined) return
  row[places.sigma] = source.noiseSigma(noise, t) / scale
  row[places.seed] = noise.seed
  row[places.t] = t
  for (const { name, place, part } of tensors) part.arena.setKey(place, source.key(name))
}

/**
 * Clips each row of a matrix, for `clip: { adaptive: unitwise({ factor: 0.01 }) }`: AGC (Brock, De, Smith and Simonyan,
 * 2021). The units are rows along the first dimension in `shapes`, as in timm. A row includes all other dimensions. If
 * ‖g‖ of a row exceeds κ·max(‖θ‖, ε), the row of g is scaled to a norm of κ·max(‖θ‖, ε). A tensor that is not a matrix
 * is one unit.
 *
 * @throws OptionError if an option is unknown or invalid
 */
export function unitwise(options: Pick<Unitwise, 'factor'> & Partial<Pick<Unitwise, 'eps'>>): Unitwise {
  const { unit: _, ...table } = adaptive
  const { factor, eps } = readOptions('unitwise: options', options, table)
  registerUnitwiseKernel()
  return { unit: 'row', factor, eps }
}

/**
 * Centers gradients, for `clip: { centralized: centralized() }`: g ← g − mean(g) in each row, before all other clips
 * (Yong, Huang, Hua and Zhang, 2020). The rows are the rows of `unitwise`. Tensors that are not matrices stay
 * unchanged.
 */
export function centralized(): true {
  registerUnitwiseKernel()
  return true
}
