/**
 * The phases of a step. A phase computes values on the main thread, and the engine runs stages between the phases. The
 * sequence of phases is the same whether the engine runs at once, outside the main thread, or in slices.
 */

import { NORM, UNITS } from '../arena/manifest.js'
import { groupBy } from '../core/group-by.js'
import type { FloatArray } from '../core/numbers.js'
import { ALL_GRADIENTS } from '../gradients/read.js'
import type { Model } from '../model/model.js'
import type { Partition } from '../model/partition.js'
import { accumulateBatch } from './batch.js'
import { checkGradients, clipFactor, clipsAfterUnits } from './norms.js'
import { postUpdatePhases } from './post-update.js'
import { makeStage, type Phase, type Progress, type Stage } from './progress.js'

/** The phases of a step, built for the current model. */
export function makePhases(progress: Progress): readonly Phase[] {
  return [...accumulateBatch(progress), ...update(progress), ...postUpdatePhases(progress)]
}

/** The stages of a step without checks. Checks are unnecessary if nothing has changed since the previous step. */
export interface FastPath {
  /** The gradient array in the arena, if the model is a single array whose gradients the engine reads there. */
  readonly only: FloatArray | null
  /** The stage that sums squares; null if no norm is needed. */
  readonly norm: Stage | null
  readonly first: Stage
  /**
   * Phases between the first stage and `commit`, and phases after `commit`; null if both lists are empty, as in most
   * models.
   */
  readonly more: { readonly between: readonly Phase[]; readonly afterwards: readonly Phase[] } | null
}

/** The fast path for steps in which all gradients are present; null if each step needs checks. */
export function makeFastPath(progress: Progress): FastPath | null {
  const { model, around } = progress
  const { measures, clipsUnits, wantsPoint, parts } = model
  const asks = clipsUnits || wantsPoint || around.accumulate.batches > 1
  // An `ArrayBuffer` can be transferred at any time.
  const stays = parts.every(({ arena }) => arena.region.memory !== null)
  if (asks || !stays) return null
  const more = { between: followingStages(model), afterwards: postUpdatePhases(progress) }
  const isShort = more.between.length + more.afterwards.length === 0
  const norm = measures ? makeStage(parts, NORM) : null
  const isAlone = typeof model.shape === 'number' && parts[0].runner.runBorrowed === undefined
  const only = isAlone ? model.gradients[model.shape as number] : null
  return { only, norm, first: makeStage(parts, 0), more: isShort ? null : more }
}

function update({ model, around }: Progress): readonly Phase[] {
  const { batches, reduce } = around.accumulate
  /** The factor by which the sum of accumulated gradients is multiplied. */
  const share = reduce === 'mean' ? 1 / batches : 1
  const norm = model.measures ? makeStage(model.parts, NORM) : null
  const begin: Phase = (progress) => {
    progress.layOut(progress.present)
    progress.scale = share
    return norm
  }
  const first = makeStage(model.parts, 0)
  const scaled: Phase = (progress) => {
    prepare(model.parts, norm === null ? share : clipFactor(progress))
    return first
  }
  return [
    begin,
    ...(norm === null ? [] : [checkGradients]),
    ...(model.clipsUnits ? unitPhases(model, clipsAfterUnits(model, around)) : []),
    scaled,
    ...followingStages(model),
    commit,
  ]
}

/** Writes the coefficients of an update whose gradients are multiplied by `scale`. */
export function prepare(parts: readonly Partition[], scale: number): void {
  for (let p = 0; p < parts.length; p++) parts[p].cohorts.prepare(scale)
}

/** The stages of the rule after its first stage. */
const followingStages = (model: Model): readonly Phase[] =>
  Array.from({ length: model.stages - 1 }, (_, k) => betweenStages(model, k))

/** Clips each unit, and sums the squares of the clipped gradients if other clips need these sums. */
function unitPhases(model: Model, measuresAgain: boolean): readonly Phase[] {
  const units = makeStage(model.parts, UNITS)
  const again = makeStage(model.parts, NORM)
  const clipUnits: Phase = (progress) => {
    // Clipping overwrites the gradients. The gradients are copied first, because the gradients may lie in the user's
    // memory.
    progress.takeIn()
    if (measuresAgain) progress.before = model.parts.map(({ squares }) => squares.slice())
    for (const { cohorts, tensors } of model.parts) cohorts.prepareUnits(progress.scale, tensors)
    return units
  }
  return measuresAgain ? [clipUnits, () => again] : [clipUnits]
}

/** Prepares the values that rules need between two stages. */
function betweenStages(model: Model, stage: number): Phase {
  const next = makeStage(model.parts, stage + 1)
  return (progress) => {
    // The first stage has replaced the gradients by the direction.
    progress.outside = ALL_GRADIENTS
    if (stage === 0) estimateShared(model)
    for (const { cohorts } of model.parts) cohorts.between(stage)
    return next
  }
}

function estimateShared({ uses, live }: Model): void {
  if (!uses.some(({ definition }) => definition.estimateShared)) return
  for (const [use, tensors] of groupBy(live, ({ use }) => use)) {
    const { estimateShared: estimate } = use.definition
    if (!estimate) continue
    const members = tensors.map(({ part, place }) => part.cohorts.member(place))
    estimate(use.numbers as never, members, tensors)
    use.share(members[0].clock)
  }
}

export const commit: Phase = (progress) => {
  moveClocks(progress.model.parts)
  progress.count()
  progress.outside = ALL_GRADIENTS
  return null
}

export function moveClocks(parts: readonly Partition[]): void {
  for (let p = 0; p < parts.length; p++) parts[p].cohorts.commit()
}
