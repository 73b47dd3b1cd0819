/** Converts segments to jobs of a stage. The Rust counterpart is crates/kernels/src/stages/run.rs. */

import type { Arena } from '../../arena/arena.js'
import { partitionPoint } from '../../arena/find.js'
import { getKernel, getLoop, type Kernel, type Loop, Row } from '../../arena/kernel.js'
import {
  BY_ROW,
  CautiousKernel,
  CLIPPED_PER_TENSOR,
  FLUSH_STATE,
  GRADIENTS,
  HEADER_SEGMENTS,
  HOLD_PARAMS,
  KERNELS,
  MASK_KEEPS_ALL,
  MASK_TAKES_SIGN,
  MASKED,
  NEEDS_PARAM_NORM,
  NORM,
  PARAMETERS,
  PER_UNIT,
  PER_UNIT_KERNEL,
  POINT,
  SEGMENT_ARRAY,
  SEGMENT_BY_TENSOR,
  SEGMENT_EARLY_KERNELS,
  SEGMENT_FLAGS,
  SEGMENT_LATE_KERNELS,
  SEGMENT_LENGTH,
  SEGMENT_OFFSET,
  SEGMENT_ROW,
  SQUARES,
  SUM_SQUARES,
  UNITS,
} from '../../arena/manifest.js'
import { type MatrixSegment, type MatrixStage, matrixStages } from '../../arena/matrices.js'
import type { FloatArray } from '../../core/numbers.js'
import type { Sum } from '../../core/sums.js'
import { createRecord } from '../../core/untrusted-input.js'

/** A job: one stage of one segment, with its loop and the loop's arguments. */
export interface SegmentJob extends MatrixSegment {
  /** Jobs that have equal keys are identical. */
  readonly key: number
  /** The loop is undefined if the stage only computes sums. */
  readonly loop: Loop | undefined
  readonly state: Readonly<Record<string, FloatArray>>
  /** Values per tensor of the job, by name. */
  readonly byTensor: readonly (readonly [name: string, numbers: Float64Array])[]
  /** The arrays to sum, and how the sums are stored as the first values per tensor. */
  readonly sums: readonly (readonly [kind: Sum, source: FloatArray])[]
  /** The stage of a matrix kernel, which is used in place of the loop. */
  readonly ofMatrices: MatrixStage | undefined
  /** The flags that apply to this stage, and the flags of the current segment. */
  readonly heeded: number
  flags: number
}

/** A stage without a loop, which sums the squares of gradients, and of parameters if needed. */
const sumsOnly = (...sums: Sum[]): Kernel => ({
  number: SUM_SQUARES,
  name: '',
  source: 0,
  state: [],
  row: {},
  tensor: sums,
  sums,
})
const squares = sumsOnly('gradients')
const bothSquares = sumsOnly('gradients', 'parameters')

/** Calls `visit` for each segment of the stage, with the intersection of the range and the segment. */
type ForEachJob = (
  stage: number,
  from: number,
  to: number,
  visit: (job: SegmentJob, from: number, to: number) => void,
) => void

/**
 * Variants of a stage: the last stage of the rule, a stage that masks the direction, and a norm stage that also sums
 * the parameters' squares.
 */
const PLAIN_STAGE = 0
const LAST_STAGE = 1
const MASKED_STAGE = 2
const PARAM_NORM_STAGE = 3

/** The flags that apply to each variant. */
const heededFlags = [0, HOLD_PARAMS | FLUSH_STATE, MASKED | MASK_TAKES_SIGN | MASK_KEEPS_ALL | FLUSH_STATE, 0]

export function makeForEachJob(arena: Arena): ForEachJob {
  const { words, dtype, lengths } = arena
  const theta = arena.elements(PARAMETERS)
  const g = arena.elements(GRADIENTS)
  const rows = lengths.map((_, i) => arena.row(i))
  const jobs = new Map<number, SegmentJob>()
  /** The job of the previous call, which most calls can reuse. */
  let latest: SegmentJob | undefined

  /** The kernel of a segment in a stage; 0 if the segment has no kernel in this stage. */
  const kernelAt = (at: number, stage: number): number => {
    if (stage === NORM) return squares.number
    if (stage === UNITS) return (words[at + SEGMENT_FLAGS] & PER_UNIT) !== 0 ? PER_UNIT_KERNEL : 0
    const pair = stage < 2 ? SEGMENT_EARLY_KERNELS : SEGMENT_LATE_KERNELS
    return (words[at + pair] >>> (16 * (stage & 1))) & 0xffff
  }

  const formOf = (stage: number, at: number, flags: number): number => {
    if (stage === 0 && (flags & MASKED) !== 0) return MASKED_STAGE
    if (stage >= POINT)
      return stage === NORM && (flags & NEEDS_PARAM_NORM) !== 0 ? PARAM_NORM_STAGE : PLAIN_STAGE
    return stage + 1 === POINT || kernelAt(at, stage + 1) === 0 ? LAST_STAGE : PLAIN_STAGE
  }

  /** The job of the segment whose table entry begins at word `at`. */
  const jobOf = (stage: number, at: number): SegmentJob | undefined => {
    const number = kernelAt(at, stage)
    if (number === 0) return undefined
    const flags = words[at + SEGMENT_FLAGS]
    const form = formOf(stage, at, flags)
    // The key is unique for each kernel and array, even if array indices are large.
    const key = ((words[at + SEGMENT_ARRAY] * 0x10000 + number) * 16 + stage) * 4 + form
    if (latest?.key !== key) latest = jobs.get(key) ?? makeJob(key, stage, at, number, form)
    const row = rows[words[at + SEGMENT_ROW]]
    if (row === undefined) throw arena.broken()
    latest.row.coefficients = row
    latest.flags = flags & latest.heeded
    return latest
  }

  const makeJob = (key: number, stage: number, at: number, number: number, form: number): SegmentJob => {
    if (number >= KERNELS) throw arena.broken()
    const isNorm = stage === NORM
    const kernel = !isNorm ? getKernel(number) : form === PARAM_NORM_STAGE ? bothSquares : squares
    const array = words[at + SEGMENT_ARRAY]
    const byTensor = isNorm ? SQUARES : words[at + SEGMENT_BY_TENSOR]
    const state = createRecord(kernel.state, (_, k) => arena.elements(array + k))
    const sourceOf = (sum: Sum) =>
      sum === 'parameters' ? theta : sum === 'sizes' ? state[kernel.state[0]] : g
    const names = form === MASKED_STAGE ? CautiousKernel.tensor : kernel.tensor
    const sums: readonly Sum[] = form === MASKED_STAGE ? ['nonzero'] : kernel.sums
    const job: SegmentJob = {
      key,
      stage,
      loop: isNorm ? undefined : getLoop(number, dtype),
      row: Row.create(kernel, kernel.isMatrix ? 'float64' : dtype),
      state,
      byTensor: names.map((name, k) => [name, arena.numbers(byTensor + k)]),
      sums: sums.map((sum) => [sum, sourceOf(sum)]),
      ofMatrices: matrixStages.get(number)?.(arena, array),
      isLast: form === LAST_STAGE,
      heeded: heededFlags[form] | BY_ROW | (stage === 0 ? CLIPPED_PER_TENSOR : 0),
      flags: 0,
    }
    jobs.set(key, job)
    return job
  }

  const segmentFrom = (count: number, element: number) =>
    partitionPoint(count, (segment) => {
      const at = arena.segmentAt(segment)
      return words[at + SEGMENT_OFFSET] + words[at + SEGMENT_LENGTH] <= element
    })

  return (stage, from, to, visit) => {
    const count = words[HEADER_SEGMENTS]
    if (count > lengths.length) throw arena.broken()
    for (let segment = from === 0 ? 0 : segmentFrom(count, from); segment < count; segment++) {
      const at = arena.segmentAt(segment)
      const start = words[at + SEGMENT_OFFSET]
      const end = start + words[at + SEGMENT_LENGTH]
      if (end > arena.length) throw arena.broken()
      if (start >= to) return
      const job = jobOf(stage, at)
      if (job !== undefined) visit(job, Math.max(start, from), Math.min(end, to))
    }
  }
}
