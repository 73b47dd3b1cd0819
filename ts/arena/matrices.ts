/**
 * Kernels that process whole tensors as matrices. The Rust counterparts are crates/kernels/src/kernel/matrices.rs and
 * stages/matrices.rs. Rules with matrix kernels import this file, so pages without such rules do not load it.
 */

import { type Dtype, type FloatArray, flush, type Matrix, smallestNormal } from '../core/numbers.js'
import type { NoInfer } from '../core/types.js'
import { createRecord } from '../core/untrusted-input.js'
import type { Arena } from './arena.js'
import { tensorEndingAfter } from './find.js'
import { getLoop, type Kernel, type LoopFactories, type Row, register } from './kernel.js'
import {
  FLUSH_STATE,
  GRADIENTS,
  HOLD_PARAMS,
  LINE,
  PARAMETERS,
  SCRATCH,
  TENSOR_KEY,
  UNITS,
} from './manifest.js'

/** The names of the state arrays per row and per column of a kernel. */
type LineStateNames<K> = K extends { readonly lines: readonly (infer N extends string)[] } ? N : never

/** A tensor, seen as consecutive matrices. Each array contains the values of a single tensor. */
export interface MatrixTensor<K extends Kernel> {
  readonly shape: Matrix
  readonly theta: FloatArray
  /** The gradient, or the direction that the previous stage has passed on. */
  readonly g: FloatArray
  readonly state: { readonly [N in K['state'][number] | LineStateNames<K>]: FloatArray }
  /** The hash of the tensor's name, which is the seed of the tensor's noise. */
  readonly key: number
  /**
   * Flags of the pipeline for a pass: whether the parameters stay unchanged, and whether the gradients are set to 0.
   */
  readonly holds: boolean
  readonly zeroes: boolean
}

/**
 * The lengths of the scratch arrays that a kernel needs for a tensor, by name. Elements have the tensor's dtype or are
 * float64.
 */
export type ScratchSizes = (shape: Matrix) => Readonly<Record<string, number | { readonly float64: number }>>

/** The loop of a matrix kernel. A matrix kernel receives coefficients that are not rounded. */
export type MatrixLoopOf<K extends Kernel, S extends ScratchSizes> = (
  tensor: MatrixTensor<K>,
  row: { readonly [N in keyof K['row']]: number },
  scratch: { readonly [N in keyof ReturnType<S>]: FloatArray },
) => void

/** The current segment, as the argument of a stage. */
export interface MatrixSegment {
  readonly stage: number
  /** Whether this stage is the last stage of the rule. */
  readonly isLast: boolean
  readonly row: Row
  /** The flags that apply to this stage. */
  readonly flags: number
}

/** Runs a stage on all tensors that begin among the elements from `from` to `to` − 1. */
export type MatrixStage = (segment: MatrixSegment, from: number, to: number) => void

/** Factories of stages by kernel number; each makes a stage for state that begins at a given array. */
export const matrixStages = new Map<number, (arena: Arena, array: number) => MatrixStage>()

/** Registers the loops and scratch sizes of a matrix kernel, and returns the description of the kernel. */
export function matrixKernel<const K extends Kernel, S extends ScratchSizes>(
  description: K,
  made: LoopFactories<MatrixLoopOf<NoInfer<K>, NoInfer<S>>>,
  scratch: S,
): K {
  matrixStages.set(description.number, (arena, array) => makeStage(arena, array, description, scratch))
  return register(description, made, (shape, dtype) => layOutScratch(scratch(shape), dtype).bytes)
}

/** Makes the stage of a kernel, for tensors whose state begins at the array with index `array`. */
function makeStage(arena: Arena, array: number, kernel: Kernel, scratch: ScratchSizes): MatrixStage {
  const { lengths, offsets, words, dtype } = arena
  const loop = getLoop<MatrixLoopOf<Kernel, ScratchSizes>>(kernel.number, dtype)
  const names = [...kernel.state, ...(kernel.lines ?? [])]
  // The arguments are cached per tensor, because creating views takes as long as processing a small matrix.
  const known: Parameters<typeof loop>[] = []

  const make = (i: number, { stage, row }: MatrixSegment): Parameters<typeof loop> => {
    const shape = stage === UNITS ? unitsMatrix(arena.units[i], lengths[i]) : arena.matrices[i]
    const state = createRecord(names, (_, k) => arena.view(array + k, i))
    const [theta, g] = [PARAMETERS, GRADIENTS].map((array) => arena.view(array, i))
    const tensor = { shape, theta, g, state, key: 0, holds: false, zeroes: false }
    return [tensor, row.byName, scratchArrays(arena, scratch(shape))]
  }

  return (segment, from, to) => {
    const holds = (segment.flags & HOLD_PARAMS) !== 0
    const zeroes = segment.isLast && arena.zeroesGradients
    for (let i = tensorEndingAfter(arena, from); i < lengths.length && offsets[i] < to; i++) {
      if (offsets[i] < from || lengths[i] === 0) continue
      known[i] ??= make(i, segment)
      const [tensor, row, scratch] = known[i]
      loop(Object.assign(tensor, { key: words[arena.tensorAt(i) + TENSOR_KEY], holds, zeroes }), row, scratch)
      if ((segment.flags & FLUSH_STATE) === 0) continue
      for (const state of Object.values(tensor.state)) flush(state, 0, state.length, smallestNormal[dtype])
    }
  }
}

/**
 * Rows and columns of a tensor's units, and the number of units. A tensor that is not a matrix counts as one row with 0
 * units.
 */
function unitsMatrix(units: number, length: number): Matrix {
  const rows = Math.max(units, 1)
  return [rows, length / rows, Math.min(units, 1)]
}

/**
 * The byte offsets of a kernel's scratch arrays within SCRATCH, and their total size. Each scratch array begins on a
 * cache line.
 */
function layOutScratch(wanted: ReturnType<ScratchSizes>, dtype: Dtype) {
  let bytes = 0
  const places = Object.entries(wanted).map(([name, count]) => {
    const [length, type] = typeof count === 'number' ? [count, dtype] : [count.float64, 'float64']
    const at = bytes
    bytes += Math.ceil((length * (type === 'float32' ? 4 : 8)) / LINE) * LINE
    return { name, type, at, length }
  })
  return { places, bytes }
}

function scratchArrays(arena: Arena, wanted: ReturnType<ScratchSizes>): Record<string, FloatArray> {
  const { buffer, byteOffset } = arena.elements(SCRATCH)
  return Object.fromEntries(
    layOutScratch(wanted, arena.dtype).places.map(({ name, type, at, length }) => {
      const Typed = type === 'float32' ? Float32Array : Float64Array
      return [name, new Typed(buffer as ArrayBuffer, byteOffset + at, length)]
    }),
  )
}
