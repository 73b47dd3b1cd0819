import type { Arena } from '../arena/arena.js'
import type { FloatArray } from '../core/numbers.js'

/** Rust as a Node addon, Rust as WebAssembly, or TypeScript: the same bits in each. */
export type EngineName = 'native' | 'wasm' | 'typescript'

/** Gradients by tensor, in the caller's memory. */
export type BorrowedGradients = readonly (FloatArray | undefined)[]

/** Runs stages on one arena, whose tables, coefficients and gradients lie ready in it. */
export interface Runner {
  /** Runs a stage over the whole arena. */
  run(stage: number): void
  /**
   * The same over the elements from … to of the plane, both multiples of BLOCK or the plane's end; what
   * the stage sums by tensor is there after `gather`.
   */
  runRange(stage: number, from: number, to: number): void
  gather(stage: number): void
  /**
   * `run` with gradients that lie elsewhere, where the engine can read them there and it is worth it;
   * false, and nothing is done, if they overlap the arena.
   */
  readonly runBorrowed?: ((stage: number, gradients: BorrowedGradients) => boolean) | undefined
  /** `run` off the main thread, where the engine can; the arena must be left alone meanwhile. */
  readonly runAsync?: ((stage: number) => Promise<void>) | undefined
  /** On how many threads it runs. */
  readonly threads: number
}

/** What the user has fixed of how an engine runs. */
export interface EngineSettings {
  /** One of the report's instruction sets; the best one by default. */
  readonly instructionSet?: string | undefined
  /** How many threads; by size by default. */
  readonly threads?: number | undefined
}

/** What an engine can do here. */
export interface EngineReport {
  readonly available: boolean
  /** Why it is not available: what was tried, in order, and how each try failed. */
  readonly reasons: readonly string[]
  /** The instruction sets that it can use here, best last. */
  readonly instructionSets: readonly string[]
  /** How many threads it can run at once. */
  readonly threads: number
}

export interface Engine {
  readonly name: EngineName
  /**
   * Makes an arena ready.
   *
   * @throws Error where the engine cannot run this arena
   */
  attach(arena: Arena, forced: EngineSettings): Runner
}
