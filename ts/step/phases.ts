/**
 * A step as a sequence of phases, which make numbers, and of the stages that an engine runs in between. It is the same
 * whether the engine runs them at once, off the main thread, or in slices.
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

/** The phases of a step of a model as it is now. */
export function makePhases(progress: Progress): readonly Phase[] {
  return [...accumulateBatch(progress), ...update(progress), ...postUpdatePhases(progress)]
}

/** What is left of a step where nothing has changed since the one before: no question. */
export interface FastPath {
  /** The gradient in the arena, where there is one tensor and no other shape, and the engine wants it there. */
  readonly only: FloatArray | null
  /** What sums squares, where the norm is wanted. */
  readonly norm: Stage | null
  readonly first: Stage
  /** What comes between the first stage and `commit`, and afterwards; null where there is neither, as most often. */
  readonly more: { readonly between: readonly Phase[]; readonly afterwards: readonly Phase[] } | null
}

/** The same for steps with all gradients; null where something is to be asked at each step. */
export function makeFastPath(progress: Progress): FastPath | null {
  const { model, around } = progress
  const { measures, clipsUnits, wantsPoint, parts } = model
  const asks = clipsUnits || wantsPoint || around.accumulate.batches > 1
  // An `ArrayBuffer` may be transferred at any time.
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
  /** The factor of what has been accumulated. */
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

/** Writes the coefficients of an update of gradients with this factor. */
export function prepare(parts: readonly Partition[], scale: number): void {
  for (let p = 0; p < parts.length; p++) parts[p].cohorts.prepare(scale)
}

/** The rule's stages after the first one. */
const followingStages = (model: Model): readonly Phase[] =>
  Array.from({ length: model.stages - 1 }, (_, k) => betweenStages(model, k))

/** Clips by unit, and sums the squares of what is left where other clips want to know it. */
function unitPhases(model: Model, measuresAgain: boolean): readonly Phase[] {
  const units = makeStage(model.parts, UNITS)
  const again = makeStage(model.parts, NORM)
  const clipUnits: Phase = (progress) => {
    // They are changed where they are, which may be the user's memory.
    progress.takeIn()
    if (measuresAgain) progress.before = model.parts.map(({ squares }) => squares.slice())
    for (const { cohorts, tensors } of model.parts) cohorts.prepareUnits(progress.scale, tensors)
    return units
  }
  return measuresAgain ? [clipUnits, () => again] : [clipUnits]
}

/** Makes what rules want to know between a stage and the next. */
function betweenStages(model: Model, stage: number): Phase {
  const next = makeStage(model.parts, stage + 1)
  return (progress) => {
    // The first stage has left something else where gradients were.
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
