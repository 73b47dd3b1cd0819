/**
 * Kernels that take each tensor whole, as matrices; crates/kernels/src/kernel/matrices.rs and stages/matrices.rs are
 * the twins. This comes with the rules that have such kernels: a page without them has none of it.
 */

import { type Dtype, type FloatArray, flush, type Matrix, smallestNormal } from '../core/numbers.js'
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

/** The names of a kernel's state by row and by column. */
type LineStateNames<K> = K extends { readonly lines: readonly (infer N extends string)[] } ? N : never

/** A tensor as matrices, one behind the other; each array is the tensor's own. */
export interface MatrixTensor<K extends Kernel> {
  readonly shape: Matrix
  readonly theta: FloatArray
  /** The gradient, and the direction that a stage leaves for the next one. */
  readonly g: FloatArray
  readonly state: { readonly [N in K['state'][number] | LineStateNames<K>]: FloatArray }
  /** Of the tensor's name, where noise is added. */
  readonly key: number
  /** What the pipeline would do around a pass: parameters stay, and gradients become 0. */
  readonly holds: boolean
  readonly zeroes: boolean
}

/** What a kernel computes in for a tensor: how many numbers by name, of the tensor's dtype or of float64. */
export type ScratchSizes = (shape: Matrix) => Readonly<Record<string, number | { readonly float64: number }>>

/** The loop of such a kernel. Coefficients are not rounded. */
export type MatrixLoopOf<K extends Kernel, S extends ScratchSizes> = (
  tensor: MatrixTensor<K>,
  row: { readonly [N in keyof K['row']]: number },
  scratch: { readonly [N in keyof ReturnType<S>]: FloatArray },
) => void

/** What a stage is told of the segment at hand. */
export interface MatrixSegment {
  readonly stage: number
  /** Whether it is the rule's last stage. */
  readonly isLast: boolean
  readonly row: Row
  /** Those of its flags that mean something in this stage. */
  readonly flags: number
}

/** Runs a stage of the tensors that begin among the elements from … to − 1. */
export type MatrixStage = (segment: MatrixSegment, from: number, to: number) => void

/** How it is made for state that begins with an array, by the kernel's number. */
export const matrixStages = new Map<number, (arena: Arena, array: number) => MatrixStage>()

/** Makes the loops of such a kernel known, and what it computes in; gives back its description. */
export function matrixKernel<const K extends Kernel, S extends ScratchSizes>(
  description: K,
  made: LoopFactories<MatrixLoopOf<NoInfer<K>, NoInfer<S>>>,
  scratch: S,
): K {
  matrixStages.set(description.number, (arena, array) => makeStage(arena, array, description, scratch))
  return register(description, made, (shape, dtype) => layOutScratch(scratch(shape), dtype).bytes)
}

/** Its stage on an arena, of tensors whose state begins with array number `array`. */
function makeStage(arena: Arena, array: number, kernel: Kernel, scratch: ScratchSizes): MatrixStage {
  const { lengths, offsets, words, dtype } = arena
  const loop = getLoop<MatrixLoopOf<Kernel, ScratchSizes>>(kernel.number, dtype)
  const names = [...kernel.state, ...(kernel.lines ?? [])]
  // Each is made once: views take as long to make as a small matrix takes.
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

/** Rows, columns, and 0 for a tensor that is no matrix, which is one row. */
function unitsMatrix(units: number, length: number): Matrix {
  const rows = Math.max(units, 1)
  return [rows, length / rows, Math.min(units, 1)]
}

/** Where in the array SCRATCH each begins, in bytes, and how many all are; each begins with a line. */
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
