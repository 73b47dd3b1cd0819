/** Phases after an update: lookahead and averages. */

import { AVERAGE, AVERAGING, PIPELINE, SYNCHRONIZE } from '../arena/manifest.js'
import { groupBy } from '../core/group-by.js'
import { averageWeight } from '../model/averages.js'
import type { AverageProgress, Partition, Tensor } from '../model/partition.js'
import { makeStage, type Phase, type Progress } from './progress.js'

/** Lookahead runs before averaging, so that the average includes the parameters that the user sees. */
export function postUpdatePhases({ model, around }: Progress): readonly Phase[] {
  const { average, lookahead } = around
  const phases: Phase[] = []
  if (lookahead !== null) {
    const synchronize = makeStage(model.parts, SYNCHRONIZE, true)
    phases.push(({ updates }) => {
      if (updates % lookahead.steps !== 0) return null
      for (const { planeRow } of model.parts) planeRow[PIPELINE] = lookahead.alpha
      return synchronize
    })
  }
  if (average === null) return phases
  for (const [part, averaged, tensors] of model.parts.flatMap(groupByAverage)) {
    const averaging = makeStage([part], AVERAGING, true)
    phases.push(({ updates }) => {
      const next = averageWeight(average, updates, averaged)
      if (next === null) return null
      Object.assign(averaged, next.averaged)
      if (next.weight === 1) {
        // e + (θ − e) may differ from θ in the last bit, so a weight of 1 copies the parameters.
        for (const tensor of tensors ?? part.tensors) if (tensor?.isFrozen === false) tensor.follow(AVERAGE)
        return null
      }
      if (tensors !== null) part.only(tensors)
      part.planeRow[PIPELINE] = next.weight
      return averaging
    })
    if (tensors !== null) {
      phases.push(() => {
        part.only(null)
        return null
      })
    }
  }
  return phases
}

type AverageGroup = readonly [part: Partition, averaged: AverageProgress, tensors: ReadonlySet<Tensor> | null]

/**
 * Groups the tensors of a partition by the progress of their averages. Each group shares one progress object. The list
 * `tensors` is null if all tensors have the same progress.
 */
function groupByAverage(part: Partition): readonly AverageGroup[] {
  const present = part.tensors.filter((tensor) => tensor !== null)
  const alike = groupBy(present, ({ averaged: { count, product } }) => `${count} ${product}`)
  return [...alike.values()].map((tensors) => {
    const [{ averaged }] = tensors
    for (const tensor of tensors) tensor.averaged = averaged
    return [part, averaged, alike.size === 1 ? null : new Set(tensors)]
  })
}
