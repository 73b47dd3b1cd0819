/** What JavaScript knows of crates/native. */

import type { Lent } from './engine.js'

/** Whether a call has done its work; or what Rust said where it failed, after which nobody knows what is done. */
export type Outcome = boolean | string

/** Runs a stage of the arena that it was made for; with gradients that are lent, if it can. Without any: as planned. */
export interface Run {
  (stage?: number, ...gradients: Lent): Outcome
  /** The arena, for the addon's other functions. */
  readonly handle: object
}

type Owner = WebAssembly.Memory | ArrayBuffer

/** What crates/native exports. */
export interface Addon {
  /** @param owner a memory must not grow; a buffer is looked at in each call, as it may be transferred */
  attach(
    owner: Owner,
    byteOffset: number,
    byteLength: number,
    tables: Uint32Array,
    threads: number,
    instructionSet?: string,
  ): Run
  /** Takes other tables. Says whether stage 0 is planned; null where they are none. */
  keep(handle: object, tables: Uint32Array): boolean | null
  runRange(handle: object, stage: number, from: number, to: number): Outcome
  gather(handle: object, stage: number): Outcome
  runAsync(handle: object, stage: number): Promise<Outcome>
  /** Asks for huge pages, before anything is written. Says whether the system has taken it. */
  advise(memory: WebAssembly.Memory): boolean
  cores(): number
  instructionSets(): string[]
  advanceMany(owner: Owner, offset: number, length: number, threads: number, set?: string): Outcome
  advanceManyAsync(
    owner: WebAssembly.Memory,
    offset: number,
    length: number,
    threads: number,
    set?: string,
  ): Promise<Outcome>
  hash(): number
}

/** The addon, or why there is none. */
export interface Loaded {
  readonly addon: Addon | null
  readonly reasons: readonly string[]
}
