import { endianness } from 'node:os'
import type { Arena } from '../arena/arena.js'
import { HASH, SCRATCH } from '../arena/manifest.js'
import { EngineError, getMessage, OptionError } from '../core/errors.js'
import { extensions } from '../extensions.js'
import type { Addon, CallOutcome, LoadedAddon, RunStage } from './addon.js'
import { loadAddon } from './addon-node.js'
import type { Engine, EngineReport, EngineSettings, Runner } from './engine.js'

export { environmentVariable } from './environment.js'

// Functions take numbers apart, and tables and saved runs have bytes in one order. (Browsers run on no such processor.)
if (endianness() === 'BE') {
  const what = 'and all others want a little-endian processor'
  throw new EngineError('typescript', ['this one is big-endian'], what)
}

let loaded: LoadedAddon | undefined

/** The addon, or why there is none. */
export function load(): LoadedAddon {
  loaded ??= tryLoad()
  return loaded
}

/** @throws Error with the reasons where there is none */
export function loadOrThrow(): Addon {
  const { addon, reasons } = load()
  if (addon === null) throw new Error(reasons.join('; '))
  return addon
}

/** A report of what is wrong must not be what goes wrong. */
function tryLoad(): LoadedAddon {
  try {
    const { addon, reasons } = loadAddon()
    if (addon === null || addon.hash?.() === HASH) return { addon, reasons }
    return { addon: null, reasons: [...reasons, 'the addon is of another version: its kernels differ'] }
  } catch (thrown) {
    return { addon: null, reasons: [getMessage(thrown)] }
  }
}

// The engine in WebAssembly gains most.
extensions.adviseMemory = (memory) => {
  try {
    load().addon?.advise(memory)
  } catch {
    // It is advice.
  }
}

/** Bytes of an arena that are worth a thread: below two of these, waking one costs what it saves. */
const BYTES_PER_THREAD = 1 << 22

/** Numbers for what takes tensors as matrices, from which on a step takes so long that all threads are worth it. */
const MIN_MATRIX_ELEMENTS_FOR_THREADS = 3 * 128 * 128

/** Elements a tensor, on average, from which on reading its gradient in place saves time over a copy. */
const MIN_BORROWED_LENGTH = 256

/** They are the arguments of a call, and those have a limit. */
const MAX_BORROWED_TENSORS = 1 << 14

/** What it can do here. */
export function report(): EngineReport {
  const { addon, reasons } = load()
  return {
    available: addon !== null,
    reasons,
    instructionSets: addon?.instructionSets() ?? [],
    threads: addon?.cores() ?? 0,
  }
}

/** @throws OptionError where it is none that can be used here */
export function checkInstructionSet(name: string): void {
  const { available, instructionSets } = report()
  // Where there is no addon, that is what is wrong, and said when it is asked for.
  if (available && !instructionSets.includes(name))
    throw new OptionError('instructionSet', `one of ${instructionSets.join(', ')}`, name)
}

/** Rust in Node, compiled for each instruction set of the processor; the best one is picked. */
export const native: Engine = {
  name: 'native',
  attach(arena: Arena, forced: EngineSettings) {
    const addon = loadOrThrow()
    const isLong = arena.elements(SCRATCH).length >= MIN_MATRIX_ELEMENTS_FOR_THREADS
    const worthwhile = isLong ? Infinity : Math.max(1, Math.floor(arena.region.byteLength / BYTES_PER_THREAD))
    const threads = forced.threads ?? (worthwhile === 1 ? 1 : Math.min(worthwhile, addon.cores()))
    // Not as a typed array: Node 20 has none above 4 GiB.
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
  /** Of which version of the tables the addon knows, and whether it has planned stage 0. */
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
    // A plain ArrayBuffer may be transferred and freed at any time: it is not left to another thread.
    if (arena.region.memory !== null) {
      this.runAsync = async (stage) => this.#check(await addon.runAsync(this.#bound.handle, stage))
    }
  }

  /** The function, once the addon has the tables as they are now. */
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
