import type { Arena } from '../arena/arena.js'
import type { FloatArray } from '../core/numbers.js'

/**
 * Name of an engine: Rust as a Node addon, Rust as WebAssembly, or TypeScript. The results of all engines are
 * bit-identical.
 */
export type EngineName = 'native' | 'wasm' | 'typescript'

/** Gradients by tensor, in the caller's memory. */
export type BorrowedGradients = readonly (FloatArray | undefined)[]

/** Runs stages on one arena, which must contain the current tables, coefficients and gradients. */
export interface Runner {
  /** Runs a stage over the whole arena. */
  run(stage: number): void
  /**
   * Runs a stage over the elements from `from` to `to` of all tensors. Both positions are multiples of BLOCK, or the
   * end of the last tensor. Sums per tensor are available after `gather`.
   */
  runRange(stage: number, from: number, to: number): void
  gather(stage: number): void
  /**
   * Like `run`, with gradients outside the arena. The function is present if the engine can read such gradients faster
   * than copy them. If the gradients overlap the arena, the function does nothing and returns false.
   */
  readonly runBorrowed?: ((stage: number, gradients: BorrowedGradients) => boolean) | undefined
  /**
   * Like `run`, but outside the main thread. The function is present if the engine supports threads. The arena must not
   * be used until the promise resolves.
   */
  readonly runAsync?: ((stage: number) => Promise<void>) | undefined
  /** The number of threads that the engine uses. */
  readonly threads: number
}

/** Engine settings that the user has chosen. */
export interface EngineSettings {
  /** An instruction set from the engine's report; by default the best instruction set. */
  readonly instructionSet?: string | undefined
  /** The number of threads; by default the size of the arena decides. */
  readonly threads?: number | undefined
}

/** The capabilities that an engine has in this runtime. */
export interface EngineReport {
  readonly available: boolean
  /** Reasons why the engine is not available: all attempts in order, each with its error. */
  readonly reasons: readonly string[]
  /** The usable instruction sets, from the slowest to the fastest. */
  readonly instructionSets: readonly string[]
  /** The maximum number of threads of the engine. */
  readonly threads: number
}

export interface Engine {
  readonly name: EngineName
  /**
   * Starts the engine for an arena.
   *
   * @throws Error if the engine cannot run this arena
   */
  attach(arena: Arena, forced: EngineSettings): Runner
}
