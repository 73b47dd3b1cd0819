/**
 * Runs segments one tensor at a time, for kernels with values or sums per tensor. The Rust counterpart is
 * crates/kernels/src/stages/per_tensor.rs.
 */

import type { Arena } from '../../arena/arena.js'
import { tensorEndingAfter } from '../../arena/find.js'
import { BLOCK, CLIPPED_PER_TENSOR, PARTIALS, PARTS, SCALES, TENSOR_BLOCK } from '../../arena/manifest.js'
import { rounding } from '../../core/numbers.js'
import { sumColumn } from '../../core/sums.js'
import type { SegmentJob } from './jobs.js'
import type { SegmentPass, TensorScalars } from './pipeline.js'

export function makeTensorPass(arena: Arena, pass: SegmentPass) {
  const { lengths, offsets } = arena
  const f = rounding[arena.dtype]
  const scales = arena.numbers(SCALES)
  const partials = arena.numbers(PARTIALS)
  const firstBlock = (i: number) => arena.words[arena.tensorAt(i) + TENSOR_BLOCK]

  /** Runs the blocks of tensor `i` that begin in the range, and computes their sums. */
  const sum = (
    job: SegmentJob,
    i: number,
    from: number,
    to: number,
    tensor: TensorScalars,
    factor: number,
  ) => {
    const end = offsets[i] + lengths[i]
    for (let block = 0, low = offsets[i]; low < end; block++, low += BLOCK) {
      if (low < from || low >= to) continue
      const high = Math.min(low + BLOCK, end)
      if (job.loop !== undefined) pass(job, low, high, tensor, factor)
      job.sums.forEach(([kind, source], k) => {
        partials[(firstBlock(i) + block) * PARTS + k] = sumColumn(kind, source.subarray(low, high))
      })
    }
  }

  return {
    run(job: SegmentJob, from: number, to: number): void {
      const clips = (job.flags & CLIPPED_PER_TENSOR) !== 0
      for (let i = tensorEndingAfter(arena, from); i < lengths.length && offsets[i] < to; i++) {
        const tensor: Record<string, number> = {}
        for (const [name, numbers] of job.byTensor) tensor[name] = f(numbers[i])
        const factor = clips ? scales[i] : 1
        const [low, high] = [Math.max(offsets[i], from), Math.min(offsets[i] + lengths[i], to)]
        if (job.sums.length > 0) sum(job, i, from, to, tensor, factor)
        else if (low < high) pass(job, low, high, tensor, factor)
      }
    },

    /** Adds up the sums of all blocks, in order. */
    gather({ sums, byTensor }: SegmentJob, from: number, to: number): void {
      if (sums.length === 0) return
      for (let i = tensorEndingAfter(arena, from); i < lengths.length && offsets[i] < to; i++) {
        for (let k = 0; k < sums.length; k++) {
          let total = 0
          for (let b = 0; b < countBlocks(lengths[i]); b++) total += partials[(firstBlock(i) + b) * PARTS + k]
          byTensor[k][1][i] = total
        }
      }
    },
  }
}

const countBlocks = (length: number): number => Math.ceil(length / BLOCK)
