import type { Arena } from '../arena.js'
import type { FloatArray } from '../rules/rule.js'

/** Rust as a Node addon, Rust as WebAssembly, or TypeScript: the same bits in each. */
export type EngineName = 'native' | 'wasm' | 'typescript'

/** Gradients by tensor, in the caller's memory. */
export type Lent = readonly (FloatArray | undefined)[]

/** Runs the steps of one arena, whose coefficients and gradients lie ready in it. */
export interface Runner {
  /** Updates every segment in place. */
  step(): void
  /** Writes the sum of squares of each tensor's gradient into the arena. */
  sumSquares(): void
  /**
   * The same with gradients that lie elsewhere, where the engine can read them there and it is worth it;
   * false, and nothing is done, if they overlap the arena.
   */
  readonly lent?: {
    step(gradients: Lent): boolean
    sumSquares(gradients: Lent): boolean
  }
  /** `step` and `sumSquares` off the main thread, where the engine can; the arena must be left alone meanwhile. */
  readonly stepAsync?: () => Promise<void>
  readonly sumSquaresAsync?: () => Promise<void>
  /** On how many threads it runs. */
  readonly threads: number
}

/** What the user has fixed of how an engine runs. */
export interface Forced {
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
  report(): EngineReport
  /**
   * Makes a kernel ready for an arena; an arena may have several.
   *
   * @param kernel its number in the list of kernels
   * @throws Error where the engine cannot run this arena
   */
  attach(arena: Arena, kernel: number, forced: Forced): Runner
}
