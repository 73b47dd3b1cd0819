/** Kernels: their descriptions, and their loops in TypeScript. */

import { type Dtype, type FloatArray, type Matrix, type Round, rounding } from '../core/numbers.js'
import type { Sum } from '../core/sums.js'
import type { WasmModule } from '../webassembly/module.js'
import { PIPELINE_DECAY } from './manifest.js'

/** A kernel as the manifest describes it. */
export interface Kernel {
  readonly number: number
  readonly name: string
  /** A hash of its equations in Rust, and of what all rules share: another one may compute other bits. */
  readonly source: number
  /** The names of its arrays of state. */
  readonly state: readonly string[]
  /** Where in a row each of its coefficients stands. */
  readonly row: Readonly<Record<string, number>>
  /** The names of what it has by tensor. */
  readonly tensor: readonly string[]
  /** What is summed by tensor after a pass, into the first of these. */
  readonly sums: readonly Sum[]
  /** Whether it takes each tensor whole, as matrices; its loop is told of these. */
  readonly isMatrix?: true
  /** Of such a kernel, the names of its arrays of state by row and by column, behind the others. */
  readonly lines?: readonly string[]
  /** The WebAssembly module that has it; left out where the core's has. */
  readonly module?: WasmModule
}

/**
 * A kernel's loop over the elements from … to − 1. State and coefficients, in the dtype, come by name;
 * what a stage leaves for the next one goes to `direction`.
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

/** What makes a kernel's loop, once for each dtype. */
export interface LoopFactories<L> {
  readonly float32: (f: Round) => L
  readonly float64: (f: Round) => L
}

/**
 * A loop for both dtypes. A JavaScript compiler specializes a function by the types that it has met,
 * and one that has met both dtypes is nine times as slow: so the build writes the text of `make` a
 * second time, as `again`.
 */
export function twice<K extends Kernel, L = LoopOf<K>>(
  make: (f: Round) => L,
  again = make,
): LoopFactories<L> {
  return { float32: make, float64: again }
}

/** How many bytes a kernel computes in for a tensor that it takes as matrices. */
export type ScratchBytes = (matrix: Matrix, dtype: Dtype) => number

interface KernelRegistration {
  readonly description: Kernel
  readonly made: LoopFactories<unknown>
  readonly bytes: ScratchBytes
}

const kernels = new Map<number, KernelRegistration>()
const loops = { float32: new Map<number, unknown>(), float64: new Map<number, unknown>() }

/** Makes a kernel's loops known, and gives back its description. */
export function kernel<const K extends Kernel>(description: K, made: LoopFactories<LoopOf<K>>): K {
  return register(description, made, () => 0)
}

/** The same of a kernel whose loops are of another kind. */
export function register<const K extends Kernel>(
  description: K,
  made: LoopFactories<unknown>,
  bytes: ScratchBytes,
): K {
  kernels.set(description.number, { description, made, bytes })
  return description
}

const getRegistration = (number: number) => kernels.get(number) as KernelRegistration

/** How many bytes it computes in. */
export function scratchBytes({ number }: Kernel, matrix: Matrix, dtype: Dtype): number {
  return getRegistration(number).bytes(matrix, dtype)
}

/** A kernel whose rule was imported. */
export function getKernel(number: number): Kernel {
  return getRegistration(number).description
}

/** The loop of a kernel whose rule was imported; made once, so that the compiler sees few functions. */
export function getLoop<L = Loop>(number: number, dtype: Dtype): L {
  let loop = loops[dtype].get(number)
  if (loop === undefined) {
    loop = getRegistration(number).made[dtype](rounding[dtype])
    loops[dtype].set(number, loop)
  }
  return loop as L
}

/** A kernel's coefficients by name, rounded to the dtype, from where they lie at the moment. */
export class Row {
  coefficients!: Float64Array
  readonly byName = this as unknown as Readonly<Record<string, number>>

  private constructor() {}

  static readonly #made = { float32: new Map<Kernel, typeof Row>(), float64: new Map<Kernel, typeof Row>() }

  /** A class for each kernel: to write a property by a name that varies is slow, and getters become inline. */
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
