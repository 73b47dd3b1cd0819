/** Gradients centralized and clipped by unit, and noise; crates/kernels/src/rules has unitwise.rs and noise.rs. */

import { twice } from '../arena/kernel.js'
import { BLOCK, UnitwiseKernel } from '../arena/manifest.js'
import { type MatrixLoopOf, matrixKernel } from '../arena/matrices.js'
import type { FloatArray } from '../core/numbers.js'
import { sumColumn } from '../core/sums.js'
import { extensions } from '../extensions.js'
import { choice, option, optional } from '../options/kinds.js'
import { readOptions } from '../options/read.js'
import { registerModule, type WasmModule } from '../webassembly/module.js'
import type { Noise } from './clip.js'
import { adaptive, clipOptions, type Unitwise } from './clip.js'
import { safeNorm } from './norms.js'

/** Σx or Σx², in the one order. */
function sum(kind: 'values' | 'gradients', values: FloatArray): number {
  let total = 0
  for (let at = 0; at < values.length; at += BLOCK) total += sumColumn(kind, values.subarray(at, at + BLOCK))
  return total
}

/** √Σx², also where a square is too large for a number. */
function norm(values: FloatArray): number {
  const total = sum('gradients', values)
  return total === Infinity ? safeNorm([values]) : Math.sqrt(total)
}

/** What noise.ts brings. */
export interface NoiseSource {
  readonly numbers: Float64Array
  /** Makes the four of a counter. */
  draw(counter: number, key: number, t: number, seed: number): void
  noiseSigma(noise: Noise, t: number): number
  key(name: string): number
}

/** What it computes in. */
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
        // A NaN is taken over, and is no limit.
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
  option<true, undefined>('what centralized() gives', undefined, (x) => x === true),
)

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
 * For `clip: { adaptive: unitwise({ factor: 0.01 }) }`: AGC (Brock, De, Smith and Simonyan, 2021), whose units are
 * the rows of a matrix: what a tensor's `shapes` have for its first dimension, each by all others, as timm has it.
 * Where ‖g‖ of a row is larger than κ·max(‖θ‖, ε), it is made that. Other tensors are one unit each.
 *
 * @throws OptionError where one is unknown or not what it has to be
 */
export function unitwise(options: Pick<Unitwise, 'factor'> & Partial<Pick<Unitwise, 'eps'>>): Unitwise {
  const { unit: _, ...table } = adaptive
  const { factor, eps } = readOptions('unitwise: options', options, table)
  registerUnitwiseKernel()
  return { unit: 'row', factor, eps }
}

/**
 * For `clip: { centralized: centralized() }`: gradients whose mean is 0 by row (Yong, Huang, Hua and Zhang, 2020),
 * g ← g − mean(g), before all else. Rows are those of `unitwise`; tensors that are no matrices stay as they are.
 */
export function centralized(): true {
  registerUnitwiseKernel()
  return true
}
