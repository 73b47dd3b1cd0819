/** Accumulation of the gradients of several batches. */

import { ACCUMULATE, NORM, RELEASE } from '../arena/manifest.js'
import { extensions } from '../extensions.js'
import { ALL_GRADIENTS, RowGradient, type StepGradients } from '../gradients/read.js'
import { areFinite, gradientNorm } from './norms.js'
import { makeStage, type Phase, type Progress } from './progress.js'

/**
 * The phases that accumulate the gradients of a batch. The phases end the step, unless the batch is the last batch of
 * an update. If each batch is an update, the list of phases is empty.
 */
export function accumulateBatch({ model, around }: Progress): readonly Phase[] {
  const { batches } = around.accumulate
  if (batches === 1) return []
  const norm = makeStage(model.parts, NORM)
  const accumulate = makeStage(model.parts, ACCUMULATE, true)
  const release = makeStage(model.parts, RELEASE, true)

  const look: Phase = (progress) => {
    progress.layOut(progress.present)
    return norm
  }
  const judge: Phase = (progress) => {
    progress.norm = gradientNorm(progress)
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
      if (given instanceof RowGradient) extensions.rows?.scatter(tensor, own)
      else if (present === ALL_GRADIENTS || given !== undefined) tensor.gathered = true
      else own.fill(0)
    }
    return progress.batches + 1 < batches ? accumulate : release
  }
  const count: Phase = (progress) => {
    if (++progress.batches >= batches) {
      progress.batches = 0
      progress.present = releasedTensors(progress)
      return null
    }
    progress.reason = 'accumulating'
    if (around.zeroGrads) progress.zeroGradients()
    return null
  }
  return around.onNonFinite === 'propagate' ? [takeUp, count] : [look, judge, takeUp, count]
}

/** The gradients in the arenas that batches have accumulated; undefined for tensors without a gradient in any batch. */
function releasedTensors(progress: Progress): StepGradients {
  const { live, tensors, gradients } = progress.model
  const isAll = live.every(({ gathered }) => gathered === true)
  const present = isAll
    ? ALL_GRADIENTS
    : tensors.map((tensor, number) => {
        const { gathered } = tensor
        if (typeof gathered === 'boolean') return gathered ? gradients[number] : undefined
        return extensions.rows?.gather(tensor, gathered, gradients[number])
      })
  progress.isByRow = present.some((gradient) => gradient instanceof RowGradient)
  for (const tensor of live) tensor.gathered = false
  return present
}
