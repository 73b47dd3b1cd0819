/** How gradients are clipped, before the rule sees them and before decay. */

import type { Arena } from '../arena/arena.js'
import { CLIPPED_PER_TENSOR, NEEDS_PARAM_NORM, PER_UNIT } from '../arena/manifest.js'
import { omitUndefined, ownProperties } from '../core/untrusted-input.js'
import { type Option, option, optional, positive } from '../options/kinds.js'
import { nestedOptions, readOptions } from '../options/read.js'

/** The noise of each element has the variance η/(1+t)^γ. */
export interface Noise {
  /** η ≥ 0; 0.01 by default */
  readonly eta: number
  /** γ ≥ 0, 0.55 by default; 0 is for noise that stays */
  readonly gamma: number
  /** an integer from 0 to 2⁵³ − 1; 0 by default */
  readonly seed: number
}

/** How each row of a matrix is clipped. */
export interface Unitwise {
  readonly unit: 'row'
  /** κ > 0: the largest ratio of norms */
  readonly factor: number
  /** ε > 0: what the norm of parameters is at least; 1e-3 by default */
  readonly eps: number
}

/** Clips the gradient of each tensor by itself; where several are given, by the lowest. */
export interface TensorClip {
  /** The largest norm of a tensor's gradient, > 0: where ‖g‖ is larger, g ← g·(tensorNorm/‖g‖). */
  readonly tensorNorm?: number
  /** The largest root mean square of its elements, > 0: g ← g/max(1, RMS(g)/rms), Optax's clip_by_block_rms. */
  readonly rms?: number
  /**
   * The largest ratio of norms κ > 0 (AGC; Brock, De, Smith and Simonyan, 2021, with whole tensors as units):
   * where ‖g‖ is larger than κ·max(‖θ‖, ε), it is made that; `{ factor: κ, eps: ε }` with ε > 0, 1e-3 by default.
   * `unitwise({ factor: κ })` takes the rows of matrices as units.
   */
  readonly adaptive?: number | { readonly factor: number; readonly eps?: number } | Unitwise
  /** Takes its mean from each row of a matrix before: `centralized()` (Yong, Huang, Hua and Zhang, 2020). */
  readonly centralized?: true
  /** Adds noise to it then, before all other clips: `noise()` (Neelakantan et al., 2015). */
  readonly noise?: Noise
}

/** By unit and tensor first, then by the global norm of what is left, then by value. */
export interface Clip extends TensorClip {
  /**
   * The largest global norm, > 0; none by default: where ‖g‖ over all tensors of a step is larger,
   * g ← g·(norm/‖g‖), as in Optax (Pascanu, Mikolov and Bengio, 2013, algorithm 1).
   */
  readonly norm?: number
  /** The largest absolute value of an element, > 0; none by default. */
  readonly value?: number
}

/** The limits that there are. */
export interface TensorLimits {
  readonly tensorNorm?: number
  readonly rms?: number
  readonly adaptive?: { readonly factor: number; readonly eps: number; readonly unit?: 'row' }
  readonly centralized?: true
  readonly noise?: Noise
}

/** Infinite where there are none. */
export interface ClipLimits {
  readonly norm: number
  readonly value: number
  readonly byTensor: TensorLimits
}

/** A tensor in its arena. */
export interface PlacedTensor {
  readonly name: string
  readonly place: number
  readonly part: { readonly arena: Arena }
}

/** What brings its kind with the import of a function. */
const missingImport = optional<never>(option('unitwise(), centralized() or noise()', undefined, () => false))

export const adaptive = {
  factor: positive(),
  eps: positive(1e-3),
  unit: missingImport as Option<'row' | undefined>,
}

/** Options of clips; what comes with an import is put in by that. */
export const clipOptions = {
  norm: positive(Infinity),
  value: positive(Infinity),
  tensorNorm: optional(positive()),
  rms: optional(positive()),
  adaptive: optional(nestedOptions(adaptive, 'factor')),
  centralized: missingImport as Option<true | undefined>,
  noise: missingImport as Option<Noise | undefined>,
}

/** @throws OptionError where it is none */
export function readClip(what: string, given: unknown): ClipLimits {
  const { norm, value, ...byTensor } = readOptions(what, given, clipOptions)
  return { norm, value, byTensor: readLimits(byTensor) }
}

/** What a group has of its own. @throws OptionError where it is none */
export function readTensorClip(what: string, given: unknown): TensorLimits {
  const { norm: _norm, value: _value, ...byTensor } = clipOptions
  return readLimits(readOptions(what, given, byTensor))
}

/** What was not given is not looked for elsewhere either. */
const readLimits = (limits: Readonly<Record<string, unknown>>): TensorLimits =>
  Object.freeze(ownProperties(omitUndefined(limits)))

/** Of most optimizers. */
export const NO_LIMITS = readClip('', {})

/** The flags of segments that are centralized, get noise, or are clipped by unit or tensor by tensor. */
export function clipFlags({ tensorNorm, rms, adaptive, centralized, noise }: TensorLimits): number {
  const byUnit = adaptive?.unit !== undefined
  const weighs = adaptive !== undefined && !byUnit ? CLIPPED_PER_TENSOR | NEEDS_PARAM_NORM : 0
  const clips = (tensorNorm ?? rms) === undefined ? 0 : CLIPPED_PER_TENSOR
  return weighs | clips | (byUnit || centralized || noise ? PER_UNIT : 0)
}

/** The largest norm of a gradient of `length` elements, beside Σ θ² of the parameters; NaN where that is. */
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
