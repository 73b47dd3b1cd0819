/** Type declarations for crates/native. */

import type { FloatArray } from '../core/numbers.js'
import type { BorrowedGradients } from './engine.js'

/**
 * Whether a call succeeded, or Rust's error message if the call failed. After a failure, the contents of the memory are
 * unknown.
 */
export type CallOutcome = boolean | string

/**
 * Runs a stage on the attached arena, reading gradients in place if possible. Without arguments, the function runs the
 * planned stage.
 */
export interface RunStage {
  (stage?: number, ...gradients: BorrowedGradients): CallOutcome
  /** A handle of the arena, for the addon's other functions. */
  readonly handle: object
}

type ArenaOwner = WebAssembly.Memory | ArrayBuffer

/** The exports of crates/native. */
export interface Addon {
  /**
   * @param owner a memory that never grows, or a buffer that may be transferred, so that each call checks it
   */
  attach(
    owner: ArenaOwner,
    byteOffset: number,
    byteLength: number,
    tables: Uint32Array,
    threads: number,
    instructionSet?: string,
  ): RunStage
  /** Copies new tables. The result tells whether stage 0 has a plan, and is null if the tables are invalid. */
  keep(handle: object, tables: Uint32Array): boolean | null
  runRange(handle: object, stage: number, from: number, to: number): CallOutcome
  gather(handle: object, stage: number): CallOutcome
  runAsync(handle: object, stage: number): Promise<CallOutcome>
  /**
   * Requests huge pages from the system, before the memory is written. Returns whether the system accepted the request.
   */
  advise(memory: WebAssembly.Memory): boolean
  cores(): number
  instructionSets(): string[]
  advanceMany(owner: ArenaOwner, offset: number, length: number, threads: number, set?: string): CallOutcome
  advanceManyAsync(
    owner: WebAssembly.Memory,
    offset: number,
    length: number,
    threads: number,
    set?: string,
  ): Promise<CallOutcome>
  /** Applies an operation of programs to arrays of one dtype and length, or to numbers. */
  apply(
    operation: number,
    to: FloatArray,
    a: FloatArray | number,
    b: FloatArray | number,
    c: FloatArray | number,
    set?: string,
  ): void
  hash(): number
}

/** The addon, or the reasons why no addon could be loaded. */
export interface LoadedAddon {
  readonly addon: Addon | null
  readonly reasons: readonly string[]
}
