/** Gradients of several batches as one. */

import { ACCUMULATE, NORM, RELEASE } from '../arena/manifest.js'
import { ALL, ByRow, importedRows, type Present } from '../gradients/read.js'
import { areFinite, normOf } from './norms.js'
import { type Phase, type Progress, stageOf } from './progress.js'

/** Takes up a batch, and ends the step unless it was the last one; nothing where each is an update. */
export function batch({ model, around }: Progress): readonly Phase[] {
  const { batches } = around.accumulate
  if (batches === 1) return []
  const norm = stageOf(model.parts, NORM)
  const accumulate = stageOf(model.parts, ACCUMULATE, true)
  const release = stageOf(model.parts, RELEASE, true)

  const look: Phase = (progress) => {
    progress.layOut(progress.present)
    return norm
  }
  const judge: Phase = (progress) => {
    progress.norm = normOf(progress)
    if (areFinite(progress, progress.norm)) progress.skips = 0
    return null
  }
  const takeUp: Phase = (progress) => {
    const { present } = progress
    progress.begin(present)
    progress.takeIn()
    for (const tensor of model.live) {
      const { [tensor.number]: given } = present
      const own = model.gradients[tensor.number]
      if (given instanceof ByRow) importedRows.spread?.(tensor, own)
      else if (present === ALL || given !== undefined) tensor.gathered = true
      else own.fill(0)
    }
    return progress.batches + 1 < batches ? accumulate : release
  }
  const count: Phase = (progress) => {
    if (++progress.batches >= batches) {
      progress.batches = 0
      progress.present = released(progress)
      return null
    }
    progress.reason = 'accumulating'
    if (around.zeroGrads) progress.zeroGradients()
    return null
  }
  return around.onNonFinite === 'propagate' ? [takeUp, count] : [look, judge, takeUp, count]
}

/** What tensors have gradients of some batch for, in the arenas. */
function released(progress: Progress): Present {
  const { live, tensors, gradients } = progress.model
  const isAll = live.every(({ gathered }) => gathered === true)
  const present = isAll
    ? ALL
    : tensors.map((tensor, number) => {
        const { gathered } = tensor
        if (typeof gathered === 'boolean') return gathered ? gradients[number] : undefined
        return importedRows.collect?.(tensor, gathered, gradients[number])
      })
  progress.isByRow = present.some((gradient) => gradient instanceof ByRow)
  for (const tensor of live) tensor.gathered = false
  return present
}
