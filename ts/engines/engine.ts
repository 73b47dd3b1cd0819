import type { Arena } from '../arena.js'

/** Rust as a Node addon, Rust as WebAssembly, or TypeScript: the same bits in each. */
export type EngineName = 'native' | 'wasm' | 'typescript'

/** Runs the steps of one arena, whose coefficients and gradients lie ready in it. */
export interface Runner {
  /** Updates every segment in place. */
  step(): void
  /** Writes the sum of squares of each tensor's gradient into the arena. */
  sumSquares(): void
}

/** What an engine can do here. */
export interface EngineReport {
  readonly available: boolean
  /** Why it is not available: what was tried, in order, and how each try failed. */
  readonly reasons: readonly string[]
  /** The instruction sets that it can use here, best last. */
  readonly instructionSets: readonly string[]
}

export interface Engine {
  readonly name: EngineName
  report(): EngineReport
  /**
   * Makes a kernel ready for an arena; an arena may have several.
   *
   * @param kernel its number in the list of kernels
   * @param instructionSet forces one of `report().instructionSets`
   * @throws Error where the engine cannot run this arena
   */
  attach(arena: Arena, kernel: number, instructionSet: string | undefined): Runner
}
