/**
 * The steps that surround every elementwise loop and do not depend on the rule. The Rust counterpart is
 * crates/kernels/src/kernel/pipeline.rs.
 */

import type { Arena } from '../../arena/arena.js'
import {
  FLUSH_STATE,
  GRADIENTS,
  HOLD_PARAMS,
  MASK_KEEPS_ALL,
  MASK_TAKES_SIGN,
  MASKED,
  PARAMETERS,
  PIPELINE_L2,
  PIPELINE_LIMIT,
  PIPELINE_SCALE,
} from '../../arena/manifest.js'
import { type FloatArray, flush, type Round, rounding, smallestNormal } from '../../core/numbers.js'
import type { SegmentJob } from './jobs.js'

/** The values that belong to one tensor, by name. */
export type TensorScalars = Readonly<Record<string, number>>

/** The values of a tensor if its kernel has no values per tensor. */
export const NO_SCALARS: TensorScalars = {}

/**
 * Runs a stage over the elements from `from` to `to` − 1 of one segment. If `tensor` and `factor` are set, all elements
 * belong to this tensor, and `factor` multiplies its gradients.
 */
export type SegmentPass = (
  job: SegmentJob,
  from: number,
  to: number,
  tensor?: TensorScalars,
  factor?: number,
) => void

export const makePass = (arena: Arena): SegmentPass =>
  makePassOver(arena, arena.elements(PARAMETERS), arena.elements(GRADIENTS))

/** Runs the loop of the pass over the given arrays. */
export function makePassOver(arena: Arena, theta: FloatArray, g: FloatArray): SegmentPass {
  const f = rounding[arena.dtype]
  const least = smallestNormal[arena.dtype]
  // All buffers are allocated at this point, so that a step cannot run out of memory later.
  const [prepared, held] = [g.slice(), theta.slice()]

  /** Prepares the gradients for the first stage: prepared ← clamp(scale·g), then prepared ← prepared + λ·θ. */
  const prepare = (coefficients: Float64Array, factor: number, from: number, to: number): FloatArray => {
    const scale = f(coefficients[PIPELINE_SCALE] * factor)
    const limit = f(coefficients[PIPELINE_LIMIT])
    const l2 = f(coefficients[PIPELINE_L2])
    // If the limit is rounded to 0, both bounds must be +0, but −limit would be −0.
    const low = 0 - limit
    for (let i = from; i < to; i++) {
      const scaled = f(scale * g[i])
      const clamped = scaled < low ? low : scaled > limit ? limit : scaled
      prepared[i] = l2 === 0 ? clamped : f(clamped + f(l2 * theta[i]))
    }
    return prepared
  }

  return ({ loop, row, state, flags, stage, isLast }, from, to, tensor = NO_SCALARS, factor = 1) => {
    const { coefficients } = row
    const gradient =
      stage === 0 && !isPlain(coefficients, factor) ? prepare(coefficients, factor, from, to) : g
    const masks = (flags & MASKED) !== 0
    const holds = (flags & HOLD_PARAMS) !== 0
    if (holds) held.set(theta.subarray(from, to), from)
    // If θ = 0, d·θ − u is −u.
    if (masks) held.fill(0, from, to)
    loop?.(holds || masks ? held : theta, gradient, state, row.byName, from, to, tensor, g)
    if (masks) mask(held, gradient, g, flags, from, to, f)
    if ((flags & FLUSH_STATE) !== 0) for (const array of Object.values(state)) flush(array, from, to, least)
    if (isLast && arena.zeroesGradients) g.fill(0, from, to)
  }
}

/** Whether the gradients are used unchanged. */
function isPlain(coefficients: Float64Array, factor: number): boolean {
  return (
    coefficients[PIPELINE_SCALE] * factor === 1 &&
    coefficients[PIPELINE_LIMIT] === Infinity &&
    coefficients[PIPELINE_L2] === 0
  )
}

/**
 * Masks the direction: masked ← u·k, where k depends on the sign of u·g, and `negated` is 0 − u; pipeline.rs describes
 * how NaN is handled.
 */
function mask(
  negated: FloatArray,
  g: FloatArray,
  masked: FloatArray,
  flags: number,
  from: number,
  to: number,
  f: Round,
): void {
  const neither = (flags & MASK_KEEPS_ALL) !== 0 ? 1 : 0
  const against = (flags & MASK_TAKES_SIGN) !== 0 ? -1 : neither
  for (let i = from; i < to; i++) {
    const u = 0 - negated[i]
    const agreement = f(u * g[i])
    masked[i] = u * (agreement > 0 ? 1 : agreement < 0 ? against : neither)
  }
}
