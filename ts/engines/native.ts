import { endianness } from 'node:os'
import type { Arena } from '../arena/arena.js'
import { HASH, SCRATCH } from '../arena/manifest.js'
import { EngineError, getMessage, OptionError } from '../core/errors.js'
import { extensions } from '../extensions.js'
import type { Addon, CallOutcome, LoadedAddon, RunStage } from './addon.js'
import { loadAddon } from './addon-node.js'
import type { Engine, EngineReport, EngineSettings, Runner } from './engine.js'

export { environmentVariable } from './environment.js'

// Elementary functions split the bytes of numbers, and tables and saved runs use one byte order. (No browser runs on a
// big-endian processor.)
if (endianness() === 'BE') {
  const what = 'and all others need a little-endian processor'
  throw new EngineError('typescript', ['this one is big-endian'], what)
}

let loaded: LoadedAddon | undefined

/** The addon, or the reasons why no addon could be loaded; loading happens once. */
export function load(): LoadedAddon {
  loaded ??= tryLoad()
  return loaded
}

/**
 * @throws Error with the reasons if no addon could be loaded
 */
export function loadOrThrow(): Addon {
  const { addon, reasons } = load()
  if (addon === null) throw new Error(reasons.join('; '))
  return addon
}

/** Loads the addon. The function never throws, so that reports always work. */
function tryLoad(): LoadedAddon {
  try {
    const { addon, reasons } = loadAddon()
    if (addon === null || addon.hash?.() === HASH) return { addon, reasons }
    return { addon: null, reasons: [...reasons, 'the addon has another version: its kernels differ'] }
  } catch (thrown) {
    return { addon: null, reasons: [getMessage(thrown)] }
  }
}

declare module '../extensions.js' {
  interface Extensions {
    /** Asks the system for huge pages for a large memory that a single arena uses. */
    adviseMemory(memory: WebAssembly.Memory): void
  }
}

// The WebAssembly engine gains more from huge pages than all other engines.
extensions.adviseMemory = (memory) => {
  try {
    load().addon?.advise(memory)
  } catch {
    // Huge pages are optional, so errors are ignored.
  }
}

/**
 * Number of arena bytes per thread. In an arena below twice this size, waking a second thread takes as much time as the
 * thread saves.
 */
const BYTES_PER_THREAD = 1 << 22

/** Minimum number of scratch elements of matrix kernels for which a step uses all threads. */
const MIN_MATRIX_ELEMENTS_FOR_THREADS = 3 * 128 * 128

/** Minimum average tensor length for which reading gradients in place is faster than a copy. */
const MIN_BORROWED_LENGTH = 256

/** Borrowed gradients are arguments of a call, and the number of arguments is limited. */
const MAX_BORROWED_TENSORS = 1 << 14

/** The capabilities that the native engine has in this process. */
export function report(): EngineReport {
  const { addon, reasons } = load()
  return {
    available: addon !== null,
    reasons,
    instructionSets: addon?.instructionSets() ?? [],
    threads: addon?.cores() ?? 0,
  }
}

/**
 * @throws OptionError if the instruction set is not available
 */
export function checkInstructionSet(name: string): void {
  const { available, instructionSets } = report()
  // A missing addon is reported when the engine is requested.
  if (available && !instructionSets.includes(name))
    throw new OptionError('instructionSet', `one of ${instructionSets.join(', ')}`, name)
}

/**
 * The Rust engine in Node, compiled for several instruction sets. The engine uses the best supported instruction set.
 */
export const native: Engine = {
  name: 'native',
  attach(arena: Arena, forced: EngineSettings) {
    const addon = loadOrThrow()
    const isLong = arena.elements(SCRATCH).length >= MIN_MATRIX_ELEMENTS_FOR_THREADS
    const worthwhile = isLong ? Infinity : Math.max(1, Math.floor(arena.region.byteLength / BYTES_PER_THREAD))
    const threads = forced.threads ?? (worthwhile === 1 ? 1 : Math.min(worthwhile, addon.cores()))
    // The buffer is passed instead of a typed array, because Node 20 cannot create a typed array above 4 GiB.
    const { buffer, byteOffset, byteLength, memory } = arena.region
    const run = addon.attach(
      memory ?? buffer,
      byteOffset,
      byteLength,
      arena.words,
      threads,
      forced.instructionSet,
    )
    const count = arena.lengths.length
    const isLendable = arena.length >= MIN_BORROWED_LENGTH * count && count <= MAX_BORROWED_TENSORS
    return new NativeRunner(arena, addon, run, threads, isLendable)
  },
}

class NativeRunner implements Runner {
  readonly threads: number
  readonly runAsync: Runner['runAsync']
  readonly runBorrowed: Runner['runBorrowed']
  readonly #arena: Arena
  readonly #addon: Addon
  readonly #run: RunStage
  /** The version of the tables that the addon has copied, and whether the addon has a plan for stage 0. */
  #version = -1
  #isPlanned = false

  constructor(arena: Arena, addon: Addon, run: RunStage, threads: number, isLendable: boolean) {
    this.threads = threads
    this.#arena = arena
    this.#addon = addon
    this.#run = run
    this.runBorrowed = isLendable
      ? (stage, gradients) => this.#isDone(this.#bound(stage, ...gradients))
      : undefined
    // A plain `ArrayBuffer` is never passed to another thread, because it can be transferred and freed at any time.
    if (arena.region.memory !== null) {
      this.runAsync = async (stage) => this.#check(await addon.runAsync(this.#bound.handle, stage))
    }
  }

  /**
   * Returns the addon's function that runs stages. Before the function is returned, the addon receives the current
   * tables of the arena.
   */
  get #bound(): RunStage {
    const { version, words } = this.#arena
    if (this.#version !== version) {
      const isPlanned = this.#addon.keep(this.#run.handle, words)
      if (isPlanned === null) throw this.#arena.broken()
      this.#isPlanned = isPlanned
      this.#version = version
    }
    return this.#run
  }

  run(stage: number): void {
    const run = this.#bound
    this.#check(stage === 0 && this.#isPlanned ? run() : run(stage))
  }

  runRange(stage: number, from: number, to: number): void {
    this.#check(this.#addon.runRange(this.#bound.handle, stage, from, to))
  }

  gather(stage: number): void {
    this.#check(this.#addon.gather(this.#bound.handle, stage))
  }

  #check(outcome: CallOutcome): void {
    if (!this.#isDone(outcome)) throw this.#arena.broken()
  }

  #isDone(outcome: CallOutcome): boolean {
    if (typeof outcome === 'string') throw this.#arena.fail('native', outcome)
    return outcome
  }
}
