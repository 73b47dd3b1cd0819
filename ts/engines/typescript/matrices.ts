/** Stages that take each tensor whole, as matrices; crates/kernels/src/matrices.rs is the twin. */

import type { Arena } from '../../arena/arena.js'
import { FLUSHES, GRADIENTS, HOLDS, PARAMETERS, SCRATCH, UNITS } from '../../arena/manifest.js'
import { type Matrix, smallestNormal } from '../../ground/numbers.js'
import { tensorFrom } from './find.js'
import type { Job } from './jobs.js'
import { flush, NOTHING } from './pipeline.js'

/** Runs such a stage of the tensors that begin among the elements from … to − 1. */
export function overMatrices(arena: Arena) {
  const { lengths, offsets, words } = arena
  const least = smallestNormal[arena.dtype]
  const theta = arena.plane(PARAMETERS)
  const g = arena.plane(GRADIENTS)
  const scratch = arena.plane(SCRATCH)
  return (job: Job, from: number, to: number): void => {
    const { row, state, loop, flags, isLast, stage } = job
    for (let i = tensorFrom(arena, from); i < lengths.length && offsets[i] < to; i++) {
      if (offsets[i] < from || lengths[i] === 0) continue
      const end = offsets[i] + lengths[i]
      const lines = job.lines.map((array) => arena.view(array, i))
      loop?.(theta, g, state, row.byName, offsets[i], end, NOTHING, g, {
        shape: stage === UNITS ? inUnits(arena.units[i], lengths[i]) : arena.matrices[i],
        key: words[arena.keyOf(i)],
        ...{ lines, scratch, holds: (flags & HOLDS) !== 0, zeroes: isLast && words[8] !== 0 },
      })
      if ((flags & FLUSHES) === 0) continue
      flush(state, offsets[i], end, least)
      for (const line of lines) flush({ line }, 0, line.length, least)
    }
  }
}

/** Rows, columns, and 0 for a tensor that is no matrix, which is one row. */
function inUnits(units: number, length: number): Matrix {
  const rows = Math.max(units, 1)
  return [rows, length / rows, Math.min(units, 1)]
}
