/** Gradient clipping. Gradients are clipped before weight decay, and before the rule reads the gradients. */

import type { Arena } from '../arena/arena.js'
import { CLIPPED_PER_TENSOR, NEEDS_PARAM_NORM, PER_UNIT } from '../arena/manifest.js'
import { omitUndefined, ownProperties } from '../core/untrusted-input.js'
import { type Option, option, optional, positive } from '../options/kinds.js'
import { nestedOptions, readOptions } from '../options/read.js'

/** Gradient noise. The noise of each element has the variance η/(1+t)^γ. */
export interface Noise {
  /** η ≥ 0, the initial variance; 0.01 by default */
  readonly eta: number
  /** γ ≥ 0, the exponent of the decay; 0.55 by default. With γ = 0 the variance is constant. */
  readonly gamma: number
  /** The seed of the noise: an integer from 0 to 2⁵³ − 1; 0 by default. */
  readonly seed: number
}

/** Clipping of each row of a matrix. */
export interface Unitwise {
  readonly unit: 'row'
  /** κ > 0: the maximum ratio of the gradient norm to the parameter norm */
  readonly factor: number
  /** ε > 0: the lower bound of the parameter norm; 1e-3 by default */
  readonly eps: number
}

/** Clips the gradient of each tensor separately. If several limits are set, the lowest limit applies. */
export interface TensorClip {
  /** The maximum norm of the gradient of a tensor, > 0. If ‖g‖ is larger than this maximum, g ← g·(tensorNorm/‖g‖). */
  readonly tensorNorm?: number
  /**
   * The maximum root mean square of the gradient of a tensor, > 0: g ← g/max(1, RMS(g)/rms), like Optax's
   * `clip_by_block_rms`.
   */
  readonly rms?: number
  /**
   * The maximum ratio κ > 0 of the gradient norm to the parameter norm (AGC; Brock, De, Smith and Simonyan, 2021, with
   * whole tensors as units). If ‖g‖ exceeds κ·max(‖θ‖, ε), g is scaled to a norm of κ·max(‖θ‖, ε). Pass `{ factor: κ,
   * eps: ε }` to set ε > 0, which is 1e-3 by default. `unitwise({ factor: κ })` clips each row of a matrix instead.
   */
  readonly adaptive?: number | { readonly factor: number; readonly eps?: number } | Unitwise
  /**
   * Subtracts the mean of each row from the gradient before all clipping: `centralized()` (Yong, Huang, Hua and Zhang,
   * 2020).
   */
  readonly centralized?: true
  /**
   * Adds noise to the gradient, after `centralized` and before clipping per tensor: `noise()` (Neelakantan et al.,
   * 2015).
   */
  readonly noise?: Noise
}

/**
 * Gradients are clipped first per unit and per tensor, then by the global norm of the result, and finally by value.
 */
export interface Clip extends TensorClip {
  /**
   * The maximum global norm, > 0; unlimited by default. If ‖g‖ over all tensors of a step is larger than this maximum,
   * g ← g·(norm/‖g‖), as in Optax (Pascanu, Mikolov and Bengio, 2013, algorithm 1).
   */
  readonly norm?: number
  /** The maximum absolute value of a gradient element, > 0; unlimited by default. */
  readonly value?: number
}

/** The limits for clipping per tensor that the user has set. */
export interface TensorLimits {
  readonly tensorNorm?: number
  readonly rms?: number
  readonly adaptive?: { readonly factor: number; readonly eps: number; readonly unit?: 'row' }
  readonly centralized?: true
  readonly noise?: Noise
}

/** The limits of a clip; a limit that is not set is infinite. */
export interface ClipLimits {
  readonly norm: number
  readonly value: number
  readonly byTensor: TensorLimits
}

/** A tensor and its position in an arena. */
export interface PlacedTensor {
  readonly name: string
  readonly place: number
  readonly part: { readonly arena: Arena }
}

/** A placeholder for an option that works only after the import of its function. */
const missingImport = optional<never>(option('unitwise(), centralized() or noise()', undefined, () => false))

export const adaptive = {
  factor: positive(),
  eps: positive(1e-3),
  unit: missingImport as Option<'row' | undefined>,
}

/** Options for clipping. The import of a function replaces its placeholder. */
export const clipOptions = {
  norm: positive(Infinity),
  value: positive(Infinity),
  tensorNorm: optional(positive()),
  rms: optional(positive()),
  adaptive: optional(nestedOptions(adaptive, 'factor')),
  centralized: missingImport as Option<true | undefined>,
  noise: missingImport as Option<Noise | undefined>,
}

/**
 * @throws OptionError if the clip option is invalid
 */
export function readClip(what: string, given: unknown): ClipLimits {
  const { norm, value, ...byTensor } = readOptions(what, given, clipOptions)
  return { norm, value, byTensor: readLimits(byTensor) }
}

/** Reads the clip option of a group. @throws OptionError if the clip option is invalid */
export function readTensorClip(what: string, given: unknown): TensorLimits {
  const { norm: _norm, value: _value, ...byTensor } = clipOptions
  return readLimits(readOptions(what, given, byTensor))
}

/** The object has no prototype, so that missing limits are not inherited. */
const readLimits = (limits: Readonly<Record<string, unknown>>): TensorLimits =>
  Object.freeze(ownProperties(omitUndefined(limits)))

/** The limits of optimizers without clipping. */
export const NO_LIMITS = readClip('', {})

/**
 * Segment flags of tensors whose gradients are clipped per tensor, clipped by unit, centralized, or noisy.
 */
export function clipFlags({ tensorNorm, rms, adaptive, centralized, noise }: TensorLimits): number {
  const byUnit = adaptive?.unit !== undefined
  const weighs = adaptive !== undefined && !byUnit ? CLIPPED_PER_TENSOR | NEEDS_PARAM_NORM : 0
  const clips = (tensorNorm ?? rms) === undefined ? 0 : CLIPPED_PER_TENSOR
  return weighs | clips | (byUnit || centralized || noise ? PER_UNIT : 0)
}

/**
 * The maximum norm of a gradient with `length` elements; `squares` is Σ θ² of the parameters. The result is NaN if Σ
 * θ² is NaN.
 */
export function normLimit(
  { tensorNorm = Infinity, rms, adaptive }: TensorLimits,
  length: number,
  squares: number,
) {
  const ofMean = rms === undefined ? Infinity : rms * Math.sqrt(length)
  const ofParameters =
    adaptive === undefined || adaptive.unit !== undefined
      ? Infinity
      : adaptive.factor * Math.max(Math.sqrt(squares), adaptive.eps)
  return Math.min(tensorNorm, ofMean, ofParameters)
}
