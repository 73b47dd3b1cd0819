import { loadAddon } from '#addon'
import type { Arena } from '../arena.js'
import { kernelNames } from '../rules/kernels.js'
import type { Engine, Forced, Lent, Runner } from './engine.js'

/** Updates the arena that it was made for, with gradients that are lent or its own; says whether it did. */
interface Step {
  (...gradients: Lent): boolean
  /** The arena, for the addon's other functions. */
  readonly handle: object
}

/** What crates/native exports. */
export interface Addon {
  attach(
    buffer: ArrayBuffer,
    byteOffset: number,
    byteLength: number,
    /** Whether it is a WebAssembly memory's, which nobody can transfer or resize. */
    stays: boolean,
    kernel: number,
    threads: number,
    instructionSet?: string,
  ): Step
  sumSquares(handle: object, gradients?: Lent): boolean
  stepAsync(handle: object): Promise<boolean>
  sumSquaresAsync(handle: object): Promise<boolean>
  cores(): number
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

/** Bytes of an arena that are worth a thread: below two of these, waking one costs what it saves. */
const BYTES_A_THREAD = 1 << 22

/** Elements a tensor, on average, from which on reading its gradient in place saves time over a copy. */
const LENT_FROM = 256

/** They are the arguments of a call, and those have a limit. */
const MOST_LENT = 1 << 14

/** Rust in Node, compiled for each instruction set of the processor; the best one is picked. */
export const native: Engine = {
  name: 'native',
  report() {
    const { addon, reasons } = load()
    return {
      available: addon !== null,
      reasons,
      instructionSets: addon?.instructionSets() ?? [],
      threads: addon?.cores() ?? 0,
    }
  },
  attach(arena: Arena, kernel: number, forced: Forced) {
    const { addon, reasons } = load()
    if (addon === null) throw new Error(reasons.join('; '))
    const worthwhile = Math.max(1, Math.floor(arena.region.byteLength / BYTES_A_THREAD))
    const threads = forced.threads ?? (worthwhile === 1 ? 1 : Math.min(worthwhile, addon.cores()))
    // Not as a typed array: Node 20 has none above 4 GiB.
    const { buffer, byteOffset, byteLength, memory } = arena.region
    const stays = memory !== null
    const step = addon.attach(buffer, byteOffset, byteLength, stays, kernel, threads, forced.instructionSet)
    const { handle } = step
    const check = (isDone: boolean) => {
      if (!isDone) throw arena.broken()
    }
    const lent = {
      step: (gradients: Lent) => step(...gradients),
      sumSquares: (gradients: Lent) => addon.sumSquares(handle, gradients),
    }
    const runner: Runner = {
      threads,
      step: () => check(step()),
      sumSquares: () => check(addon.sumSquares(handle)),
      ...(arena.planeLength >= LENT_FROM * arena.tensorCount && arena.tensorCount <= MOST_LENT && { lent }),
    }
    // A plain ArrayBuffer may be transferred and freed at any time: it is not left to another thread.
    if (!stays) return runner
    return {
      ...runner,
      stepAsync: () => addon.stepAsync(handle).then(check),
      sumSquaresAsync: () => addon.sumSquaresAsync(handle).then(check),
    }
  },
}
