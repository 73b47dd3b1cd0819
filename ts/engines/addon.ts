/** What JavaScript knows of crates/native. */

import type { BorrowedGradients } from './engine.js'

/** Whether a call has done its work; or what Rust said where it failed, after which nobody knows what is done. */
export type CallOutcome = boolean | string

/** Runs a stage of the arena that it was made for; with gradients that are lent, if it can. Without any: as planned. */
export interface RunStage {
  (stage?: number, ...gradients: BorrowedGradients): CallOutcome
  /** The arena, for the addon's other functions. */
  readonly handle: object
}

type ArenaOwner = WebAssembly.Memory | ArrayBuffer

/** What crates/native exports. */
export interface Addon {
  /** @param owner a memory must not grow; a buffer is looked at in each call, as it may be transferred */
  attach(
    owner: ArenaOwner,
    byteOffset: number,
    byteLength: number,
    tables: Uint32Array,
    threads: number,
    instructionSet?: string,
  ): RunStage
  /** Takes other tables. Says whether stage 0 is planned; null where they are none. */
  keep(handle: object, tables: Uint32Array): boolean | null
  runRange(handle: object, stage: number, from: number, to: number): CallOutcome
  gather(handle: object, stage: number): CallOutcome
  runAsync(handle: object, stage: number): Promise<CallOutcome>
  /** Asks for huge pages, before anything is written. Says whether the system has taken it. */
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
  hash(): number
}

/** The addon, or why there is none. */
export interface LoadedAddon {
  readonly addon: Addon | null
  readonly reasons: readonly string[]
}
