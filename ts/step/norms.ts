/** Gradient norms: clipping, and checks for non-finite gradients. */

import { NonFiniteError } from '../core/errors.js'
import { type FloatArray, largest } from '../core/numbers.js'
import { extensions } from '../extensions.js'
import { normLimit } from '../gradients/clip.js'
import { safeNorm as normOfArrays } from '../gradients/norms.js'
import { RowGradient } from '../gradients/read.js'
import type { Model } from '../model/model.js'
import type { StepOptions } from '../model/options.js'
import type { Phase, Progress } from './progress.js'

/** Whether other clips need the norms after clipping by unit. */
export const clipsAfterUnits = ({ clips }: Model, { clip }: StepOptions): boolean =>
  clips || clip.norm < Infinity

/**
 * Computes the gradient norm from the sums that the engine has stored. The phase ends the step if a gradient is not
 * finite and `onNonFinite` is not 'propagate'.
 */
export const checkGradients: Phase = (progress) => {
  progress.norm = gradientNorm(progress) * progress.scale
  progress.isMeasured = true
  if (progress.around.onNonFinite !== 'propagate') areFinite(progress, progress.norm)
  return null
}

/** The gradient norm from the sums of squares of the engine, without the factor `scale`. */
export function gradientNorm(progress: Progress): number {
  let sum = 0
  const live = progress.presentTensors()
  for (let k = 0; k < live.length; k++) {
    const { part, place } = live[k]
    sum += part.squares[place]
  }
  if (sum < Infinity) return Math.sqrt(sum)
  // The norm is computed again, because the square of a finite number may overflow. At this point, the gradients are
  // still available.
  const gradients = collectGradients(progress)
  progress.large = new Map(live.map((tensor, k) => [tensor, normOfArrays([gradients[k]])]))
  return normOfArrays(gradients)
}

/**
 * The gradients of a step, which are read from the caller's arrays if the gradients are not in the arenas. Accumulation
 * may have changed the gradients in the arenas.
 */
function collectGradients(progress: Progress): FloatArray[] {
  const { outside, present, model } = progress
  return progress.presentTensors().map((tensor) => {
    const { number } = tensor
    const given = outside[number] ?? model.gradients[number]
    const isByRow = present[number] instanceof RowGradient
    return (isByRow ? extensions.rows?.sum(tensor, given) : given) as FloatArray
  })
}

/** The factor by which clipping by the global norm scales gradients, after clipping by unit and by tensor. */
export function clipFactor(progress: Progress): number {
  const { scale, before, large, model, around } = progress
  const most = around.clip.norm
  if (before !== null) progress.large = null
  const left = before === null ? progress.norm : gradientNorm(progress) * scale
  const clipped = model.clips ? clipByTensor(progress) : left
  if (before !== null) {
    for (const [p, { squares }] of model.parts.entries()) squares.set(before[p])
    progress.large = large
    progress.before = null
  }
  return clipped <= most || most === Infinity ? scale : scale * (most / clipped)
}

/**
 * Writes the factors of gradients that are clipped per tensor, and returns the global norm after this clipping.
 */
function clipByTensor(progress: Progress): number {
  const { large, scale, model } = progress
  let sum = 0
  const norms = progress.presentTensors().map((tensor) => {
    const { part, place, use, length } = tensor
    const norm = (large?.get(tensor) ?? Math.sqrt(part.squares[place])) * scale
    const limit = normLimit(use.clip ?? model.settings.clip, length, part.parameterSquares[place])
    const factor = norm <= limit ? 1 : limit / norm
    part.scales[place] = factor
    const left = norm * factor
    sum += left * left
    return left
  })
  return sum < Infinity ? Math.sqrt(sum) : normOfArrays([Float64Array.from(norms)])
}

/**
 * Whether all gradients are finite. If a gradient is not finite, the function skips the step or throws an error,
 * depending on `onNonFinite`.
 */
export function areFinite(progress: Progress, norm: number): boolean {
  if (norm < Infinity) return true
  const gradients = collectGradients(progress)
  const tensors = progress.presentTensors().filter((_, k) => !(largest(gradients[k]) < Infinity))
  if (tensors.length === 0) return true
  const names = tensors.map(({ name }) => name)
  const { onNonFinite, maxConsecutiveSkips, zeroGrads } = progress.around
  if (onNonFinite === 'throw') throw new NonFiniteError(names, 0)
  if (progress.skips >= maxConsecutiveSkips) throw new NonFiniteError(names, progress.skips)
  progress.skips++
  progress.nonFinite = names
  progress.reason = 'non-finite'
  if (zeroGrads) progress.zeroGradients()
  return false
}
