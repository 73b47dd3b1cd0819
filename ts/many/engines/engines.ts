/** What advances batches on each engine. */

import { loadOrThrow } from '#native'
import { hasWebAssembly, NO_WEBASSEMBLY } from '../../arena/memory.js'
import { EngineError, MemoryError } from '../../core/errors.js'
import { runToEnd, type Slices } from '../../core/slices.js'
import type { EngineName, EngineSettings } from '../../engines/engine.js'
import { type EngineChoice, readEngineRequest, selectEngine } from '../../engines/select-engine.js'
import { compile, isTrap, start } from '../../engines/wasm.js'
import type { WasmModule } from '../../webassembly/module.js'
import type { Batch } from '../batch/batch.js'
import { advanceInSlices } from './slices.js'
import { advanceInTypeScript } from './typescript.js'

/** A promise where the event loop is to have its turn. @throws the reason where nobody waits any more */
export type Pause = () => Promise<void> | undefined

export interface BatchRunner {
  /** On how many threads it runs. */
  readonly threads: number
  /** Makes the updates at hand of a batch. */
  advance(batch: Batch): void
  /**
   * The same, while the event loop goes on: on other threads, or else in turn with it. What is told of the updates at hand
   * may be others afterwards.
   */
  advanceAsync(batch: Batch, pause: Pause): Promise<void>
  /** One for a call by itself, where `leave` would take from other calls what they have. */
  withoutWorkers?(): BatchRunner
  /** Is told that nobody waits for a batch any more. */
  release?(): void
}

/** What `workers()` gives, with which its code comes. */
export abstract class WorkerPlacement {
  /** Where they have their code from, if it is not the one that they bring. */
  abstract readonly url: string | undefined
  /** The same choice, on workers as far as its engine can. */
  abstract share(
    choice: EngineChoice<BatchRunner>,
    threads: number | undefined,
    module: WasmModule,
  ): EngineChoice<BatchRunner>
}

const runnerFactories: Readonly<
  Record<EngineName, (forced: EngineSettings, module: WasmModule) => BatchRunner>
> = {
  native({ instructionSet, threads: forced }) {
    const addon = loadOrThrow()
    if (!hasWebAssembly()) throw new Error(NO_WEBASSEMBLY)
    const threads = forced ?? addon.cores()
    return {
      threads,
      advance({ region: { buffer, byteOffset, byteLength } }) {
        checkOutcome(addon.advanceMany(buffer, byteOffset, byteLength, threads, instructionSet), byteLength)
      },
      async advanceAsync({ region: { memory, byteOffset, byteLength } }) {
        const owner = memory as WebAssembly.Memory
        const outcome = addon.advanceManyAsync(owner, byteOffset, byteLength, threads, instructionSet)
        checkOutcome(await outcome, byteLength)
      },
    }
  },
  wasm(_, module) {
    // All that a batch needs: under a strict content policy WebKit compiles, and refuses instances.
    if (!started.has(module))
      start<ModuleExports>(compile(module), new WebAssembly.Memory({ initial: 1, maximum: 1, shared: false }))
    started.add(module)
    const calls = makeCalls(module)
    return createRunner(calls.advance, (batch) => advanceInSlices(batch, calls))
  },
  typescript: () => createRunner((batch) => runToEnd(advanceInTypeScript(batch)), advanceInTypeScript),
}

/**
 * Begins on the engine that was asked for, or else on the first that can.
 *
 * @param module for the engine wasm: that of many runs or, which is smaller, that of fits
 * @throws EngineError where one was asked for that cannot run here
 */
export function selectRunner(
  options: Parameters<typeof readEngineRequest>[0] & { readonly workers?: WorkerPlacement | undefined },
  module: WasmModule,
): EngineChoice<BatchRunner> {
  const asked = readEngineRequest(options)
  const choice = selectEngine(
    asked,
    (engine, forced) => runnerFactories[engine](forced, module),
    ['native', 'wasm'],
    'native is tried first, then wasm, then typescript',
  )
  return options.workers?.share(choice, asked.forced.threads, module) ?? choice
}

function createRunner(advance: BatchRunner['advance'], slices: (batch: Batch) => Slices<void>): BatchRunner {
  return {
    threads: 1,
    advance,
    async advanceAsync(batch, pause) {
      await pause()
      for (const _ of slices(batch)) {
        const turn = pause()
        if (turn) await turn
      }
    },
  }
}

/** What the module of many runs exports. */
interface ModuleExports {
  advance(address: number, bytes: number): number
  advance_part(address: number, bytes: number, from: number, to: number): number
  hash(): number
}

/** Modules that have started: they are not tried again, as that takes a memory, of which browsers allow few. */
const started = new Set<WasmModule>()

const instances = new WeakMap<WebAssembly.Memory, ModuleExports>()

const makeCalls = (module: WasmModule) => ({
  advance(batch: Batch): void {
    const isDone = call(module, batch, (exports, address, bytes) => exports.advance(address, bytes))
    checkOutcome(isDone !== 0, batch.region.byteLength)
  },
  advancePart(batch: Batch, from: number, to: number): boolean {
    const outcome = call(module, batch, (exports, address, bytes) =>
      exports.advance_part(address, bytes, from, to),
    )
    checkOutcome(outcome >= 0, batch.region.byteLength)
    return outcome > 0
  },
})

function call(
  module: WasmModule,
  { region: { memory, byteOffset, byteLength } }: Batch,
  make: (exports: ModuleExports, address: number, bytes: number) => number,
): number {
  const owner = memory as WebAssembly.Memory
  const exports = instances.get(owner) ?? start<ModuleExports>(compile(module), owner)
  // It is kept if the call returns: otherwise it has lost its place on its own stack.
  instances.delete(owner)
  try {
    const outcome = make(exports, byteOffset, byteLength)
    instances.set(owner, exports)
    return outcome
  } catch (thrown) {
    throw isTrap(thrown) ? engineFailure('wasm', `it has trapped: ${thrown.message}`) : thrown
  }
}

export function engineFailure(engine: EngineName, reason: string): EngineError {
  return new EngineError(engine, [reason], 'has failed, and these runs are lost')
}

/** @throws EngineError or MemoryError where an engine has not done what it should */
export function checkOutcome(outcome: boolean | string, byteLength: number): void {
  if (typeof outcome === 'string') throw engineFailure('native', outcome)
  if (!outcome) throw new MemoryError(byteLength, 'somebody has written to the memory of many runs')
}
