/**
 * Extensions: code that joins the core only if a program imports it.
 *
 * A page that never calls `sparseRows` should not load the code of sparse gradients. The core therefore calls such code
 * through {@link extensions}, and the module that implements an extension assigns it when it is loaded:
 *
 * ```ts
 * extensions.rows = { read(value, index, model) { … }, … } // ts/step/rows.ts
 * extensions.rows?.read(value, index, model) // ts/gradients/read.ts
 * ```
 *
 * This file names types of all modules and imports no code.
 */

import type { Arena } from './arena/arena.js'
import type { AdamPerRowKernel } from './arena/manifest.js'
import type { FloatArray } from './core/numbers.js'
import type { SegmentJob } from './engines/typescript/jobs.js'
import type { PlacedTensor, TensorLimits } from './gradients/clip.js'
import type { DenseGradients, RowGradient, StepGradients } from './gradients/read.js'
import type { NoiseSource } from './gradients/unitwise.js'
import type { Model } from './model/model.js'
import type { Tensor } from './model/partition.js'
import type { RuleInUse } from './rules/active-rule.js'
import type { Definition } from './rules/define.js'

export type { Model }

/** Sparse gradients: ts/step/rows.ts, with the import of `sparseRows`. */
export interface RowExtension {
  /** Adam with a clock per row. */
  readonly adamKernel: typeof AdamPerRowKernel
  /**
   * @returns the checked gradient of the tensor with that index; null if `value` is no sparse gradient
   * @throws TensorError or OptionError if the gradient does not fit the tensor
   */
  read(value: unknown, index: number, model: Model): RowGradient | null
  /** Gradients that an engine may borrow, sparse ones as plain arrays; null if copying them is faster. */
  lend(gradients: StepGradients): DenseGradients | null
  /** Sums the gradients of rows that are listed more than once: one row of values per distinct row. */
  sum(tensor: Tensor, gradient: RowGradient | FloatArray): FloatArray
  /** The distinct rows of a tensor that have gradients in the current step. */
  listed(tensor: Tensor): Uint32Array
  /** Copies dense and sparse gradients into the tensors' arenas. */
  copyToArena(gradients: StepGradients, model: Model): void
  /** Scatters sparse gradients over a dense one, which is 0 elsewhere, to accumulate a batch. */
  scatter(tensor: Tensor, gradient: FloatArray): void
  /** Gathers the given rows of an accumulated dense gradient into a sparse one. */
  gather(tensor: Tensor, rows: readonly number[], gradient: FloatArray): RowGradient
  /** Reads the accumulated rows of a saved tensor; undefined if they are invalid or its rule or clips take no rows. */
  readSaved(
    value: unknown,
    shape: readonly number[] | undefined,
    use: RuleInUse,
    clip: TensorLimits,
  ): readonly number[] | undefined
  /** Runs, in the TypeScript engine, a segment whose tensor has sparse gradients. */
  runSegment(arena: Arena, job: SegmentJob, from: number, to: number): void
}

export interface Extensions {
  rows: RowExtension
  /**
   * Writes the coefficients of the stage UNITS, after t updates, for gradients that are still to be multiplied by `scale`:
   * ts/gradients/unitwise.ts, with the imports of `unitwise`, `centralized` and `noise`.
   */
  writeUnitClips(
    row: Float64Array,
    limits: TensorLimits,
    scale: number,
    t: number,
    tensors: readonly PlacedTensor[],
  ): void
  /** Gaussian noise on gradients: ts/gradients/noise.ts, with the import of `noise`. */
  noise: NoiseSource
  /** Asks the system for huge pages for a large memory: ts/engines/native.ts. */
  adviseMemory(memory: WebAssembly.Memory): void
  /** Finds a rule whose options carry its equations: ts/equations/equations.ts, with the import of `defineRule`. */
  defineFromEquations(name: string, options?: object): Definition | undefined
}

/** The extensions that are loaded. */
export const extensions: Partial<Extensions> = {}
