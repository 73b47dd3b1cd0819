/** Descriptions of kernels, and their loops in TypeScript. */

import { type Dtype, type FloatArray, type Matrix, type Round, rounding } from '../core/numbers.js'
import type { Sum } from '../core/sums.js'
import type { WasmModule } from '../webassembly/module.js'
import { PIPELINE_DECAY } from './manifest.js'

/** A kernel, as described by the manifest. */
export interface Kernel {
  readonly number: number
  readonly name: string
  /**
   * A hash of the kernel's equations in Rust, and of the code that all rules share. A kernel with another hash may
   * compute other bits.
   */
  readonly source: number
  /** The names of the state arrays. */
  readonly state: readonly string[]
  /** The position of each coefficient in a row of coefficients. */
  readonly row: Readonly<Record<string, number>>
  /** The names of the values that are stored per tensor. */
  readonly tensor: readonly string[]
  /** The sums per tensor that are computed after a pass and stored as the first values per tensor. */
  readonly sums: readonly Sum[]
  /**
   * Whether the kernel processes each tensor as a stack of matrices. The loop of such a kernel receives the dimensions
   * of the matrices.
   */
  readonly isMatrix?: true
  /**
   * For a matrix kernel, the names of the state arrays per row and per column, which come after all other state arrays.
   */
  readonly lines?: readonly string[]
  /** The WebAssembly module that contains the kernel; omitted for a kernel in the core module. */
  readonly module?: WasmModule
}

/**
 * The loop of a kernel over the elements from `from` to `to` − 1. State and coefficients are passed by name and have
 * the dtype of the arena. A stage passes its result to the next stage in the array `direction`.
 */
export type LoopOf<K extends Kernel> = (
  theta: FloatArray,
  g: FloatArray,
  state: { readonly [N in K['state'][number]]: FloatArray },
  row: { readonly [N in keyof K['row'] | 'decay']: number },
  from: number,
  to: number,
  tensor: { readonly [N in K['tensor'][number]]: number },
  direction: FloatArray,
) => void

/** The loop of any kernel. */
export type Loop = LoopOf<Kernel>

/** Factories for the loop of a kernel, one factory per dtype. */
export interface LoopFactories<L> {
  readonly float32: (f: Round) => L
  readonly float64: (f: Round) => L
}

/**
 * A loop that supports both dtypes. JavaScript compilers specialize a function for the types of its arguments. A
 * function that has received both dtypes is nine times slower. The build therefore copies the source of `make` to a
 * second function, `again`.
 */
export function twice<K extends Kernel, L = LoopOf<K>>(
  make: (f: Round) => L,
  again = make,
): LoopFactories<L> {
  return { float32: make, float64: again }
}

/** The number of scratch bytes that a kernel needs for a tensor with these matrix dimensions. */
export type ScratchBytes = (matrix: Matrix, dtype: Dtype) => number

interface KernelRegistration {
  readonly description: Kernel
  readonly made: LoopFactories<unknown>
  readonly bytes: ScratchBytes
}

const kernels = new Map<number, KernelRegistration>()
const loops = { float32: new Map<number, unknown>(), float64: new Map<number, unknown>() }

/** Registers the loops of a kernel, and returns the description of the kernel. */
export function kernel<const K extends Kernel>(description: K, made: LoopFactories<LoopOf<K>>): K {
  return register(description, made, () => 0)
}

/** Registers a kernel whose loops have a special signature. */
export function register<const K extends Kernel>(
  description: K,
  made: LoopFactories<unknown>,
  bytes: ScratchBytes,
): K {
  kernels.set(description.number, { description, made, bytes })
  return description
}

const getRegistration = (number: number) => kernels.get(number) as KernelRegistration

/** The scratch memory that a kernel needs, in bytes. */
export function scratchBytes({ number }: Kernel, matrix: Matrix, dtype: Dtype): number {
  return getRegistration(number).bytes(matrix, dtype)
}

/** Returns the description of a kernel whose rule has been imported. */
export function getKernel(number: number): Kernel {
  return getRegistration(number).description
}

/**
 * Returns the loop of a kernel whose rule has been imported. Each loop is created only once, so that the JavaScript
 * compiler sees few functions.
 */
export function getLoop<L = Loop>(number: number, dtype: Dtype): L {
  let loop = loops[dtype].get(number)
  if (loop === undefined) {
    loop = getRegistration(number).made[dtype](rounding[dtype])
    loops[dtype].set(number, loop)
  }
  return loop as L
}

/**
 * The coefficients of a kernel by name, rounded to the dtype. The values are read from the current row of coefficients.
 */
export class Row {
  coefficients!: Float64Array
  readonly byName = this as unknown as Readonly<Record<string, number>>

  private constructor() {}

  static readonly #made = { float32: new Map<Kernel, typeof Row>(), float64: new Map<Kernel, typeof Row>() }

  /**
   * Creates a row of coefficients. Each kernel has its own class of rows, because getters are inlined, and because
   * writing properties by a variable name is slow.
   */
  static create(kernel: Kernel, dtype: Dtype): Row {
    let Named = Row.#made[dtype].get(kernel)
    if (Named === undefined) {
      Named = class extends Row {}
      const f = rounding[dtype]
      for (const [name, place] of Object.entries({ ...kernel.row, decay: PIPELINE_DECAY })) {
        const get = function (this: Row) {
          return f(this.coefficients[place])
        }
        Object.defineProperty(Named.prototype, name, { __proto__: null, get } as PropertyDescriptor)
      }
      Row.#made[dtype].set(kernel, Named)
    }
    return new Named()
  }
}
