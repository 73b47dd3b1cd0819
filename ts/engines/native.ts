import { loadAddon } from '#addon'
import type { Arena } from '../arena.js'
import { kernelNames } from '../rules/kernels.js'
import type { Engine, Runner } from './engine.js'

/** What crates/native exports. */
export interface Addon {
  attach(bytes: Uint8Array, kernel: number, instructionSet?: string): object
  step(handle: object): void
  sumSquares(handle: object): void
  instructionSets(): string[]
  kernels(): string[]
}

/** The addon, or why there is none. */
export interface Loaded {
  readonly addon: Addon | null
  readonly reasons: readonly string[]
}

let loaded: Loaded | undefined

function load(): Loaded {
  if (loaded === undefined) {
    loaded = loadAddon()
    if (loaded.addon !== null && loaded.addon.kernels().join() !== kernelNames.join()) {
      loaded = {
        addon: null,
        reasons: [...loaded.reasons, 'the addon is of another version: its kernels differ'],
      }
    }
  }
  return loaded
}

/** Rust in Node, compiled for each instruction set of the processor; the best one is picked. */
export const native: Engine = {
  name: 'native',
  report() {
    const { addon, reasons } = load()
    return { available: addon !== null, reasons, instructionSets: addon?.instructionSets() ?? [] }
  },
  attach(arena: Arena, kernel: number, instructionSet: string | undefined) {
    const { addon, reasons } = load()
    if (addon === null) throw new Error(reasons.join('; '))
    const bytes = arena.bytes()
    const handle = addon.attach(bytes, kernel, instructionSet)
    const runner: Runner & { bytes: Uint8Array } = {
      // The handle does not keep them alive.
      bytes,
      step: () => addon.step(handle),
      sumSquares: () => addon.sumSquares(handle),
    }
    return runner
  },
}
